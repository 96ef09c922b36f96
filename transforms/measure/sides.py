"""What the four sides of a figure look like, inside and outside, once it is laid flat."""

import math
from collections.abc import Sequence
from statistics import median
from typing import Final, NamedTuple

from PIL import Image, ImageChops, ImageFilter

from transforms.measure.quads import Corners, Point, area

_SIDE: Final = 96  # units of a side of the flat figure, and rows of a strip are one of them
_MARGIN: Final = 12  # rows of a strip to each side of the figure's
_ROWS: Final = 2 * _MARGIN
_PITCH: Final = 6  # units between the places that are looked at along a side
_PLACES: Final = _SIDE // _PITCH
_BEYOND: Final = 2  # places past each corner
_COLUMNS: Final = _PLACES + 2 * _BEYOND
_OUT: Final = -3.0  # units: a side is known where that far outside it there is picture
_FRAME: Final = 16  # pixels around the picture that are made up
_SLACK: Final = 2  # rows by which a side may be off its place
_FAINT: Final = 4  # of 255
_UNSEEN: Final = 0.7  # share of a side's step that is assumed outside the picture


def perspective(corners: Sequence[Point], width: float, height: float) -> list[float]:
    """The eight numbers that take a point of a flat `width` x `height` to the picture in which its corners are these.

    For Image.transform. Raises ArithmeticError for corners of which three are in line.
    """
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = corners
    # Heckbert's closed form for the unit square.
    sx, sy = ax - bx + cx - dx, ay - by + cy - dy
    across1, across2, down1, down2 = bx - cx, dx - cx, by - cy, dy - cy
    under = across1 * down2 - across2 * down1
    g, h = (sx * down2 - across2 * sy) / under, (across1 * sy - sx * down1) / under
    return [
        (bx - ax + g * bx) / width, (dx - ax + h * dx) / height, ax,
        (by - ay + g * by) / width, (dy - ay + h * dy) / height, ay,
        g / width, h / height,
    ]  # fmt: skip


def placed(numbers: Sequence[float], x: float, y: float) -> Point:
    """Where the flat point (x, y) is in the picture."""
    a, b, c, d, e, f, g, h = numbers
    under = g * x + h * y + 1
    return (a * x + b * y + c) / under, (d * x + e * y + f) / under


class Side(NamedTuple):
    """Levels are of 255, logarithmic. `known`: share of it with picture on both sides."""

    known: float
    weak: float  # the step from table to paper where it is second weakest
    step: float  # its median
    brighter: float  # share of places where paper is brighter than what is outside, less those where it is darker
    sharp: float  # how much of the step happens within a row
    before: float  # the step on its continuation just before the first corner, as a share of `step`
    after: float  # and just after the other
    long_before: float  # and further off
    long_after: float
    inner: tuple[float, float, float]  # median levels just inside: red, green, blue
    outer: tuple[float, float, float]
    busy: float  # how uneven it is just inside
    outside: float  # how uneven it is just outside


def _strips(wide: Image.Image, corners: Corners) -> tuple[Image.Image, list[list[bool]]]:
    """One for each side, outside above inside, below each other; and which of their places are in the picture."""
    strips, known = Image.new("RGB", (_COLUMNS, 4 * _ROWS)), []
    width, height = _unframed(wide)
    for side in range(4):
        a, b, c, d, e, f, g, h = numbers = perspective((*corners[side:], *corners[:side]), _SIDE, _SIDE)
        left, top = -_BEYOND * _PITCH, -_MARGIN
        under = g * left + h * top + 1
        # `wide` has a frame of _FRAME around the picture, which moves every point by as much.
        a, b, c = a + _FRAME * g, b + _FRAME * h, c + _FRAME
        d, e, f = d + _FRAME * g, e + _FRAME * h, f + _FRAME
        moved = (
            a * _PITCH, b, a * left + b * top + c, d * _PITCH, e, d * left + e * top + f, g * _PITCH, h,
        )  # fmt: skip
        how = [number / under for number in moved]
        strip = wide.transform((_COLUMNS, _ROWS), Image.Transform.PERSPECTIVE, how, Image.Resampling.BILINEAR)
        strips.paste(strip, (0, side * _ROWS))
        places = range(-_BEYOND, _PLACES + _BEYOND)
        out = (placed(numbers, (place + 0.5) * _PITCH, _OUT if 0 <= place < _PLACES else 0) for place in places)
        known.append([0 <= x < width and 0 <= y < height for x, y in out])
    return strips, known


