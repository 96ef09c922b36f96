"""Qualities: grey, bitonal and enhanced change colour and never geometry, and their tiles join."""

import colorsys
import itertools
import random
from dataclasses import dataclass

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageStat

from tests.transforms import fixtures
from tests.transforms.fixtures import BLACK, WHITE
from tests.transforms.rendering import corners, pixels, shows
from transforms.geometry import Size
from transforms.measure.probe import probe
from transforms.render import RenderJob, render
from transforms.request.spec import Spec
from transforms.sandbox import Sandbox


def test_gray_is_grey_and_has_the_same_lightness_however_it_was_decoded():
    for data in (fixtures.jpeg(), fixtures.png()):
        image = pixels(data, "full/max/0/gray.png")
        assert image.mode == "L"
        assert [abs(c[0] - w) <= 3 for c, w in zip(corners(image), (76, 94, 29, 0), strict=True)] == [True] * 4


@pytest.mark.parametrize("form", ["png", "webp", "jpg"])
def test_bitonal_has_two_colours(form):
    image = pixels(fixtures.jpeg(), f"full/max/0/bitonal.{form}").convert("L")
    assert shows(image, (BLACK,) * 4)
    if form != "jpg":
        assert set(image.get_flattened_data()) == {0, 255}


@pytest.mark.parametrize("make_source", [fixtures.jpeg, fixtures.png])
def test_enhanced_evens_the_light_whitens_the_paper_and_keeps_the_inks(make_source):
    source = make_source(fixtures.photo())
    before = pixels(source, "full/384,256/0/default.png")
    image = pixels(source, "full/384,256/0/enhanced.png")
    for at in ((8, 8), (376, 8), (8, 248), (376, 248)):  # paper in the four corners
        assert min(image.getpixel(at)) >= 240
    assert min(before.getpixel((376, 248))) < 120, "the photo must have a dark corner to begin with"
    inks = [pixel for pixel in image.get_flattened_data() if max(pixel) - min(pixel) > 60]
    for ink, of_it in (((40, 50, 130), lambda r, _g, b: b > r), ((150, 40, 40), lambda r, _g, b: r > b)):
        found = [pixel for pixel in inks if of_it(*pixel)]
        assert len(found) > 300
        seen = [sum(channel) / len(found) for channel in zip(*found, strict=True)]
        # As a scanner sees it, which takes the paper for white.
        true = [level / paper for level, paper in zip(ink, (235, 230, 220), strict=True)]
        apart = abs(colorsys.rgb_to_hsv(*seen)[0] - colorsys.rgb_to_hsv(*true)[0])
        assert min(apart, 1 - apart) * 360 < 8


@pytest.mark.usefixtures("either_resizer")
@pytest.mark.parametrize("damage", ["noise", "blur"])
def test_tiles_of_a_page_that_is_filtered_join_to_it(damage):
    plain = fixtures.photo(4)
    grain = Image.frombytes("L", plain.size, random.Random(1).randbytes(plain.width * plain.height))
    damaged = {
        "noise": ImageChops.blend(plain, Image.merge("RGB", (grain,) * 3), 0.3),
        "blur": plain.filter(ImageFilter.GaussianBlur(2)),
    }[damage]
    source = fixtures.png(damaged)
    whole, joined = pixels(source, "full/max/0/enhanced.png"), Image.new("RGB", plain.size)
    for x, y in itertools.product(range(0, plain.width, 64), range(0, plain.height, 64)):
        joined.paste(pixels(source, f"{x},{y},64,64/max/0/enhanced.png"), (x, y))
    # Colour takes a way round, in whole levels; without what lies around them, seams differ by 40.
    assert max(high for _, high in ImageChops.difference(whole, joined).getextrema()) <= 4


def test_noise_is_smoothed_blur_sharpened_and_a_good_page_left_alone():
    page = Image.new("L", (768, 512), 235)
    draw = ImageDraw.Draw(page)
    for row in range(40, 480, 48):
        for x in range(40, 720, 18):
            draw.line((x, row, x + 8, row + 20), fill=40, width=4)
    sharp = Edges.of(page)
    noisy = Edges.of(ImageChops.add(page, Image.effect_noise(page.size, 50), 1, -128))
    blurred = Edges.of(page.filter(ImageFilter.GaussianBlur(1.5)))
    assert sharp.enhanced == pytest.approx(sharp.default * 255 / 235, rel=0.02)
    assert noisy.enhanced < 0.7 * noisy.default
    assert blurred.enhanced > 1.15 * blurred.default


@dataclass(frozen=True)
class Edges:
    """How much a page changes from pixel to pixel, on average, in each quality."""

    default: float
    enhanced: float

    @classmethod
    def of(cls, page: Image.Image) -> "Edges":
        source = fixtures.png(page)
        made = (pixels(source, f"full/max/0/{quality}.png").convert("L") for quality in ("default", "enhanced"))
        return cls(
            *(ImageStat.Stat(ImageChops.difference(image, ImageChops.offset(image, 1))).mean[0] for image in made)
        )


