"""Finds the sheet of paper in a photo: its four corners, and how sure that is. Pillow only, on the page's proxy.

Lines become figures (`edges`, `lines`, `quads`); what their sides look like (`sides`) tells papers from tables,
headings and shadows; the best is traced on the larger picture (`trace`). How much each sign weighs was fitted to drawn
photos (`weights`). Deterministic.
"""

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple, Self

from PIL import Image, ImageChops, ImageFilter
from PIL.Image import Transpose

from transforms.geometry import Size
from transforms.measure import edges, lines, quads, sides, skew, trace, weights
from transforms.measure.quads import Corners, Point
from transforms.request import paper

_SIDE: Final = 256  # pixels of the longer side in which lines are looked for
_LEAST: Final = 64  # pixels of the shorter side of a proxy, for anything to be seen
_TRIED: Final = 6  # figures of each pass that are looked at closely
_REACH: Final = 0.014  # of the longer side: how far a side is from where it was first seen
_ASTRAY: Final = 0.03  # of the longer side; who is led further was led by something else
_OTHER: Final = 0.03  # of the longer side: corners of another figure are further away
LIGHT_BYTES: Final = 40_000  # a map of noise, which no page is
_FAR: Final = 100_000  # pixels, that no corner of any page has
_CUT_OFF: Final = 0.01  # of the longer side
_CLIP: Final = 8  # beyond which a side is certain
_SURE: Final = 0.8  # confidence; chosen by seeds to which nothing was fitted either (`papers.CHECK`)
_LIKELY: Final = 0.25
# Sensors have noise, drawings none: the share of pixels that are exactly like their left neighbour.
_DRAWN: Final = 0.8
_DRAWN_STRAIGHT: Final = (0.55, 1.0)  # the share that is enough where all sides are within so many degrees of upright


class Verdict(StrEnum):
    """What may be done with a sheet."""

    SURE = "sure"  # take it
    LIKELY = "likely"  # propose it to a person


@dataclass(frozen=True, slots=True)
class Sheet:
    """`corners` in pixels of the upright page, clockwise from the sheet's own top left, to a tenth; they may lie a
    little outside. `confidence`: 0 to 1. `light`: what `enhanced` goes by, for `RenderJob.light`."""

    corners: Corners
    confidence: float
    light: bytes = b""

    @property
    def verdict(self) -> Verdict:
        return Verdict.SURE if self.confidence >= _SURE else Verdict.LIKELY

    def is_cut_off(self, page: Size) -> bool:
        """Does a corner clearly lie outside the page? Where a whole side does, no sheet is found."""
        room = _CUT_OFF * max(page.width, page.height)
        return any(not (-room <= x <= page.width + room and -room <= y <= page.height + room) for x, y in self.corners)

    def as_fields(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "corners": [list(corner) for corner in self.corners],
            "confidence": self.confidence,
            "light": base64.b64encode(self.light).decode(),
        }

    @classmethod
    def of_fields(cls, fields: object) -> Self:
        """What `as_fields` gave. Raises ValueError for what cannot have been found."""
        if not isinstance(fields, Mapping):
            raise ValueError("the sheet has no corners or no confidence")
        fields = {"light": "", **fields}  # drafts of an older release have none
        if fields.keys() != cls.__dataclass_fields__.keys():
            raise ValueError("the sheet has no corners or no confidence")
        corners, confidence, light = (fields[name] for name in cls.__dataclass_fields__)
        if not isinstance(corners, list) or len(corners) != 4 or not all(_is_point(corner) for corner in corners):
            raise ValueError("the corners are not four points")
        if not _is_number(confidence) or not 0 <= confidence <= 1:
            raise ValueError("the confidence is not a number from 0 to 1")
        if not isinstance(light, str) or len(light) > LIGHT_BYTES * 4 // 3:
            raise ValueError("the light is too long")
        a, b, c, d = ((float(x), float(y)) for x, y in corners)
        return cls((a, b, c, d), float(confidence), base64.b64decode(light, validate=True))


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and abs(value) < _FAR  # type: ignore[arg-type]