def framed(picture: Image.Image) -> Image.Image:
    """RGB, with a frame of the pixels at its border: what is just outside is likely to be what is just inside."""
    width, height = picture.size
    wide, frame = Image.new("RGB", (width + 2 * _FRAME, height + 2 * _FRAME)), _FRAME
    wide.paste(picture, (frame, frame))
    for x, to in ((0, 0), (width - 1, width + frame)):
        wide.paste(picture.crop((x, 0, x + 1, height)).resize((frame, height)), (to, frame))
    for y, to in ((frame, 0), (frame + height - 1, height + frame)):
        wide.paste(wide.crop((0, y, wide.width, y + 1)).resize((wide.width, frame)), (0, to))
    return wide


def _unframed(wide: Image.Image) -> tuple[int, int]:
    return wide.width - 2 * _FRAME, wide.height - 2 * _FRAME


def _most(image: Image.Image) -> bytes:
    """Of the bands, and of the rows within the slack, what is highest."""
    red, green, blue = image.split()
    most = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    shift, keep = ImageChops.offset, ImageChops.lighter
    two = keep(most, shift(most, 0, 1))
    return keep(keep(two, shift(two, 0, -1)), keep(shift(most, 0, 2), shift(most, 0, -2))).tobytes()


def sides(wide: Image.Image, corners: Corners) -> list[Side]:
    """Top, right, bottom and left of the figure, which is clockwise, in the picture that `framed` framed."""
    strips, known = _strips(wide, corners)
    shift = ImageChops.offset
    mean = strips.filter(ImageFilter.BoxBlur((0, 1)))  # of three rows
    steps = _most(ImageChops.difference(shift(mean, 0, -1), shift(mean, 0, 2)))
    sharps = _most(ImageChops.difference(strips, shift(strips, 0, 2)))
    levels = mean.tobytes()
    return [_side(side * _ROWS, steps, sharps, levels, known[side]) for side in range(4)]