def test_enhanced_does_not_move_anything():
    source = fixtures.jpeg(fixtures.photo())
    plain = pixels(source, "full/384,256/0/gray.png").point(lambda v: v)
    image = pixels(source, "full/384,256/0/enhanced.png").convert("L")
    edges = [i.filter(ImageFilter.FIND_EDGES).point(lambda v: 255 * (v > 60)) for i in (plain, image)]
    both = ImageStat.Stat(ImageChops.multiply(*edges)).sum[0]
    assert both >= 0.9 * ImageStat.Stat(edges[0]).sum[0]


@pytest.mark.usefixtures("either_resizer")
@pytest.mark.parametrize("quality", ["enhanced", "bitonal"])
@pytest.mark.parametrize("make_source", [fixtures.jpeg, fixtures.png])
def test_tiles_of_a_measured_quality_match_their_page(quality, make_source):
    source = make_source(fixtures.photo())
    whole = pixels(source, f"full/max/0/{quality}.png").convert("RGB")
    part = pixels(source, f"256,128,256,256/max/0/{quality}.png").convert("RGB")
    difference = ImageChops.difference(whole.crop((256, 128, 512, 384)), part)
    assert max(ImageStat.Stat(difference).mean) < 0.2


@pytest.mark.usefixtures("either_resizer")
@pytest.mark.parametrize("quality", ["enhanced", "bitonal"])
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("level", [1, 2, 4])
def test_all_tiles_of_a_measured_quality_join_to_their_page(quality, orientation, level):
    source = fixtures.jpeg(fixtures.photo(4), exif=_exif(orientation))
    page = Size(384, 256).rotated(90 if orientation == 6 else 0)
    small = Size(page.width // level, page.height // level)
    whole = pixels(source, f"full/{small}/0/{quality}.png").convert("RGB")
    joined, tile = Image.new("RGB", whole.size), 64 * level
    for x, y in itertools.product(range(0, page.width, tile), range(0, page.height, tile)):
        width, height = min(tile, page.width - x), min(tile, page.height - y)
        part = pixels(source, f"{x},{y},{width},{height}/{width // level},{height // level}/0/{quality}.png")
        joined.paste(part, (x // level, y // level))
    assert whole.size == (small.width, small.height)
    assert max(high for _, high in ImageChops.difference(whole, joined).getextrema()) <= 1


def _exif(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def test_enhanced_is_the_same_in_every_process():
    source = fixtures.jpeg(fixtures.photo())
    found = probe(source)
    (page,) = found.pages
    jobs = [
        RenderJob(found.media_type, 1, Spec.parse(spec).resolve(page), page)
        for spec in ("full/max/0/enhanced.webp", "256,128,256,256/max/0/enhanced.png")
    ]
    here = [render(source, job).data for job in jobs]
    boxes = Sandbox(), Sandbox()
    try:
        for box in boxes:
            assert [box.render(source, job, owner="a").data for job in jobs] == here
    finally:
        for box in boxes:
            box.close()


def test_enhanced_leaves_a_dark_photo_dark():
    image = pixels(fixtures.jpeg(Image.new("RGB", (96, 64), (12, 12, 14))), "full/max/0/enhanced.png")
    assert image.size == (96, 64)
    half = Image.new("RGB", (960, 640), WHITE)
    half.paste((20, 20, 20), (0, 0, 480, 640))
    assert max(pixels(fixtures.png(half), "full/max/0/enhanced.png").getpixel((100, 300))) < 60


def shadowed(times: int = 10) -> Image.Image:
    """Paper under a blue heading with white writing; the right half lies in a shadow with a soft edge."""
    image = Image.new("RGB", (96 * times, 64 * times), (236, 232, 222))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 96 * times, 14 * times), fill=(40, 90, 170))
    draw.rectangle((10 * times, 6 * times, 40 * times, 7 * times), fill=WHITE)
    draw.rectangle((10 * times, 30 * times, 86 * times, 31 * times), fill=(35, 45, 120))
    shade = Image.new("L", image.size, 255)
    shade.paste(130, (48 * times, 0, *image.size))
    shade = shade.filter(ImageFilter.GaussianBlur(2 * times))
    return ImageChops.multiply(image, Image.merge("RGB", (shade,) * 3))


def test_bitonal_reads_across_the_edge_of_a_shadow():
    image = pixels(fixtures.png(shadowed()), "full/max/0/bitonal.png").convert("L")
    line, paper = (image.crop((110, y, 850, y + 1)).histogram() for y in (305, 400))
    assert line[0] == 740
    assert paper[255] == 740


def test_writing_on_a_printed_band_is_not_bleached():
    image = pixels(fixtures.png(shadowed()), "full/max/0/enhanced.png").convert("L")
    assert image.getpixel((250, 65)) > 230
    assert image.getpixel((250, 30)) < 110