def _is_point(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(_is_number(part) for part in value)


class Candidate(NamedTuple):
    """A figure in pixels of the small picture, clockwise; features of its sides and of the whole."""

    corners: Corners
    each: list[list[float]]
    whole: list[float]


class Evidence(NamedTuple):
    """The best figure of a proxy, in its pixels, and what speaks for it."""

    corners: Corners
    features: list[float]


def find(proxy: Image.Image, page: Size, turn: Transpose | None = None) -> Sheet | None:
    """Of a page whose whole is `proxy` (`pixels.proxy`; mode L or RGB); `turn` brings it upright, to the size `page`.

    None where nobody should be shown one.
    """
    if min(proxy.size) < _LEAST:
        return None
    same = _sameness(proxy)
    if same > _DRAWN:
        return None
    picture, found, confidence, best = small(proxy), [], 0.0, None
    for calm in (True, False):  # the second look is for what the first has not found
        found += candidates(picture, calm=calm)
        best = weigh(proxy, picture, found)
        confidence = 0.0 if best is None else _logistic(weights.CONFIDENCE, best.features)
        if confidence >= _SURE:
            break
    if best is None or confidence < _LIKELY or (same > _DRAWN_STRAIGHT[0] and _lean(best.corners) < _DRAWN_STRAIGHT[1]):
        return None
    return Sheet(_upright(best.corners, proxy, page, turn), round(confidence, 3))


def level(corners: Corners, flat: Image.Image) -> Corners:
    """`corners` of a sheet that is `flat` (mode L) as it lies there, so that its lines are level.

    Turned by a quarter at most, to whichever side is nearer to what is up in the photo: what is upside down is for
    people to see.
    """
    if not skew.lines_stand(flat):
        return corners
    return paper.turned(corners, 1 if corners[1][1] > corners[0][1] else 3)


def small(proxy: Image.Image) -> Image.Image:
    """Without text, levels logarithmic, RGB."""
    scale = _SIDE / max(proxy.size)
    size = (max(1, round(proxy.width * scale)), max(1, round(proxy.height * scale)))
    shrunk = proxy.resize(size, Image.Resampling.BOX).convert("RGB").point(edges.LEVELS * 3)
    return edges.closed(shrunk).filter(ImageFilter.GaussianBlur(0.8))


def candidates(picture: Image.Image, *, calm: bool) -> list[Candidate]:
    """What could be the paper in a `small` picture. `calm` as in `edges.edges`."""
    width, height = picture.size
    strong = lines.lines(edges.edges(picture, calm=calm), width, height)
    found, wide = [], sides.framed(picture)
    for quad in quads.quads(strong, width, height)[:_TRIED]:
        # An edge lies in the middle of its pixel.
        a, b, c, d = ((x + 0.5, y + 0.5) for x, y in quads.ordered(quad.corners))
        each, whole = sides.features(wide, (a, b, c, d))
        if whole:
            found.append(Candidate((a, b, c, d), each, [quad.score, quad.covered, quad.runs_on, *whole]))
    return found


def weigh(proxy: Image.Image, picture: Image.Image, found: Sequence[Candidate]) -> Evidence | None:
    """The best of `found`, traced on the proxy."""
    if not found:
        return None
    ranked = sorted(
        ((_linear(weights.RANK, signs(one.each, one.whole)), one) for one in found), key=lambda pair: -pair[0]
    )
    score, best = ranked[0]
    other = _OTHER * max(picture.size)
    rival = next((rank for rank, one in ranked[1:] if _apart(one.corners, best.corners) > other), -math.inf)
    scale, side = max(proxy.size) / max(picture.size), max(proxy.size)
    seen = _scaled(best.corners, scale)
    corners, followed = trace.trace(proxy, seen, max(4, round(_REACH * side)))
    moved = _apart(corners, seen) / side
    if moved > _ASTRAY:
        corners = seen
    each, whole = sides.features(sides.framed(picture), _scaled(corners, 1 / scale))
    if not whole:
        return None
    lead = min(score - rival, 10) / 10
    how = [score / 8, lead, min(followed), sum(followed) / 4, min(moved, 2 * _ASTRAY) / _ASTRAY]
    return Evidence(corners, [*how, *signs(each, best.whole[:3] + whole)])


def signs(each: Sequence[Sequence[float]], whole: Sequence[float]) -> list[float]:
    """Of a figure: what its sides say, the weakest first, and its own features."""
    said = sorted(max(-_CLIP, min(_CLIP, _network(weights.SIDE, side))) for side in each)
    return [said[0] / 4, said[1] / 4, said[2] / 4, sum(said) / len(said) / 4, float(len(said) < 4), *whole]


def _linear(numbers: Sequence[float], features: Sequence[float]) -> float:
    return numbers[0] + sum(number * feature for number, feature in zip(numbers[1:], features, strict=True))


def _network(units: Sequence[Sequence[float]], features: Sequence[float]) -> float:
    """One hidden layer: each unit has its weight, its threshold, and its features' weights."""
    (start,), *hidden = units
    return start + sum(unit[0] * math.tanh(_linear(unit[1:], features)) for unit in hidden)


def _logistic(numbers: Sequence[float], features: Sequence[float]) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, _linear(numbers, features)))))


