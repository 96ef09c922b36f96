"""The sheet of paper in a page as the service knows it: four corners, its own size, and the name made of both.

Pure geometry, no pixel. Where it lies is found (`measure.sheet`) or set by a person; how it is made flat is
`pixels.flatten`.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

from transforms.geometry import Size, fit
from transforms.limits import LIMITS, Limits

Point = tuple[float, float]
Corners = tuple[Point, Point, Point, Point]

_VERSION: Final = "rx-sheet-v1"
_TENTHS: Final = 10
_OUTSIDE: Final = 0.1  # of the page's longer side: how far a corner may lie beyond its edge, where paper is cut off
_SHORTEST: Final = 32  # pixels of a side; less holds no line of writing
_STEEPEST: Final = 4  # times as far away as its nearest corner may the farthest be: beyond that nothing can be read
_SHARPEST: Final = math.sin(math.radians(20))  # of the angle at a corner
# Sensors have these shapes. A photo of another one was cropped, and nobody knows where its middle was.
_SENSORS: Final = (4 / 3, 3 / 2, 16 / 9)
_SHAPE: Final = 0.015
# Focal lengths in the longer side of a picture: what telephones have, and between what bounds one that was worked out
# is believed.
_FOCAL: Final = 0.75
_FOCALS: Final = (0.5, 1.6)
_TAPER: Final = 0.03  # how much farther one side must be than the other, both ways, for that to be worked out at all


class Wrong(StrEnum):
    """Why four points are no corners of a sheet."""

    POINTS = "points"  # not four of them, or none that can be
    OUTSIDE = "outside"  # too far outside the page
    CROSSED = "crossed"  # not clockwise around one convex figure
    SMALL = "small"
    STEEP = "steep"  # no camera sees a sheet like that


class CornersRefused(ValueError):
    """`why` four points cannot be the corners of a sheet."""

    def __init__(self, why: Wrong) -> None:
        super().__init__(why.value)
        self.why = why


@dataclass(frozen=True, slots=True)
class Paper:
    """`corners` in pixels of the upright page, to a tenth, clockwise from the sheet's own top left; they may lie a
    little outside. `size`: of the sheet once it is flat, in pixels.
    """

    corners: Corners
    size: Size

    @classmethod
    def of(cls, corners: Sequence[Sequence[float]], page: Size, *, limits: Limits = LIMITS) -> Self:
        """The sheet with these corners in a page of so many pixels. Raises CornersRefused."""
        checked = _checked(corners, page)
        return cls(checked, _size(checked, page, limits))

    def as_fields(self) -> list[Any]:
        """As JSON has it."""
        return [self.corners, [self.size.width, self.size.height]]

    @classmethod
    def of_fields(cls, fields: Sequence[Any]) -> Self:
        """What `as_fields` gave: nothing is checked."""
        a, b, c, d = ((x, y) for x, y in fields[0])
        return cls((a, b, c, d), Size(*fields[1]))

    @property
    def digest(self) -> str:
        """8 hex digits over corners and size: the sheet's name in addresses and keys."""
        tenths = [[round(x * _TENTHS), round(y * _TENTHS)] for x, y in self.corners]
        text = json.dumps([_VERSION, tenths, [self.size.width, self.size.height]])
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    @property
    def area(self) -> float:
        """Of the figure in the page, in square pixels."""
        return area(self.corners)


def area(corners: Corners) -> float:
    """Of a figure, positive if clockwise."""
    following = (*corners[1:], corners[0])
    return sum(one[0] * two[1] - two[0] * one[1] for one, two in zip(corners, following, strict=True)) / 2


def turned(corners: Corners, quarters: int) -> Corners:
    """The same sheet, turned clockwise by so many quarters: what was its left side is on top after one."""
    at = -quarters % 4
    a, b, c, d = (*corners[at:], *corners[:at])
    return a, b, c, d


def weights(corners: Corners) -> tuple[float, float]:
    """(g, h) of the perspective: a point at shares u, v of the sheet is 1 + g*u + h*v times as far away as the first
    corner. Raises ZeroDivisionError where three corners are on one line.
    """
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners
    across, down = x0 - x1 + x2 - x3, y0 - y1 + y2 - y3
    right, left, lower, upper = x1 - x2, x3 - x2, y3 - y2, y1 - y2
    whole = right * lower - left * upper
    return (across * lower - left * down) / whole, (right * down - across * upper) / whole


