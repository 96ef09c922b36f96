"""Straight lines through edge pixels: a Hough transform in which each pixel votes for its own direction only."""

import heapq
import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import chain
from typing import Final, NamedTuple

from transforms.measure.edges import Edge

_ANGLES: Final = 90  # two degrees each
_STEP: Final = 1.5  # pixels between parallel lines
_MOST: Final = 22
_LEAST: Final = 0.08  # of the longer side of the picture: the edge pixels that a line needs
_BESIDE: Final = 2  # angles to each side for which a pixel votes: its gradient is not exact
_COS: Final = [math.cos(math.pi * angle / _ANGLES) for angle in range(_ANGLES)]
_SIN: Final = [math.sin(math.pi * angle / _ANGLES) for angle in range(_ANGLES)]
_NEAR: Final = 3.2  # pixels from a line within which an edge supports it
_FEW: Final = 8  # votes
_ALIKE: Final = 5  # angles to each side from which support comes


_Numbered = tuple[int, int, int]  # an edge's number, x, y


class Line(NamedTuple):
    """All points with x * `a` + y * `b` = `c`, where (a, b) has length 1. `support`: the whole pixels along it, by
    y * a - x * b, in which there are edges, sorted."""

    a: float
    b: float
    c: float
    support: list[int]

    def along(self, x: float, y: float) -> float:
        """The place on the line nearest to a point."""
        return y * self.a - x * self.b

    def covered(self, start: float, end: float) -> float:
        """The share of the line between two places that has edges; 0 to 1."""
        count = bisect_left(self.support, math.ceil(end)) - bisect_left(self.support, math.ceil(start))
        return min(1.0, count / max(1, int(end - start)))


def lines(points: Sequence[Edge], width: int, height: int) -> list[Line]:
    """The strongest, in a picture of so many pixels."""
    hough = _Hough(points, width, height)
    least = _LEAST * max(width, height)
    found: list[tuple[float, float, float]] = []
    for _ in range(2 * _MOST):
        best = hough.strongest(0.6 * least)
        if best is None or len(found) == _MOST:
            break
        fitted = hough.take(best)
        if fitted is not None and fitted[3] >= least:
            found.append(fitted[:3])
    return [Line(a, b, c, hough.support(a, b, c)) for a, b, c in found]


class _Hough:
    def __init__(self, points: Sequence[Edge], width: int, height: int) -> None:
        self._offset = offset = math.hypot(width, height)
        self._rows = rows = int(2 * offset / _STEP) + 4
        self._by_angle: list[list[_Numbered]] = [[] for _ in range(_ANGLES)]
        self._alive = [True] * len(points)
        self._votes = votes = [0] * (_ANGLES * rows)
        # For each angle, what takes a pixel to its cells: at that angle and at those beside it.
        place = [(_COS[angle] / _STEP, _SIN[angle] / _STEP, offset / _STEP + angle * rows) for angle in range(_ANGLES)]
        around = [[place[(angle + by) % _ANGLES] for by in range(-_BESIDE, _BESIDE + 1)] for angle in range(_ANGLES)]
        cells: list[list[int]] = []
        by_angle = self._by_angle
        angle_of: dict[tuple[int, int], int] = {}
        for number, (x, y, across, down) in enumerate(points):
            angle = angle_of.get((across, down))
            if angle is None:
                angle = angle_of[across, down] = int(math.atan2(down, across) * _ANGLES / math.pi + 0.5) % _ANGLES
            by_angle[angle].append((number, x, y))
            mine = [int(x * c + y * s + o) for c, s, o in around[angle]]
            for cell in mine:
                votes[cell] += 1
            cells.append(mine)
        self._cells = cells
        self._heap = [(-votes[cell], cell) for cell in set(chain.from_iterable(cells)) if votes[cell] > _FEW]
        heapq.heapify(self._heap)

    def strongest(self, least: float) -> int | None:
        """The cell with most votes, of those with so many."""
        heap, votes = self._heap, self._votes
        while heap:
            count, cell = heapq.heappop(heap)
            now = votes[cell]
            if now == -count:
                return cell if now >= least else None
            if now >= least:
                heapq.heappush(heap, (-now, cell))
        return None

    def take(self, cell: int) -> tuple[float, float, float, int] | None:
        """The line fitted to the pixels around a cell, and how many they are; they vote no more."""
        angle, row = divmod(cell, self._rows)
        a, b, c = _COS[angle], _SIN[angle], (row + 0.5) * _STEP - self._offset
        alive = self._alive
        near = [one for one in self._alike(angle, 5) if -3 < one[1] * a + one[2] * b - c < 3 and alive[one[0]]]
        fitted = None
        for _ in range(2):
            if len(near) < 8:
                break
            line = _fit(near, a, b)
            if line is None:
                break
            a, b, c = line
            fitted = (a, b, c, len(near))
            inside = [one for one in near if -2 < one[1] * a + one[2] * b - c < 2]
            if len(inside) == len(near):
                break
            near = inside
        votes = self._votes
        for number, _, _ in near:
            alive[number] = False
            for mine in self._cells[number]:
                votes[mine] -= 1
        return fitted

    def support(self, a: float, b: float, c: float) -> list[int]:
        angle = int(math.atan2(b, a) * _ANGLES / math.pi + 0.5) % _ANGLES
        low, high, zero = c - _NEAR, c + _NEAR, int(self._offset) + 1  # whole numbers are cut off towards zero
        alike = self._alike(angle, _ALIKE)
        places = {int(y * a - x * b + zero) for _, x, y in alike if low < x * a + y * b < high}
        return sorted(place - zero for place in places)

    def _alike(self, angle: int, reach: int) -> list[_Numbered]:
        return [k for other in range(angle - reach, angle + reach + 1) for k in self._by_angle[other % _ANGLES]]


def _fit(points: Sequence[_Numbered], a: float, b: float) -> tuple[float, float, float] | None:
    """The line of least squares; None if it leaves the direction that was voted for."""
    count = len(points)
    x, y = sum([x for _, x, _ in points]) / count, sum([y for _, _, y in points]) / count
    off = [(px - x, py - y) for _, px, py in points]
    xx, yy = sum([dx * dx for dx, _ in off]), sum([dy * dy for _, dy in off])
    xy = sum([dx * dy for dx, dy in off])
    slope = 0.5 * math.atan2(2 * xy, xx - yy)
    found_a, found_b = -math.sin(slope), math.cos(slope)
    same = found_a * a + found_b * b
    if abs(same) < 0.99:
        return None
    if same < 0:
        found_a, found_b = -found_a, -found_b
    return found_a, found_b, x * found_a + y * found_b
