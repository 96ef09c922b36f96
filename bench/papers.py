"""Photos of papers with true corners: ten kinds of table, five of page, a pinhole camera, and what goes wrong.

A photo follows from its seed. `TUNING` is what a finder may be made with; `HELD_OUT` is for measuring it, once.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from bench import pages, tables
from bench.pages import WORDS
from rxproject.local.samples import camera
from rxproject.local.samples.camera import Quad
from rxproject.local.samples.ink import Ink, Point

TUNING: Final = range(650)
CHECK: Final = (*range(1000, 1100), *range(2000, 2100))  # by which thresholds are chosen
HELD_OUT: Final = range(3000, 3100)
# How often each happens. A cut photo has one corner outside; a curled sheet has straight sides no more.
EFFECTS: Final = {
    "shadow": 0.3, "falling": 0.3, "dark": 0.08, "curl": 0.25, "cut": 0.08, "second": 0.12, "finger": 0.15, "blur": 0.1,
}  # fmt: skip
FOCAL: Final = 0.78  # of the picture's longer side, as phones have it
SKINS: Final[tuple[Ink, ...]] = ((205, 150, 125), (150, 100, 75), (230, 185, 165), (95, 60, 45))
GRID: Final = 24  # cells a side, in each of which a curled page is flat


@dataclass(frozen=True, slots=True)
class Photo:
    """`corners` in pixels of `image`, clockwise from the page's top left. `table`, `page`: kinds."""

    image: Image.Image
    corners: Quad
    table: str
    effects: frozenset[str]
    page: str


@dataclass(frozen=True, slots=True)
class Page:
    """A flat page; `size` in millimetres."""

    image: Image.Image
    size: tuple[float, float]
    kind: str


# --- Pages ----------------------------------------------------------------------------------------------------------


@cache
def _prescription(seed: int) -> Image.Image:
    return pages.page(seed)[0]


def page(rng: random.Random) -> Page:
    """A demo prescription, a letter, a form, a hand-written slip or a receipt."""
    kind = rng.choice(("demo", "demo", "demo", "demo", "letter", "letter", "pad", "pad", "receipt", "form"))
    if kind == "demo":
        return Page(_prescription(rng.randrange(1, 9)), (210, 297), kind)
    sizes = {
        "letter": ((210, 297), (216, 279)),
        "form": ((148, 210),),
        "pad": ((105, 148), (148, 210), (100, 190)),
        "receipt": ((80, rng.randrange(150, 230)),),
    }
    width, height = rng.choice(sizes[kind])
    plain, tinted = (255, 255, 255), ((252, 250, 244), (246, 248, 252), (255, 250, 225))
    paper = rng.choice(
        (plain, *tinted) if kind != "pad" else (plain, (255, 246, 200), (232, 245, 232), (252, 250, 244))
    )
    mm = (150 if kind in ("letter", "form") else 200) / 25.4
    image = Image.new("RGB", (round(width * mm), round(height * mm)), paper)
    _WRITE[kind](ImageDraw.Draw(image), rng, width, height, mm)
    return Page(image, (width, height), kind)


def _write(draw: ImageDraw.ImageDraw, at: Point, text: str, millimetres: float, ink: Ink = (25, 25, 30)) -> None:
    draw.text(at, text, ink, tables.font(max(6, round(millimetres))))


