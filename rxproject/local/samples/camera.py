"""A phone's camera and a flatbed scanner for drawn pages: desk, perspective, light, noise, EXIF.
Pillow only, and every random number comes from the seed (`Image.effect_noise` has a state of its own)."""

import random
from collections.abc import Callable
from enum import StrEnum
from statistics import NormalDist

from PIL import ExifTags, Image, ImageChops, ImageDraw, ImageFilter, ImageOps
from PIL.Image import Resampling, Transform, Transpose

from rxproject.local.samples.ink import Point

Quad = tuple[Point, Point, Point, Point]

# How the pixels are stored for each EXIF orientation: the inverse of what a viewer does to show them upright.
STORED_AS: dict[int, Transpose | None] = {
    1: None,
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_90,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_270,
}
MAKE, MODEL = "Example Phones Ltd", "Specimen Phone 1"
# Point Nemo, the spot in the ocean farthest from any land: nobody lives there.
LATITUDE, LONGITUDE = (48.0, 52.0, 31.75), (123.0, 23.0, 33.07)
WARM = (255, 249, 232)
LIGHT_SIZE = (48, 64)  # the light changes slowly; this many samples describe it


class Fault(StrEnum):
    """What goes wrong when people take pictures of paper."""

    SHADOW = "shadow"
    DARK = "dark"
    BLUR = "blur"


def photograph(page: Image.Image, rng: random.Random, size: tuple[int, int]) -> Image.Image:
    """The page on a desk, upright, `size` pixels: slightly turned, unevenly lit, a little noisy."""
    corners = place(page.size, rng, size)
    scene = _desk(corners, rng, size)
    flat = perspective(corners, page.size)
    sheet = _folded(page).transform(size, Transform.PERSPECTIVE, flat, Resampling.BILINEAR)
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).polygon(corners, 255)
    scene.paste(sheet, mask=mask)
    scene = ImageChops.multiply(scene, _light(rng).resize(size, Resampling.BICUBIC))
    return noisy(scene, rng, sigma=5.0)


def scan(page: Image.Image, rng: random.Random) -> Image.Image:
    """The page on a flatbed, same size: not quite straight, greyish, a dark edge where the lid is open."""
    turned = page.rotate(rng.uniform(-0.7, 0.7), Resampling.BICUBIC, fillcolor=(236, 236, 232))
    paper = Image.new("RGB", page.size, (250, 249, 245))
    edge = Image.linear_gradient("L").rotate(90).point(lambda v: 255 - max(0, 40 - v) * 2).resize(page.size)
    paper = ImageChops.multiply(paper, Image.merge("RGB", (edge, edge, edge)))
    return noisy(ImageChops.multiply(turned, paper), rng, sigma=2.5)


def spoil(photo: Image.Image, fault: Fault) -> Image.Image:
    """The photo as it comes out in bad light or from an unsteady hand."""
    return _FAULTS[fault](photo)


def stored_pixels(upright: Image.Image, orientation: int) -> Image.Image:
    """The pixels as the sensor delivers them to a phone held so that it notes this EXIF orientation."""
    turn = STORED_AS[orientation]
    return upright if turn is None else upright.transpose(turn)