def _side(top: int, steps: bytes, sharps: bytes, levels: bytes, known: Sequence[bool]) -> Side:
    row = (top + _MARGIN) * _COLUMNS
    places = [row + place for place in range(_BEYOND, _BEYOND + _PLACES) if known[place]]
    if not places:
        return Side(0, 0, 0, 0, 0, 0, 0, 0, 0, (0, 0, 0), (0, 0, 0), 0, 0)
    step = sorted(steps[at] for at in places)
    sharp = sorted(min(1.0, sharps[at] / (steps[at] + 1)) for at in places)
    usual = max(step[len(step) // 2], _FAINT)
    signs, inner, outer, busy, outside = 0, [], [], [], []
    off = [rows * _COLUMNS for rows in (3, -4, 8, -9)]
    for at in places:
        inside, out, deep, far = (levels[3 * (at + by) : 3 * (at + by) + 3] for by in off)
        difference = sum(inside) - sum(out)
        signs += (difference > 2 * _FAINT) - (difference < -2 * _FAINT)
        inner.append(inside)
        outer.append(out)
        busy.append(max(abs(inside[0] - deep[0]), abs(inside[1] - deep[1]), abs(inside[2] - deep[2])))
        outside.append(max(abs(far[0] - out[0]), abs(far[1] - out[1]), abs(far[2] - out[2])))
    # Whatever leaves the picture may well go on.
    before, after = (min(1.5, steps[row + at] / usual) if known[at] else _UNSEEN for at in (1, _COLUMNS - 2))
    long_before = min(1.5, steps[row] / usual) if known[0] else before
    long_after = min(1.5, steps[row + _COLUMNS - 1] / usual) if known[-1] else after
    return Side(
        len(places) / _PLACES, step[len(step) // 5], usual, signs / len(places), sharp[len(sharp) // 2],
        before, after, long_before, long_after, _middle(inner), _middle(outer), median(busy), median(outside),
    )  # fmt: skip


def _middle(levels: Sequence[Sequence[float]]) -> tuple[float, float, float]:
    red, green, blue = (median(band) for band in zip(*levels, strict=True))
    return red, green, blue


def _spread(values: Sequence[float]) -> float:
    return max(values) - min(values) if values else 0.0


def _chroma(levels: Sequence[float]) -> Point:
    return levels[0] - levels[1], levels[2] - levels[1]


def features(wide: Image.Image, corners: Corners) -> tuple[list[list[float]], list[float]]:
    """What tells papers from others, of a figure clockwise in a `framed` picture: of each side that is seen, and of the
    whole.

    About -1 to 1 each. Empty if fewer than three sides are seen.
    """
    around = sides(wide, corners)
    numbers = [at for at in range(4) if around[at].known > 0.3]
    if len(numbers) < 3:
        return [], []
    seen = [around[at] for at in numbers]
    paper, ground = _middle([side.inner for side in seen]), _middle([side.outer for side in seen])
    tint, light = _chroma(paper), sum(paper) / 3
    width, height = _unframed(wide)
    each = []
    for at in numbers:
        side, before, after = around[at], around[at - 1], around[(at + 1) % 4]
        beyond, far = min(before.after, after.before), min(before.long_after, after.long_before)
        own, own_far = min(side.before, side.after), min(side.long_before, side.long_after)
        each.append([
            min(side.weak, 40) / 40, min(side.step, 60) / 60, min(side.step, 12) / 12, side.brighter, side.sharp,
            side.sharp * min(side.step, 20) / 20, own, own_far, max(side.before, side.after), beyond, far,
            min(beyond, far), math.dist(_chroma(side.inner), tint) / 40, min(0, sum(side.inner) / 3 - light) / 60,
            max(0, sum(side.inner) / 3 - light) / 60, min(1, math.dist(side.outer, side.inner) / 60),
            min(1, side.busy / 40), min(1, side.outside / 40), math.dist(side.outer, ground) / 80, side.known,
            _along_border(corners[at], corners[(at + 1) % 4], width, height),
            math.dist(_chroma(side.outer), tint) / 40, math.dist(side.outer, paper) / 80,
        ])  # fmt: skip
    corner = [min(around[at - 1].after, around[at].before) for at in range(4)]
    lengths = [math.dist(corners[at], corners[(at + 1) % 4]) for at in range(4)]
    angles = [_bend(corners[at - 1], corners[at], corners[(at + 1) % 4]) for at in range(4)]
    whole = [
        max(corner), sum(min(1, side.before + side.after) for side in seen) / 8,
        _spread([sum(side.inner) / 3 for side in seen]) / 60, max(0, *tint) / 40, min(0, *tint) / 40, light / 255,
        math.sqrt(area(corners) / (width * height)), max(angles) / 30,
        abs(math.log(lengths[0] / lengths[2])), abs(math.log(lengths[1] / lengths[3])),
        sum(side.known for side in around) / 4,
    ]  # fmt: skip
    return each, whole


def _bend(before: Point, at: Point, after: Point) -> float:
    """By how many degrees a corner is not square."""
    one = math.atan2(before[1] - at[1], before[0] - at[0])
    other = math.atan2(after[1] - at[1], after[0] - at[0])
    return abs(math.degrees((one - other) % math.tau) % 180 - 90)


def _along_border(start: Point, end: Point, width: int, height: int) -> float:
    near = 0.025
    across = [point[0] / width for point in (start, end)]
    down = [point[1] / height for point in (start, end)]
    return float(max(across) < near or min(across) > 1 - near or max(down) < near or min(down) > 1 - near)