def _letter(draw: ImageDraw.ImageDraw, rng: random.Random, width: float, height: float, mm: float) -> None:
    _write(draw, (20 * mm, 12 * mm), "Dr. Specimen Clinic", 6.4 * mm, (0, 60, 120))
    if rng.random() < 0.5:
        draw.rectangle((0, 0, width * mm, 6 * mm), fill=(0, 90, 140))
    y = 35.0
    while y < height - 20:
        line = " ".join(rng.choice(WORDS) for _ in range(int((width - 40) / 12)))
        _write(draw, (20 * mm, y * mm), line[: len(line) // 2] if rng.random() < 0.2 else line, 3.9 * mm)
        y += rng.choice((6, 6, 6, 12))


def _form(draw: ImageDraw.ImageDraw, rng: random.Random, width: float, height: float, mm: float) -> None:
    _letter(draw, rng, width, height, mm)
    for y in range(40, int(height) - 10, 14):
        draw.line((8 * mm, y * mm, (width - 8) * mm, y * mm), fill=(120, 120, 130), width=2)
    draw.rectangle((6 * mm, 30 * mm, (width - 6) * mm, (height - 8) * mm), outline=(60, 60, 70), width=3)


def _pad(draw: ImageDraw.ImageDraw, rng: random.Random, width: float, _height: float, mm: float) -> None:
    _write(draw, (8 * mm, 6 * mm), "Dr. A. Specimen MBBS", 4.2 * mm, (150, 20, 20))
    draw.line((5 * mm, 22 * mm, (width - 5) * mm, 22 * mm), fill=(150, 20, 20), width=3)
    for row in range(rng.randrange(3, 7)):
        x, y, points = 10 * mm, (32 + row * 12) * mm, []
        for _ in range(rng.randrange(20, 60)):
            points.append((x, y + rng.uniform(-3, 3) * mm))
            x += rng.uniform(0.3, 1.6) * mm
        inside = [point for point in points if point[0] < width * mm * 0.92]
        draw.line(inside, fill=(20, 30, 110), width=max(2, round(0.5 * mm)), joint="curve")


def _receipt(draw: ImageDraw.ImageDraw, rng: random.Random, _width: float, height: float, mm: float) -> None:
    for y in range(6, int(height) - 8, 5):
        _write(draw, (5 * mm, y * mm), " ".join(rng.choice(WORDS) for _ in range(4))[:30], 2.8 * mm)


_WRITE: Final = {"letter": _letter, "form": _form, "pad": _pad, "receipt": _receipt}


# --- Camera ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class View:
    """How a sheet lies before the camera: `tilt` and `towards` (which way), `roll`, radians; `fill` of the picture."""

    tilt: float
    towards: float
    roll: float
    fill: float

    def project(self, size: tuple[float, float], picture: tuple[int, int], at: Point) -> Quad:
        """Where the corners of a sheet fall. `at`: where in the room left over, -0.5 to 0.5 each way."""
        focal, (width, height) = FOCAL * max(picture), picture
        corners = [
            self._turned(size[0] * x, size[1] * y) for x, y in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
        ]
        centre, depth = (0.0, 0.0), 4 * max(size)
        # The camera is moved until the sheet fills so much and lies there; it is never shifted in the picture.
        for _ in range(12):
            seen = [
                (focal * (x + centre[0]) / (z + depth) + width / 2, focal * (y + centre[1]) / (z + depth) + height / 2)
                for x, y, z in corners
            ]
            left, right = min(x for x, _ in seen), max(x for x, _ in seen)
            top, bottom = min(y for _, y in seen), max(y for _, y in seen)
            depth *= max((right - left) / width, (bottom - top) / height) / self.fill
            goal = (at[0] * (width - (right - left)), at[1] * (height - (bottom - top)))
            off = (goal[0] + width / 2 - (left + right) / 2, goal[1] + height / 2 - (top + bottom) / 2)
            centre = (centre[0] + off[0] * depth / focal, centre[1] + off[1] * depth / focal)
        return seen[0], seen[1], seen[2], seen[3]

    def _turned(self, x: float, y: float) -> tuple[float, float, float]:
        cos, sin = math.cos(self.roll), math.sin(self.roll)
        x, y = cos * x - sin * y, sin * x + cos * y
        along, across = math.cos(self.towards), math.sin(self.towards)  # the axis of the tilt
        part = along * x + across * y
        off = (x - along * part, y - across * part)
        lift = along * y - across * x
        cos, sin = math.cos(self.tilt), math.sin(self.tilt)
        return along * part + off[0] * cos, across * part + off[1] * cos, lift * sin


def lay(
    scene: Image.Image, image: Image.Image, corners: Quad, rng: random.Random, *, curl: float = 0, shadow: bool = True
) -> None:
    """Puts `image` on the scene. `curl`: how far its middle is pushed along its height, of that height."""
    width, height = image.size
    flat = camera.perspective(corners, image.size)
    ratio = math.sqrt(width * height / max(1, _area(corners)))
    pad = 3 + round(2 * ratio)
    padded = image.resize((width + 2 * pad, height + 2 * pad), Image.Resampling.NEAREST)
    padded.paste(image, (pad, pad))
    alpha = Image.new("L", padded.size)
    alpha.paste(255, (pad, pad, pad + width, pad + height))
    if curl:
        shade = [round(240 - 800 * abs(curl) * math.cos(math.pi * column / 31)) for column in range(32)]
        row = Image.frombytes("L", (32, 1), bytes(shade)).resize(padded.size, Image.Resampling.BICUBIC)
        padded = ImageChops.multiply(padded, Image.merge("RGB", (row, row, row)))
    soften = ImageFilter.GaussianBlur(0.45 * max(1, ratio))
    padded, alpha = padded.filter(soften), alpha.filter(soften)
    mesh = _mesh(scene.size, flat, (width, height), pad, curl)
    how = (scene.size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)
    seen, mask = padded.transform(*how), alpha.transform(*how)
    if shadow:
        reach, angle, depth = rng.uniform(0.002, 0.015) * scene.width, rng.uniform(0, 6.28), rng.uniform(0.15, 0.5)
        cast = ImageChops.offset(mask, round(reach * math.cos(angle)), round(reach * math.sin(angle)))
        cast = cast.filter(ImageFilter.GaussianBlur(max(1, reach))).point(
            [255 - round(level * depth) for level in range(256)]
        )
        scene.paste(ImageChops.multiply(scene, Image.merge("RGB", (cast, cast, cast))))
    scene.paste(seen, mask=mask)


def _mesh(
    picture: tuple[int, int], flat: Sequence[float], size: tuple[int, int], pad: int, curl: float
) -> list[tuple[tuple[int, int, int, int], tuple[float, ...]]]:
    a, b, c, d, e, f, g, h = flat

    def source(x: int, y: int) -> Point:
        under = g * x + h * y + 1
        if under < 0.05:  # behind the camera
            return (-1e6, -1e6)
        u, v = (a * x + b * y + c) / under, (d * x + e * y + f) / under
        bend = curl * size[1] * math.sin(math.pi * min(1.2, max(-0.2, u / size[0]))) * (1 - 0.3 * v / size[1])
        return u + pad, v + bend + pad

    xs = [picture[0] * step // GRID for step in range(GRID + 1)]
    ys = [picture[1] * step // GRID for step in range(GRID + 1)]
    cells = []
    for left, right in pairwise(xs):
        for top, bottom in pairwise(ys):
            around = (source(left, top), source(left, bottom), source(right, bottom), source(right, top))
            cells.append(((left, top, right, bottom), tuple(number for point in around for number in point)))
    return cells


def _area(corners: Quad) -> float:
    return abs(sum(corners[i - 1][0] * corners[i][1] - corners[i][0] * corners[i - 1][1] for i in range(4))) / 2


# --- The photo ------------------------------------------------------------------------------------------------------


def photo(seed: int, megapixels: float = 3, *, table: str = "", effects: frozenset[str] | None = None) -> Photo:
    """Number `seed`. `table` and `effects` are drawn where they are not given."""
    rng = random.Random(f"paper {seed}")
    width = round(math.sqrt(megapixels * 1e6 * 3 / 4))
    size = (width, round(width * 4 / 3))
    if rng.random() < 0.12:
        size = size[::-1]
    sheet, table = page(rng), table or tables.TURNS[seed % len(tables.TURNS)]
    happened = frozenset(effect for effect, share in EFFECTS.items() if rng.random() < share)
    effects = happened if effects is None else effects
    if table == "room":  # held in a hand
        effects = effects - {"cut"} | {"finger"}
    roll = math.radians(rng.gauss(0, 4))
    if rng.random() < 0.1:
        roll += math.radians(rng.choice((90, -90)))
    elif rng.random() < 0.1:
        roll += math.radians(rng.uniform(-25, 25))
    view = View(math.radians(rng.uniform(0, 25)), rng.uniform(0, 6.28), roll, rng.uniform(0.62, 0.95))
    corners = view.project(sheet.size, size, (rng.uniform(-0.4, 0.4), rng.uniform(-0.4, 0.4)))
    if "cut" in effects:
        corners = _cut(corners, rng, size)
    scene = tables.draw(table, rng, size)
    if "second" in effects:
        other, lower = page(rng), View(view.tilt, rng.uniform(0, 6.28), roll + rng.uniform(-0.4, 0.4), view.fill)
        placed = lower.project(other.size, size, (0, 0))
        off = (rng.choice((-1, 1)) * rng.uniform(0.3, 0.6) * size[0], rng.uniform(-0.2, 0.2) * size[1])
        lay(scene, other.image, _moved(placed, *off), rng)
    curl = rng.choice((-1, 1)) * rng.uniform(0.004, 0.018) if "curl" in effects else 0
    paper = sheet.image
    if rng.random() < 0.85:
        share = rng.uniform(0.88, 1)
        paper = paper.point([int(level * share) for level in range(256)] * 3)
    lay(scene, paper, corners, rng, curl=curl, shadow=table != "room")
    if "finger" in effects:
        for _ in range(rng.choice((1, 1, 2))):
            _finger(scene, corners, rng)
    scene = tables.light(scene, rng, effects)
    lens = rng.uniform(1.5, 4) if "blur" in effects else 0.7
    scene = scene.filter(ImageFilter.GaussianBlur(lens * size[0] / 1732))
    scene = camera.noisy(scene, rng, sigma=8 if "dark" in effects else rng.uniform(2, 5))
    return Photo(scene, corners, table, effects, sheet.kind)


def _moved(corners: Quad, x: float, y: float) -> Quad:
    a, b, c, d = ((px + x, py + y) for px, py in corners)
    return a, b, c, d


def _cut(corners: Quad, rng: random.Random, size: tuple[int, int]) -> Quad:
    """Moved so that exactly one corner is outside, or not at all."""
    which = rng.randrange(4)
    x, y = corners[which]
    if rng.random() < 0.5:
        moved = _moved(corners, (-0.03 if x < size[0] / 2 else 1.03) * size[0] - x, 0)
    else:
        moved = _moved(corners, 0, (-0.025 if y < size[1] / 2 else 1.025) * size[1] - y)
    outside = [not (0 <= x < size[0] and 0 <= y < size[1]) for x, y in moved]
    return moved if sum(outside) == 1 and outside[which] else corners


def _finger(scene: Image.Image, corners: Quad, rng: random.Random) -> None:
    which, share = rng.randrange(4), rng.uniform(0.25, 0.75)
    (x0, y0), (x1, y1) = corners[which], corners[(which + 1) % 4]
    tip = (x0 + (x1 - x0) * share, y0 + (y1 - y0) * share)
    middle = (sum(x for x, _ in corners) / 4, sum(y for _, y in corners) / 4)
    out = math.atan2(tip[1] - middle[1], tip[0] - middle[0])
    long, wide = 0.16 * max(scene.size), 0.05 * max(scene.size)
    at = (tip[0] + math.cos(out) * long * 0.62, tip[1] + math.sin(out) * long * 0.62)
    turn = out + math.radians(rng.uniform(-20, 20))
    outline = []
    for step in range(48):
        along, across = long * math.cos(step * math.pi / 24), wide * math.sin(step * math.pi / 24)
        outline.append(
            (
                at[0] + along * math.cos(turn) - across * math.sin(turn),
                at[1] + along * math.sin(turn) + across * math.cos(turn),
            )
        )
    mask = Image.new("L", scene.size)
    ImageDraw.Draw(mask).polygon(outline, 255)
    scene.paste(rng.choice(SKINS), mask=mask.filter(ImageFilter.GaussianBlur(0.002 * scene.width)))