def phone_exif(orientation: int) -> Image.Exif:
    """Maker, model, time and place: what must not survive a transform."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = MAKE
    exif[ExifTags.Base.Model] = MODEL
    exif[ExifTags.Base.Software] = "specimen generator"
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.DateTime] = "2026:01:05 09:30:00"
    exif[ExifTags.Base.XResolution] = exif[ExifTags.Base.YResolution] = 72.0
    exif[ExifTags.Base.ResolutionUnit] = 2
    exif.get_ifd(ExifTags.IFD.Exif).update(
        {
            ExifTags.Base.DateTimeOriginal: "2026:01:05 09:30:00",
            ExifTags.Base.LensModel: "Specimen Lens f/1.8",
            ExifTags.Base.ISOSpeedRatings: 320,
        }
    )
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(
        {
            ExifTags.GPS.GPSLatitudeRef: "S",
            ExifTags.GPS.GPSLatitude: LATITUDE,
            ExifTags.GPS.GPSLongitudeRef: "W",
            ExifTags.GPS.GPSLongitude: LONGITUDE,
        }
    )
    return exif


def place(page: tuple[int, int], rng: random.Random, size: tuple[int, int]) -> Quad:
    """Where the corners of a page fall in the photo that is drawn next with `rng`, clockwise from the top left; the far
    edge is shorter."""
    width, height = size
    half_h = 0.455 * height
    half_w = min(half_h * page[0] / page[1], 0.46 * width)
    turn = rng.uniform(-0.025, 0.025)
    far = rng.uniform(0.93, 0.96)

    def corner(dx: float, dy: float) -> Point:
        x = width / 2 + dx - dy * turn + rng.uniform(-0.006, 0.006) * width
        y = height / 2 + dy + dx * turn + rng.uniform(-0.006, 0.006) * height
        return x, y

    return (
        corner(-half_w * far, -half_h),
        corner(half_w * far, -half_h),
        corner(half_w, half_h),
        corner(-half_w, half_h),
    )


def perspective(corners: Quad, page: tuple[int, int]) -> list[float]:
    """The eight numbers Pillow wants: they take a point of the photo to its point of the page."""
    width, height = page
    rows: list[list[float]] = []
    for (x, y), (u, v) in zip(corners, ((0, 0), (width, 0), (width, height), (0, height)), strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y, u])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y, v])
    return _solve(rows)


def _solve(rows: list[list[float]]) -> list[float]:
    """Gauss-Jordan elimination with pivoting of n rows of n coefficients and a right-hand side."""
    for column in range(len(rows)):
        pivot = max(range(column, len(rows)), key=lambda r: abs(rows[r][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        rows[column] = [value / rows[column][column] for value in rows[column]]
        for other in range(len(rows)):
            if other != column:
                factor = rows[other][column]
                rows[other] = [a - factor * b for a, b in zip(rows[other], rows[column], strict=True)]
    return [row[-1] for row in rows]


def _folded(page: Image.Image) -> Image.Image:
    """The page after it was folded once across: one half falls away from the light, the crease is worn."""
    fold = Image.new("L", (1, 200), 255)
    for row in range(20):
        fold.putpixel((0, 100 + row), 232 + row)
    fold.putpixel((0, 99), 246)
    shade = fold.resize(page.size, Resampling.BICUBIC)
    return ImageChops.multiply(page, Image.merge("RGB", (shade, shade, shade)))


def _desk(corners: Quad, rng: random.Random, size: tuple[int, int]) -> Image.Image:
    """Wood, which is noise stretched along one side, with the soft shadow of the page. Drawn at a quarter."""
    small = (size[0] // 4, size[1] // 4)
    bands = _randoms(rng, (5, 14)).resize(small, Resampling.BICUBIC)
    grain = _randoms(rng, (6, 420)).resize(small, Resampling.BILINEAR)
    shadow = Image.new("L", small, 255)
    drop = small[0] * 0.009
    ImageDraw.Draw(shadow).polygon([(x / 4 + drop, y / 4 + drop) for x, y in corners], 90)
    shadow = shadow.filter(ImageFilter.GaussianBlur(drop))
    wood = ImageChops.multiply(Image.blend(bands, grain, 0.4), shadow)
    return ImageOps.colorize(wood, (70, 43, 26), (190, 138, 92)).resize(size, Resampling.BILINEAR)


def _light(rng: random.Random) -> Image.Image:
    """Uneven light as a small factor image: a lamp at one side, dark corners, a hand's shadow, a tint."""
    width, height = LIGHT_SIZE
    ramp = Image.linear_gradient("L").rotate(rng.uniform(140, 220), Resampling.BICUBIC)
    lamp = ramp.crop((48, 48, 208, 208)).resize(LIGHT_SIZE).point(lambda v: 206 + v // 4)
    corners = Image.radial_gradient("L").resize(LIGHT_SIZE).point(lambda v: 255 - v * v // 1300)
    hand = Image.new("L", LIGHT_SIZE, 255)
    left, top = rng.uniform(0.45, 0.7) * width, rng.uniform(0.7, 0.8) * height
    ImageDraw.Draw(hand).ellipse((left, top, left + 1.3 * width, top + height), 205)
    hand = hand.filter(ImageFilter.GaussianBlur(5))
    light = ImageChops.multiply(ImageChops.multiply(lamp, corners), hand)
    return Image.merge("RGB", [light.point(lambda v, share=share: v * share // 255) for share in WARM])


def noisy(image: Image.Image, rng: random.Random, *, sigma: float) -> Image.Image:
    """Adds normally distributed noise, a little of it different in each channel as sensors have it."""
    bell = NormalDist(128, sigma)
    noise = _randoms(rng, image.size).point([round(bell.inv_cdf((i + 0.5) / 256)) for i in range(256)])
    channels = (noise, ImageChops.offset(noise, 7, 3), ImageChops.offset(noise, 3, 11))
    return ImageChops.add(image, Image.merge("RGB", channels), 1, -128)


def _randoms(rng: random.Random, size: tuple[int, int]) -> Image.Image:
    return Image.frombytes("L", size, rng.randbytes(size[0] * size[1]))


def _shadow(photo: Image.Image) -> Image.Image:
    """The only lamp stands at the top left, and the hand with the phone is in its way."""
    width, height = LIGHT_SIZE
    ramp = Image.linear_gradient("L").rotate(145, Resampling.BICUBIC).crop((48, 48, 208, 208)).resize(LIGHT_SIZE)
    lamp = ramp.point(lambda v: 78 + v * 2 // 3)
    hand = Image.new("L", LIGHT_SIZE, 255)
    ImageDraw.Draw(hand).polygon(
        [(width * 0.3, height * 0.45), (width * 0.75, height * 0.3), (width, height * 0.75), (width * 0.5, height)], 120
    )
    light = ImageChops.multiply(lamp, hand.filter(ImageFilter.GaussianBlur(2.5))).resize(photo.size, Resampling.BICUBIC)
    return ImageChops.multiply(photo, Image.merge("RGB", [light.point(lambda v, s=s: v * s // 255) for s in WARM]))


_FAULTS: dict[Fault, Callable[[Image.Image], Image.Image]] = {
    Fault.SHADOW: _shadow,
    Fault.DARK: lambda photo: photo.point(lambda value: value * 0.32),
    Fault.BLUR: lambda photo: photo.filter(ImageFilter.GaussianBlur(photo.width / 220)),
}