def _apart(one: Corners, other: Corners) -> float:
    return max(math.dist(a, b) for a, b in zip(one, other, strict=True))


def _scaled(corners: Corners, by: float) -> Corners:
    a, b, c, d = ((x * by, y * by) for x, y in corners)
    return a, b, c, d


def _sameness(proxy: Image.Image) -> float:
    grey = proxy.convert("L")
    return ImageChops.difference(grey, ImageChops.offset(grey, 1, 0)).histogram()[0] / (grey.width * grey.height)


def _lean(corners: Corners) -> float:
    """By how many degrees the side that leans most is off the picture's own."""
    leans = []
    for (x0, y0), (x1, y1) in zip(corners, (*corners[1:], corners[0]), strict=True):
        lean = math.degrees(math.atan2(y1 - y0, x1 - x0)) % 90
        leans.append(min(lean, 90 - lean))
    return max(leans)


def _upright(corners: Corners, proxy: Image.Image, page: Size, turn: Transpose | None) -> Corners:
    width, height = proxy.size
    turned = [_TURNED[turn](x, y, width, height) for x, y in corners]
    if turn in _ON_ITS_SIDE:
        width, height = height, width
    across, down = page.width / width, page.height / height
    return quads.ordered([(round(x * across, 1), round(y * down, 1)) for x, y in turned])


_ON_ITS_SIDE: Final = (Transpose.ROTATE_90, Transpose.ROTATE_270, Transpose.TRANSPOSE, Transpose.TRANSVERSE)
# Where a point of a proxy so wide and high is once it is turned.
_TURNED: Final[dict[Transpose | None, Callable[[float, float, int, int], Point]]] = {
    None: lambda x, y, _w, _h: (x, y),
    Transpose.FLIP_LEFT_RIGHT: lambda x, y, w, _h: (w - x, y),
    Transpose.FLIP_TOP_BOTTOM: lambda x, y, _w, h: (x, h - y),
    Transpose.ROTATE_180: lambda x, y, w, h: (w - x, h - y),
    Transpose.ROTATE_90: lambda x, y, w, _h: (y, w - x),
    Transpose.ROTATE_270: lambda x, y, _w, h: (h - y, x),
    Transpose.TRANSPOSE: lambda x, y, _w, _h: (y, x),
    Transpose.TRANSVERSE: lambda x, y, w, h: (h - y, w - x),
}