def _checked(corners: Sequence[Sequence[float]], page: Size) -> Corners:
    if not isinstance(corners, list | tuple) or len(corners) != 4 or not all(map(_is_point, corners)):
        raise CornersRefused(Wrong.POINTS)
    # Zero added: there is no minus zero among them, which would have another name.
    a, b, c, d = ((round(float(x), 1) + 0.0, round(float(y), 1) + 0.0) for x, y in corners)
    four = (a, b, c, d)
    reach = _OUTSIDE * max(page.width, page.height)
    if any(not (-reach <= x <= page.width + reach and -reach <= y <= page.height + reach) for x, y in four):
        raise CornersRefused(Wrong.OUTSIDE)
    sides = [(math.dist(one, two), one, two) for one, two in zip(four, (b, c, d, a), strict=True)]
    if any(length == 0 for length, *_ in sides):
        raise CornersRefused(Wrong.CROSSED)
    sines = []
    for (length, one, two), (following, _two, three) in zip(sides, (*sides[1:], sides[0]), strict=True):
        turn = (two[0] - one[0]) * (three[1] - two[1]) - (two[1] - one[1]) * (three[0] - two[0])
        sines.append(turn / (length * following))
    if min(sines) <= 0:
        raise CornersRefused(Wrong.CROSSED)
    if min(length for length, *_ in sides) < _SHORTEST:
        raise CornersRefused(Wrong.SMALL)
    g, h = weights(four)
    away = (1, 1 + g, 1 + g + h, 1 + h)
    if min(sines) < _SHARPEST or min(away) <= 0 or max(away) > _STEEPEST * min(away):
        raise CornersRefused(Wrong.STEEP)
    return four


def _is_point(point: object) -> bool:
    if not isinstance(point, list | tuple) or len(point) != 2:
        return False
    # Before anything is computed with them: a number of a million digits is one, too.
    return all(type(part) in (int, float) and abs(part) <= LIMITS.source_side * 2 for part in point)


def _size(corners: Corners, page: Size, limits: Limits) -> Size:
    """As many pixels as its longest sides have in the page, so that nothing that can be read is lost."""
    a, b, c, d = corners
    width, height = max(math.dist(a, b), math.dist(d, c)), max(math.dist(a, d), math.dist(b, c))
    shape, pixels = _shape(corners, page), width * height
    whole = Size(max(1, round(math.sqrt(pixels * shape))), max(1, round(math.sqrt(pixels / shape))))
    return fit(whole, Size(limits.source_side, limits.source_side), area=limits.source_pixels)


def _shape(corners: Corners, page: Size) -> float:
    """Width over height of the sheet itself (Zhang and He, Whiteboard scanning and image enhancement, 2007, §3.2)."""
    a, b, c, d = corners
    plain = (math.dist(a, b) + math.dist(d, c)) / (math.dist(a, d) + math.dist(b, c))
    longer = max(page.width, page.height)
    seen = longer / min(page.width, page.height)
    if not any(abs(seen / sensor - 1) < _SHAPE for sensor in _SENSORS):
        return plain
    # About the picture's middle, which the camera looked at. From each corner it comes out a little differently: who
    # turns a sheet over wants it as large as before.
    points = [((x - page.width / 2) / longer, (y - page.height / 2) / longer, 1.0) for x, y in corners]
    logarithms = [math.log(_seen_from(points[at:] + points[:at])) * (-1) ** at for at in range(4)]
    shape = math.exp(sum(logarithms) / 4)
    return shape if 1 / _STEEPEST < shape / plain < _STEEPEST else plain


def _seen_from(corners: "list[_Vector]") -> float:
    """The same, beginning with the first of these corners."""
    one, two, four, three = corners  # in their order: top left, top right, bottom left, bottom right
    across = _less(_times(two, _triple(one, four, three) / _triple(two, four, three)), one)
    down = _less(_times(three, _triple(one, four, two) / _triple(three, four, two)), one)
    focal = _focal(across, down)
    return _length(across, focal) / _length(down, focal)


def _focal(across: "_Vector", down: "_Vector") -> float:
    """At which the sides of the sheet stand upright on each other."""
    if min(abs(across[2]), abs(down[2])) < _TAPER:
        return _FOCAL
    square = -(across[0] * down[0] + across[1] * down[1]) / (across[2] * down[2])
    focal = math.sqrt(square) if square > 0 else 0.0
    return focal if _FOCALS[0] <= focal <= _FOCALS[1] else _FOCAL


_Vector = tuple[float, float, float]


def _triple(a: _Vector, b: _Vector, c: _Vector) -> float:
    """(a x b) . c"""
    return (a[1] * b[2] - a[2] * b[1]) * c[0] + (a[2] * b[0] - a[0] * b[2]) * c[1] + (a[0] * b[1] - a[1] * b[0]) * c[2]


def _times(vector: _Vector, factor: float) -> _Vector:
    return vector[0] * factor, vector[1] * factor, vector[2] * factor


def _less(one: _Vector, other: _Vector) -> _Vector:
    return one[0] - other[0], one[1] - other[1], one[2] - other[2]


def _length(vector: _Vector, focal: float) -> float:
    return math.hypot(vector[0] / focal, vector[1] / focal, vector[2])
