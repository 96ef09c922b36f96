"""The sides of a figure, followed on the larger picture: corners to a fraction of a pixel, though paper curls."""

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Final, NamedTuple

from PIL import Image, ImageChops, ImageFilter

from transforms.measure.edges import LEVELS, STRENGTH
from transforms.measure.quads import Corners, Point

_PLACES: Final = 64  # along a side, in which the strongest step is looked for
_ENDS: Final = 0.02  # of a side, left out: corners are round, and the neighbour's step is near
_FAINT: Final = 8  # of 255; a weaker step says nothing
_ENOUGH: Final = 0.3  # of the places
_BORDER: Final = 3  # pixels
_STEPS: Final = ImageFilter.Kernel((3, 3), (-1, -1, -1, 0, 0, 0, 1, 1, 1), 2, 128)


class _Course(NamedTuple):
    """Of a side: off its straight line by `a` + `b` t + `c` t² pixels, t from 0 at its first corner to 1."""

    start: Point
    length: float
    along: Point
    a: float
    b: float
    c: float
    found: float  # share of the places that agree

    def at(self, t: float) -> tuple[Point, Point]:
        """A point of it, and its direction there."""
        (x, y), (across, down) = self.start, self.along
        off, slope = self.a + self.b * t + self.c * t * t, (self.b + 2 * self.c * t) / self.length
        point = (x + across * self.length * t - down * off, y + down * self.length * t + across * off)
        return point, (across - down * slope, down + across * slope)


def trace(picture: Image.Image, corners: Corners, reach: int) -> tuple[Corners, list[float]]:
    """The corners corrected, and of each side the share that could be followed. `reach`: pixels to each side."""
    courses = [_course(picture, corners[at], corners[(at + 1) % 4], reach) for at in range(4)]
    found = []
    for at in range(4):
        (one, (ax, ay)), (other, (bx, by)) = courses[at - 1].at(1), courses[at].at(0)
        across = ax * by - ay * bx
        if abs(across) < 1e-6:
            return corners, [0.0] * 4
        share = ((other[0] - one[0]) * by - (other[1] - one[1]) * bx) / across
        found.append((one[0] + ax * share, one[1] + ay * share))
    return (found[0], found[1], found[2], found[3]), [course.found for course in courses]


def _course(picture: Image.Image, start: Point, end: Point, reach: int) -> _Course:
    length = math.dist(start, end)
    along = ((end[0] - start[0]) / length, (end[1] - start[1]) / length)
    places = _places(picture, start, along, length, reach)
    if len(places) < _PLACES * _ENOUGH:
        return _Course(start, length, along, 0, 0, 0, 0)
    a, b = _straight(places)
    c, inliers = 0.0, places
    for slack, degree in ((3.0, 1), (3.0, 2), (1.5, 2)):
        near = [(t, off) for t, off in places if abs(off - a - b * t - c * t * t) < slack]
        if len(near) < _PLACES // 6:
            break
        inliers = near
        if degree == 2 and (2 * len(near) < len(places) or near[-1][0] - near[0][0] < 0.6):
            continue
        a, b, c = _fit(near, degree)
    return _Course(start, length, along, a, b, c, len(inliers) / _PLACES)


def _places(picture: Image.Image, start: Point, along: Point, length: float, reach: int) -> list[Point]:
    """Where the step is, as (t, pixels off the line), for each place that has one."""
    (x, y), (across, down), rows = start, along, 2 * reach + 1
    step = length * (1 - 2 * _ENDS) / _PLACES
    how = (
        across * step, -down, x + across * length * _ENDS + down * (reach + 0.5),
        down * step, across, y + down * length * _ENDS - across * (reach + 0.5),
    )  # fmt: skip
    strip = picture.transform((_PLACES, rows), Image.Transform.AFFINE, how, Image.Resampling.BILINEAR)
    strip = strip.point(LEVELS * len(strip.getbands()))
    steps = strip.filter(_STEPS).point(STRENGTH * len(strip.getbands()))
    most, *others = steps.split()
    for other in others:
        most = ImageChops.lighter(most, other)
    columns = most.transpose(Image.Transpose.TRANSPOSE).tobytes()
    nearness = [1 - 0.5 * abs(row - reach) / reach for row in range(rows)]  # a parallel line is further off
    found = []
    for place in range(_PLACES):
        t = _ENDS + (1 - 2 * _ENDS) * (place + 0.5) / _PLACES
        px, py = x + across * length * t, y + down * length * t
        if not (_BORDER < px < picture.width - _BORDER and _BORDER < py < picture.height - _BORDER):
            continue
        column = columns[place * rows : (place + 1) * rows]
        weighed = [level * near for level, near in zip(column, nearness, strict=True)]
        row = max(range(1, rows - 1), key=weighed.__getitem__)
        level, above, below = column[row], column[row - 1], column[row + 1]
        if level >= _FAINT:
            under = 2 * level - above - below
            found.append((t, row - reach + (0.5 * (below - above) / under if under > 0 else 0.0)))
    return found


def _straight(places: Sequence[Point]) -> tuple[float, float]:
    """The line through two of the places to which most others are near."""
    some = places[:: max(1, len(places) // 14)]
    best = (0, 0.0, 0.0)
    for (t, off), (other_t, other) in combinations(some, 2):
        if other_t - t < 0.2:
            continue
        b = (other - off) / (other_t - t)
        a = off - b * t
        near = sum(-1.6 < off - a - b * t < 1.6 for t, off in some)
        if near > best[0]:
            best = (near, a, b)
    return best[1], best[2]


def _fit(places: Sequence[Point], degree: int) -> tuple[float, float, float]:
    """The polynomial of least squares."""
    size = degree + 1
    powers = [sum(t**power for t, _ in places) for power in range(2 * degree + 1)]
    rows = [[*powers[row : row + size], sum(off * t**row for t, off in places)] for row in range(size)]
    for column in range(size):  # symmetric and positive: no pivoting
        for row in range(size):
            if row != column:
                factor = rows[row][column] / rows[column][column]
                rows[row] = [one - factor * other for one, other in zip(rows[row], rows[column], strict=True)]
    found = [rows[row][size] / rows[row][row] for row in range(size)] + [0.0]
    return found[0], found[1], found[2] if degree == 2 else 0.0
