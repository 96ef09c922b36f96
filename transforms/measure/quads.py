"""Four-sided figures that lines make, the likeliest to be a paper first, by their sides alone."""

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Final, NamedTuple

from transforms.measure.lines import Line

Point = tuple[float, float]
Corners = tuple[Point, Point, Point, Point]

_OUTSIDE: Final = 0.06  # of the picture: how far a corner may lie beyond it
_SMALLEST: Final = 0.1  # of the picture's area
_COVERED: Final = 0.25  # of each side
_TAPER: Final = 2  # opposite sides differ by no more in length
_SEEN: Final = 0.6  # of a side must be in the picture
_SHORTEST: Final = 20  # pixels


class Quad(NamedTuple):
    """Corners clockwise or not; `score` to compare with others of the same picture; `covered`: the weakest side's share
    of edges; `runs_on`: how far both neighbours of a side go on beyond it, 0 to 1."""

    score: float
    corners: Corners
    covered: float
    runs_on: float


class _Side(NamedTuple):
    covered: float
    before: float  # covered, just before its first corner
    after: float  # and just after the other
    length: float


def ordered(corners: Sequence[Point]) -> Corners:
    """Clockwise from the corner nearest to the top left."""
    x, y = sum(point[0] for point in corners) / 4, sum(point[1] for point in corners) / 4
    around = sorted(corners, key=lambda point: math.atan2(point[1] - y, point[0] - x))
    first = min(range(4), key=lambda at: around[at][0] + around[at][1])
    a, b, c, d = around[first:] + around[:first]
    return a, b, c, d


def area(corners: Sequence[Point]) -> float:
    """Of a polygon, positive if clockwise."""
    return (
        sum(
            one[0] * other[1] - other[0] * one[1]
            for one, other in zip(corners, (*corners[1:], corners[0]), strict=True)
        )
        / 2
    )


def quads(lines: Sequence[Line], width: int, height: int) -> list[Quad]:
    """All that could be papers in a picture of so many pixels, best first."""
    crossings: dict[tuple[int, int], Point] = {}
    pairs = []
    for (i, one), (j, other) in combinations(enumerate(lines), 2):
        along = abs(one.a * other.a + one.b * other.b)
        if along > 0.8:
            pairs.append((i, j))
        point = _crossing(one, other)
        if point and _is_near(point, width, height):
            crossings[i, j] = crossings[j, i] = point
    sides: dict[tuple[int, int, int], _Side | None] = {}
    found = []
    at = crossings.get
    for (i, j), (k, m) in combinations(pairs, 2):
        a, b, c, d = at((i, k)), at((k, j)), at((j, m)), at((m, i))
        if a is None or b is None or c is None or d is None:
            continue
        corners = (a, b, c, d)
        size = _convex(corners)
        if size < _SMALLEST * width * height:
            continue
        around = []
        for line, start, end, first in ((k, i, j, 0), (j, k, m, 1), (m, j, i, 2), (i, m, k, 3)):
            key = (line, start, end)
            if key not in sides:
                sides[key] = _side(lines[line], corners[first], corners[(first + 1) % 4], width, height)
            side = sides[key]
            if side is None:
                break
            around.append(side)
        if len(around) == 4:
            quad = _judged(corners, around, size / (width * height))
            if quad:
                found.append(quad)
    found.sort(key=lambda quad: -quad.score)
    return found


def _judged(corners: Corners, sides: Sequence[_Side], share: float) -> Quad | None:
    a, b, c, d = (side.length for side in sides)
    if max(a, c) > _TAPER * min(a, c) or max(b, d) > _TAPER * min(b, d):
        return None
    covered = sum(side.covered * side.length for side in sides) / (a + b + c + d)
    weakest = min(side.covered for side in sides)
    runs_on = max(min(sides[at - 1].after, sides[(at + 1) % 4].before) for at in range(4))
    score = covered + 0.3 * weakest - 0.5 * runs_on + 0.25 * math.sqrt(share)
    return Quad(score, corners, weakest, runs_on)


def _crossing(one: Line, other: Line) -> Point | None:
    across = one.a * other.b - one.b * other.a
    if abs(across) < 0.3:
        return None
    return (one.c * other.b - other.c * one.b) / across, (other.c * one.a - one.c * other.a) / across


def _is_near(point: Point, width: int, height: int) -> bool:
    x, y = _OUTSIDE * width, _OUTSIDE * height
    return -x <= point[0] <= width + x and -y <= point[1] <= height + y


def _convex(corners: Corners) -> float:
    """The area; 0 if it is not convex."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = corners
    turns = (
        (bx - ax) * (cy - by) - (by - ay) * (cx - bx), (cx - bx) * (dy - cy) - (cy - by) * (dx - cx),
        (dx - cx) * (ay - dy) - (dy - cy) * (ax - dx), (ax - dx) * (by - ay) - (ay - dy) * (bx - ax),
    )  # fmt: skip
    if not (min(turns) > 0 or max(turns) < 0):
        return 0.0
    return abs(turns[0] + turns[2]) / 2


def _side(line: Line, start: Point, end: Point, width: int, height: int) -> _Side | None:
    length = math.dist(start, end)
    seen = inside(start, end, width, height)
    if length < _SHORTEST or seen is None or seen[1] - seen[0] < _SEEN:
        return None
    first, last = line.along(*start), line.along(*end)
    low, high = sorted((first + (last - first) * seen[0], first + (last - first) * seen[1]))
    covered = line.covered(low + 2, high - 2)
    if covered < _COVERED:
        return None
    beyond = max(5, 0.035 * length)
    low, high = sorted((first, last))
    before, after = line.covered(low - beyond - 2, low - 2), line.covered(high + 2, high + beyond + 2)
    return _Side(covered, before, after, length) if first <= last else _Side(covered, after, before, length)


def inside(start: Point, end: Point, width: int, height: int) -> tuple[float, float] | None:
    """The part of a line from `start` to `end` that is in the picture, as shares of it."""
    low, high = 0.0, 1.0
    across, down = end[0] - start[0], end[1] - start[1]
    bounds = (
        (-across, start[0] - 2),
        (across, width - 3 - start[0]),
        (-down, start[1] - 2),
        (down, height - 3 - start[1]),
    )
    for step, room in bounds:
        if step == 0:
            if room < 0:
                return None
        elif step < 0:
            low = max(low, room / step)
        else:
            high = min(high, room / step)
    return (low, high) if high > low else None
