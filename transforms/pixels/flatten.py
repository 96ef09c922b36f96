"""Makes a sheet flat: each pixel of it is taken from its own place in the page, in one go. Must never change colours.

All in edge coordinates: the first pixel reaches from 0 to 1. Tiles take the same places as the whole, so they join.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw
from PIL.Image import Resampling, Transform

from transforms.geometry import Box, Size
from transforms.pixels import plan
from transforms.request.paper import Corners, Paper, Point, area, weights

Sides = tuple[int, int, int, int]  # left, top, right, bottom
# Rows of a 3 x 3 matrix: x, y, 1 to multiples of x', y', 1.
Matrix = tuple[float, float, float, float, float, float, float, float, float]

# Source pixels for each one that is made, a side. Bilinear sampling wants about two: with more it skips some, with
# fewer it is soft, and where nothing shrinks bicubic is sharper. A JPEG is decoded for that; the rest is averaged in
# blocks.
_LEAST: Final = 1.3
_BEST: Final = 1.75
_NOTHING: Final = 1.15
_SHRINKS: Final = (8, 4, 2)
_PROXY_SIDE: Final = 720  # pixels of the sheet on which its light is measured
_MARGIN: Final = 4  # pixels around a picture, in which something may lie that touches it
_MARGIN_SHARE: Final = 0.1  # of the sheet; further out the perspective may turn over
_WIDER: Final = (-1.5, 1.5)  # pixels: the half that a touched pixel is away, and one for however Pillow rounds


@dataclass(frozen=True, slots=True)
class Flat:
    """The geometry of one render of a sheet. `source`, `orientation`: the page as stored. `crop` is in the sheet's
    pixels, and becomes `size`. `burn`: redacted rectangles in upright page pixels.
    """

    source: Size
    orientation: int
    paper: Paper
    crop: Box
    size: Size
    burn: tuple[Box, ...] = ()

    @property
    def ratio(self) -> float:
        """Pixels of the page for each pixel that is made, a side."""
        own = math.sqrt(self.paper.area / self.paper.size.area)
        return own * max(self.crop.width / self.size.width, self.crop.height / self.size.height)

    @property
    def shrink(self) -> int:
        """How far a JPEG may be shrunk while decoding: 1, 2, 4 or 8."""
        return next((factor for factor in _SHRINKS if self.ratio >= _LEAST * factor), 1)

    @property
    def burnt_source(self) -> tuple[Box, ...]:
        """The redacted rectangles in pixels of the page as stored."""
        return tuple(plan.to_source(box, self.source, self.orientation) for box in self.burn)

    @property
    def window(self) -> tuple[Box, Size]:
        """The part of the upright page that is needed, and the size in which it is best drawn."""
        page = self.source.rotated(90 * plan.turns_of(self.orientation)[1])
        quad = list(_projected(self._to_page, _around(self.size, 0)))
        left, top = math.floor(min(x for x, _ in quad)) - _MARGIN, math.floor(min(y for _, y in quad)) - _MARGIN
        right, bottom = math.ceil(max(x for x, _ in quad)) + _MARGIN, math.ceil(max(y for _, y in quad)) + _MARGIN
        box = Box(left, top, right - left, bottom - top).clipped(page) or Box(0, 0, 1, 1)
        scale = min(1.0, _BEST / self.ratio)
        return box, Size(max(1, round(box.width * scale)), max(1, round(box.height * scale)))

    def from_source(self, image: Image.Image, factor: int, extra: Sides = (0, 0, 0, 0)) -> Image.Image:
        """Of the page as stored, decoded at 1/`factor`; with so many pixels more to the left, top, right and bottom."""
        upright = _upright(self.source, self.orientation)
        return self._made(image, _product(_scaled(1 / factor, 1 / factor), upright), factor, extra)

    def from_window(self, image: Image.Image, box: Box) -> Image.Image:
        """Of this box of the upright page, drawn in some size."""
        across, down = image.width / box.width, image.height / box.height
        placed: Matrix = (across, 0, -across * box.x, 0, down, -down * box.y, 0, 0, 1)
        return self._made(image, placed, 1 / max(across, down))

    def burnt_output(self) -> tuple[tuple[Point, ...], ...]:
        """The redacted rectangles in pixels of the result, as polygons; of those outside it nothing."""
        room = min(_MARGIN, _MARGIN_SHARE * self.paper.size.width * self.size.width / self.crop.width)
        room = min(room, _MARGIN_SHARE * self.paper.size.height * self.size.height / self.crop.height)
        seen = tuple(_projected(self._to_page, _around(self.size, room)))
        back, found = _inverse(self._to_page), []
        for box in self.burn:
            rest = _clipped(((box.x, box.y), (box.right, box.y), (box.right, box.bottom), (box.x, box.bottom)), seen)
            if len(rest) > 2:
                found.append(tuple(_projected(back, rest)))
        return tuple(found)

    @property
    def _to_page(self) -> Matrix:
        """From pixels of the result to pixels of the upright page."""
        across, down = self.crop.width / self.size.width, self.crop.height / self.size.height
        placed: Matrix = (across, 0, self.crop.x, 0, down, self.crop.y, 0, 0, 1)
        return _product(_to_page(self.paper), placed)

    def _made(self, image: Image.Image, to_image: Matrix, shrunk: float, extra: Sides = (0, 0, 0, 0)) -> Image.Image:
        """`to_image`: from the upright page to `image`, which has a pixel for each `shrunk` of it, a side."""
        wide = self.size.width + extra[0] + extra[2], self.size.height + extra[1] + extra[3]
        places = _product(to_image, _product(self._to_page, (1, 0, -extra[0], 0, 1, -extra[1], 0, 0, 1)))
        to_unit = _product(_scaled(1 / image.width, 1 / image.height), places)
        left = self.ratio / shrunk
        whole = max(1, round(left / _BEST))
        if whole > 1:
            image = image.reduce(whole)
            places = _product(_scaled(1 / whole, 1 / whole), places)
        kernel = Resampling.BICUBIC if left < _NOTHING else Resampling.BILINEAR
        made = image.transform(wide, Transform.PERSPECTIVE, _coefficients(places), kernel)
        return _without_beyond(made, to_unit)


def _without_beyond(made: Image.Image, to_unit: Matrix) -> Image.Image:
    """Where the sheet goes on beyond the photo there is nothing to show: blank paper rather than black ink."""
    corners = _projected(to_unit, _around(Size(*made.size), 0))
    if all(0 <= x <= 1 and 0 <= y <= 1 for x, y in corners):
        return made
    one = Image.new("L", (1, 1), 255)
    inside = one.transform(made.size, Transform.PERSPECTIVE, _coefficients(to_unit), Resampling.NEAREST)
    blank = Image.new(made.mode, made.size, _BLANK[made.mode])
    blank.paste(made, (0, 0), inside)
    return blank


_BLANK: Final[dict[str, int | tuple[int, ...]]] = {
    "L": 255,
    "LA": (255, 255),
    "RGB": (255, 255, 255),
    "RGBA": (255, 255, 255, 255),
    "CMYK": (0, 0, 0, 0),
}


def proxy(page: Image.Image, size: Size, paper: Paper) -> Image.Image:
    """The whole sheet in small, from the whole upright page of `size` pixels in small: on it, its light is measured."""
    shrunk = max(size.width / page.width, size.height / page.height)
    scale = min(1.0, _PROXY_SIDE / max(paper.size.width, paper.size.height), 1 / shrunk)
    small = Size(max(1, round(paper.size.width * scale)), max(1, round(paper.size.height * scale)))
    flat = Flat(size, 1, paper, Box(0, 0, paper.size.width, paper.size.height), small)
    return flat.from_window(page, Box(0, 0, size.width, size.height))


def burn(image: Image.Image, polygons: Sequence[Sequence[Point]]) -> Image.Image:
    """`image` (mode L or RGB) with convex `polygons` painted black, and every pixel that one of them touches.

    A copy, unless there are none.
    """
    if not polygons:
        return image
    image = image.copy()
    draw = ImageDraw.Draw(image)
    for polygon in polygons:
        # Pillow counts from the middles of pixels. A pixel that is touched has its middle half a pixel further away.
        around = [(x - 0.5 + across, y - 0.5 + down) for x, y in polygon for across in _WIDER for down in _WIDER]
        draw.polygon(_hull(around), fill=0)
    return image


def _hull(points: Sequence[Point]) -> list[Point]:
    """The smallest convex polygon around them (Andrew, 1979)."""
    found: list[Point] = []
    for ordered in (sorted(points), sorted(points, reverse=True)):
        side: list[Point] = []
        for x, y in ordered:
            while len(side) > 1 and _left_of(side[-2], side[-1], (x, y)) <= 0:
                side.pop()
            side.append((x, y))
        found += side[:-1]
    return found


def _left_of(start: Point, end: Point, point: Point) -> float:
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])


def _around(size: Size, room: float) -> Corners:
    left, top, right, bottom = -room, -room, size.width + room, size.height + room
    return (left, top), (right, top), (right, bottom), (left, bottom)


def _to_page(paper: Paper) -> Matrix:
    """From pixels of the whole sheet to those of the upright page (Heckbert, Fundamentals of texture mapping, §2.2)."""
    (x0, y0), (x1, y1), _, (x3, y3) = paper.corners
    g, h = weights(paper.corners)
    square: Matrix = (x1 - x0 + g * x1, x3 - x0 + h * x3, x0, y1 - y0 + g * y1, y3 - y0 + h * y3, y0, g, h, 1)
    return _product(square, _scaled(1 / paper.size.width, 1 / paper.size.height))


def _upright(source: Size, orientation: int) -> Matrix:
    """From the upright page to the page as stored: undo the quarter turns, then the mirror."""
    mirror, quarters = plan.turns_of(orientation)
    width, height = source.width, source.height
    turns: tuple[Matrix, ...] = (
        (1, 0, 0, 0, 1, 0, 0, 0, 1),
        (0, 1, 0, -1, 0, height, 0, 0, 1),
        (-1, 0, width, 0, -1, height, 0, 0, 1),
        (0, -1, width, 1, 0, 0, 0, 0, 1),
    )
    mirrored: Matrix = (-1, 0, width, 0, 1, 0, 0, 0, 1)
    return _product(mirrored, turns[quarters]) if mirror else turns[quarters]


def _scaled(across: float, down: float) -> Matrix:
    return across, 0, 0, 0, down, 0, 0, 0, 1


def _product(one: Matrix, other: Matrix) -> Matrix:
    """What does `other` first."""
    a, b, c, d, e, f, g, h, i = (
        sum(one[3 * row + at] * other[3 * at + column] for at in range(3)) for row in range(3) for column in range(3)
    )
    return a, b, c, d, e, f, g, h, i


def _inverse(matrix: Matrix) -> Matrix:
    """Up to a factor, which makes no difference."""
    a, b, c, d, e, f, g, h, i = matrix
    return (
        e * i - f * h, c * h - b * i, b * f - c * e,
        f * g - d * i, a * i - c * g, c * d - a * f,
        d * h - e * g, b * g - a * h, a * e - b * d,
    )  # fmt: skip


def _coefficients(matrix: Matrix) -> tuple[float, ...]:
    """As Pillow takes them."""
    return tuple(value / matrix[8] for value in matrix[:8])


def _projected(matrix: Matrix, points: Sequence[Point]) -> Iterator[Point]:
    a, b, c, d, e, f, g, h, i = matrix
    for x, y in points:
        away = g * x + h * y + i
        yield (a * x + b * y + c) / away, (d * x + e * y + f) / away


def _clipped(polygon: Sequence[Point], window: Sequence[Point]) -> list[Point]:
    """The part of a polygon inside a convex one (Sutherland and Hodgman)."""
    a, b, c, d = window
    clockwise = 1 if area((a, b, c, d)) > 0 else -1
    rest = list(polygon)
    for (x0, y0), (x1, y1) in ((a, b), (b, c), (c, d), (d, a)):
        # How far inside this side, in no unit.
        depths = [clockwise * ((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)) for x, y in rest]
        kept: list[Point] = []
        for at, (point, depth) in enumerate(zip(rest, depths, strict=True)):
            before, above = rest[at - 1], depths[at - 1]
            if (depth >= 0) != (above >= 0):
                share = above / (above - depth)
                kept.append((before[0] + share * (point[0] - before[0]), before[1] + share * (point[1] - before[1])))
            if depth >= 0:
                kept.append(point)
        rest = kept
    return rest
