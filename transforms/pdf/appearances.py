"""Makes plain what annotations show, where PDFium by itself shows too little or too much, before anything is drawn.

Those without an appearance get one, of the kinds that PDFium does not draw: without it, what somebody wrote on a page
("replaced by 250 mg") shows in some programs and not in others. Plain looks, by ISO 32000-1, 12.5.6; nothing that the
annotation says may be lost. Tick boxes say which state they are in, and layers hide annotations as they hide content.
"""

import io
import math
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import pikepdf

from transforms.pdf import boxes, lay, lettering

Point: TypeAlias = tuple[float, float]

_BLACK: Final = (0.0,)
_STAMP_RED: Final = (0.8, 0.0, 0.0)
_FILLS: Final = {1: "g", 3: "rg", 4: "k"}  # by the number of components
_TAGS: Final = re.compile(r"<[^>]*>")
_FONT_SIZE: Final = re.compile(r"([0-9.]+)\s+Tf")
_FONT_COLOUR: Final = re.compile(r"((?:[0-9.]+\s+){1,4})(?:g|rg|k)\b")
_STAMP_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^A-Z\W_]+")
_SIZES: Final = (12.0, 4.0)  # of letters, in points: where none is told, and the least
_LONGEST: Final = 5_000  # characters; they fill a page of small print
_ENDING: Final = 4.0  # of a line, in widths of the line

# Ends of lines: points (outwards, sideways) in sizes of the ending, and whether the figure is closed.
_ENDINGS: Final[dict[str, tuple[tuple[Point, ...], bool]]] = {
    "/OpenArrow": (((-1, 0.5), (0, 0), (-1, -0.5)), False),
    "/ClosedArrow": (((-1, 0.5), (0, 0), (-1, -0.5)), True),
    "/ROpenArrow": (((1, 0.5), (0, 0), (1, -0.5)), False),
    "/RClosedArrow": (((1, 0.5), (0, 0), (1, -0.5)), True),
    "/Square": (((-0.5, 0.5), (0.5, 0.5), (0.5, -0.5), (-0.5, -0.5)), True),
    "/Diamond": (((-0.5, 0), (0, 0.5), (0.5, 0), (0, -0.5)), True),
    "/Circle": (tuple((math.cos(k * math.pi / 8) / 2, math.sin(k * math.pi / 8) / 2) for k in range(16)), True),
    "/Butt": (((0, 0.5), (0, -0.5)), False),
    "/Slash": (((0.3, 0.5), (-0.3, -0.5)), False),
}


def completed(data: bytes, number: int) -> bytes:
    """The document with an appearance for each annotation of page `number` (from 1) that has something to show.

    Raises pikepdf.PdfError.
    """
    with pikepdf.open(io.BytesIO(data)) as document:
        for annotation in document.pages[number - 1].obj.get("/Annots", ()):
            # One too broken to be drawn shows nothing anywhere.
            with suppress(ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
                _complete(document, annotation)
                _settle(annotation)
                _put_into_layer(document, annotation)
        out = io.BytesIO()
        document.save(out)
    return out.getvalue()


def _settle(annotation: Any) -> None:
    """A tick box that does not say which of its appearances counts: the one of its value."""
    normal = annotation.get("/AP", {}).get("/N")
    if annotation.Subtype == "/Widget" and isinstance(normal, pikepdf.Dictionary) and "/AS" not in annotation:
        value = annotation.get("/V") or annotation.get("/Parent", {}).get("/V", "")
        state = f"/{value}".replace("//", "/")
        annotation.AS = pikepdf.Name(state if state in normal else "/Off")


def _put_into_layer(document: pikepdf.Pdf, annotation: Any) -> None:
    """PDFium asks of appearances, not of annotations, whether their layer is on."""
    form = lay.appearance(annotation)
    if form is None or "/OC" not in annotation:
        return
    name, dictionary = pikepdf.Name, pikepdf.Dictionary
    inner = document.make_stream(
        b"/Own Do", Type=name.XObject, Subtype=name.Form, BBox=lay.box_of(form), OC=annotation.OC,
        Resources=dictionary(XObject=dictionary(Own=form)),
    )  # fmt: skip
    outer = document.make_stream(
        b"/Layer Do", Type=name.XObject, Subtype=name.Form, BBox=lay.box_of(form),
        Resources=dictionary(XObject=dictionary(Layer=inner)),
    )  # fmt: skip
    annotation.AP = dictionary(N=outer)


def _complete(document: pikepdf.Pdf, annotation: Any) -> None:
    kind = _KINDS.get(str(annotation.Subtype))
    if kind is None or isinstance(annotation.get("/AP", {}).get("/N"), (pikepdf.Stream, pikepdf.Dictionary)):
        return
    drawing = kind(annotation)
    box = drawing.box(boxes.upright(annotation.Rect))
    name, dictionary = pikepdf.Name, pikepdf.Dictionary
    opacity = float(annotation.get("/CA", 1))
    form = document.make_stream(
        b"/Opacity gs 1 j 1 J\n" + "\n".join(drawing.operators).encode(),
        Type=name.XObject, Subtype=name.Form, BBox=box,
        Resources=dictionary(
            ExtGState=dictionary(Opacity=dictionary(Type=name.ExtGState, CA=opacity, ca=opacity)),
            Font=dictionary(drawing.fonts),
        ),
    )  # fmt: skip
    annotation.AP = dictionary(N=form)
    annotation.Rect = box


@dataclass(slots=True)
class _Drawing:
    """Operators of a content stream, and where they leave a trace. In points of the page."""

    operators: list[str] = field(default_factory=list)
    fonts: dict[str, Any] = field(default_factory=dict)
    trace: list[Point] = field(default_factory=list)

    def box(self, rectangle: pikepdf.Rectangle) -> pikepdf.Array:
        """Around everything that is drawn and `rectangle`: readers cut off what lies outside."""
        corners = ((float(rectangle.llx), float(rectangle.lly)), (float(rectangle.urx), float(rectangle.ury)))
        across, up = zip(*corners, *self.trace, strict=True)
        return pikepdf.Array([min(across), min(up), max(across), max(up)])

    def pen(self, annotation: Any, colour: Sequence[float]) -> float:
        """Sets the colour of lines, their width and their dashes; returns the width."""
        style = annotation.get("/BS", {})
        old = annotation.get("/Border", ())  # radius, radius, width, dashes
        wide = float(style.get("/W", old[2] if len(old) > 2 else 1))
        dashes = style.get("/D", (3,)) if style.get("/S") == "/D" else old[3] if len(old) > 3 else ()
        self.operators += [
            f"{_numbers(colour)} {_FILLS[len(colour)].upper()} {_numbers([wide])} w",
            f"[{_numbers([float(dash) for dash in dashes])}] 0 d",
        ]
        return wide

    def brush(self, colour: Sequence[float]) -> None:
        """Sets the colour of areas and letters."""
        self.operators.append(f"{_numbers(colour)} {_FILLS[len(colour)]}")

    def path(self, points: Sequence[Point], operator: str, *, reach: float = 0) -> None:
        """A line through `points`, painted by `operator`; `reach` is how far its width takes it beyond them."""
        steps = (f"{_numbers(point)} {'l' if index else 'm'}" for index, point in enumerate(points))
        self.operators.append(f"{' '.join(steps)} {operator}")
        for x, y in points:
            self.trace += [(x - reach, y - reach), (x + reach, y + reach)]

    def text(self, lines: Sequence[str], size: float, at: Point, room: float, *, part: float, bold: bool) -> None:
        """`lines` from the base line of the first, `at` its left end, in so much `room`, of which `part` stays free on
        the left: 0 aligns left, 0.5 centres, 1 aligns right.
        """
        alphabet = lettering.Alphabet("".join(lines))
        self.fonts["/Letters"] = alphabet.font(bold=bold)
        for index, line in enumerate(lines):
            wide = lettering.width(line, size)
            x, y = at[0] + (room - wide) * part, at[1] - index * size * lettering.LEADING
            shown = alphabet.encoded(line).decode()
            self.operators.append(f"BT /Letters {_numbers([size])} Tf {_numbers((x, y))} Td {shown} Tj ET")
            self.trace += [(x, y - size * 0.25), (x + wide, y + size)]


def _numbers(values: Sequence[float]) -> str:
    if not all(math.isfinite(value) for value in values):
        raise ValueError("not a number")
    return " ".join(f"{value:.4f}" for value in values)


def _points(values: Any) -> list[Point]:
    flat = [float(value) for value in values]
    return list(zip(flat[0::2], flat[1::2], strict=True))


def _colour(annotation: Any, key: str, otherwise: Sequence[float]) -> Sequence[float]:
    """Of one, three or four components; none at all means that nothing is painted."""
    return [float(value) for value in annotation[key]] if key in annotation else otherwise


def _line(annotation: Any) -> _Drawing:
    drawing = _polyline(annotation, _points(annotation.L))
    if annotation.get("/Cap") and (caption := _words_of(annotation)):
        (left, low), (right, high) = _points(annotation.L)
        drawing.brush(_colour(annotation, "/C", _BLACK) or _BLACK)
        middle, size = ((left + right) / 2, (low + high) / 2 + 2), 9.0
        drawing.text([caption], size, middle, 0, part=0.5, bold=False)
    return drawing


def _polyline(annotation: Any, points: Sequence[Point] = ()) -> _Drawing:
    drawing, colour = _Drawing(), _colour(annotation, "/C", _BLACK)
    points = points or _points(annotation.Vertices)
    if not colour:
        return drawing
    wide = drawing.pen(annotation, colour)
    drawing.path(points, "S", reach=wide)
    filled = _colour(annotation, "/IC", ())
    if filled:
        drawing.brush(filled)
    ends = [str(end) for end in annotation.get("/LE", ())]
    for end, tip, before in zip(ends, (points[0], points[-1]), (points[1], points[-2]), strict=False):
        if end in _ENDINGS:
            figure, closed = _ENDINGS[end]
            placed = _turned(figure, tip, before, max(wide, 1.0) * _ENDING)
            drawing.path(placed, ("b" if filled else "s") if closed else "S", reach=wide)
    return drawing


def _turned(figure: Sequence[Point], tip: Point, before: Point, size: float) -> list[Point]:
    """`figure` at `tip` of a line that comes from `before`."""
    angle = math.atan2(tip[1] - before[1], tip[0] - before[0])
    cos, sin = math.cos(angle) * size, math.sin(angle) * size
    return [(tip[0] + out * cos - side * sin, tip[1] + out * sin + side * cos) for out, side in figure]


def _polygon(annotation: Any) -> _Drawing:
    drawing, points = _Drawing(), _points(annotation.Vertices)
    colour, filled = _colour(annotation, "/C", _BLACK), _colour(annotation, "/IC", ())
    if filled:
        drawing.brush(filled)
    wide = drawing.pen(annotation, colour) if colour else 0.0
    if colour or filled:
        drawing.path(points, {(True, True): "b", (True, False): "s"}.get((bool(colour), bool(filled)), "f"), reach=wide)
    return drawing


def _free_text(annotation: Any) -> _Drawing:
    drawing, told, box = _Drawing(), str(annotation.get("/DA", "")), boxes.upright(annotation.Rect)
    insets = [float(value) for value in annotation.get("/RD", (0, 0, 0, 0))]
    left, low = float(box.llx) + insets[0], float(box.lly) + insets[1]
    right, high = float(box.urx) - insets[2], float(box.ury) - insets[3]
    found = _FONT_COLOUR.findall(told)
    colour = [float(value) for value in found[-1].split()] if found else _BLACK
    colour = colour if len(colour) in _FILLS else _BLACK
    frame = [(left, low), (right, low), (right, high), (left, high)]
    if paper := _colour(annotation, "/C", ()):
        drawing.brush(paper)
        drawing.path(frame, "f")
    if "/BS" in annotation or "/Border" in annotation:
        wide = drawing.pen(annotation, colour)
        if wide > 0:
            drawing.path(frame, "s", reach=wide / 2)
    if "/CL" in annotation:  # what it speaks about
        drawing.path(_points(annotation.CL), "S", reach=1)
    drawing.brush(colour)
    room = max(right - left - 4, 1.0)
    size, lines = _fitted(_words_of(annotation), _size_told(told), room, high - low)
    part = {1: 0.5, 2: 1.0}.get(int(annotation.get("/Q", 0)), 0.0)
    drawing.text(lines, size, (left + 2, high - 2 - size * lettering.ASCENT), room, part=part, bold=False)
    return drawing


def _size_told(told: str) -> float:
    found = _FONT_SIZE.findall(told)
    return float(found[-1]) if found and float(found[-1]) > 0 else _SIZES[0]


def _fitted(text: str, size: float, room: float, height: float) -> tuple[float, list[str]]:
    """Size and lines of letters that fit; where even small ones do not, they run out of the box below."""
    while True:
        lines = lettering.broken(text, size, room)
        if size <= _SIZES[1] or len(lines) * size * lettering.LEADING <= height:
            return size, lines
        size = max(size * 0.9, _SIZES[1])


def _words_of(annotation: Any) -> str:
    told = str(annotation.get("/Contents", "")) or _TAGS.sub(" ", str(annotation.get("/RC", ""))).strip()
    return told[:_LONGEST]


def _stamp(annotation: Any) -> _Drawing:
    """A frame with the words that it is named after."""
    drawing, box = _Drawing(), boxes.upright(annotation.Rect)
    colour = _colour(annotation, "/C", _STAMP_RED) or _STAMP_RED
    words = " ".join(_STAMP_WORDS.findall(str(annotation.get("/Name", "/Draft")).strip("/#"))).upper()
    high, wide = float(box.ury - box.lly), float(box.urx - box.llx)
    edge = min(high, wide) * 0.05
    left, low = float(box.llx) + edge, float(box.lly) + edge
    right, top = float(box.urx) - edge, float(box.ury) - edge
    drawing.operators.append(f"{_numbers(colour)} {_FILLS[len(colour)].upper()} {_numbers([edge])} w")
    drawing.path([(left, low), (right, low), (right, top), (left, top)], "s", reach=edge / 2)
    drawing.brush(colour)
    # Bold letters are a tenth wider.
    size = min((high - 4 * edge) * 0.9, (wide - 6 * edge) / max(lettering.width(words, 1.1), 1.0))
    at = (float(box.llx), float(box.lly) + (high - size * 0.7) / 2)
    drawing.text([words], size, at, wide - lettering.width(words, size * 0.1), part=0.5, bold=True)
    return drawing


def _caret(annotation: Any) -> _Drawing:
    drawing, box = _Drawing(), boxes.upright(annotation.Rect)
    left, low, right, high = (float(side) for side in (box.llx, box.lly, box.urx, box.ury))
    drawing.brush(_colour(annotation, "/C", _BLACK) or _BLACK)
    drawing.path([(left, low), ((left + right) / 2, high), (right, low), ((left + right) / 2, (low + high) / 2)], "f")
    return drawing


def _paper_clip(annotation: Any) -> _Drawing:
    drawing, box = _Drawing(), boxes.upright(annotation.Rect)
    side = min(float(box.urx - box.llx), float(box.ury - box.lly))
    drawing.pen(annotation, _colour(annotation, "/C", _BLACK) or _BLACK)
    bends = ((0.6, 0.7), (0.6, 0.3), (0.4, 0.3), (0.4, 0.9), (0.7, 0.9), (0.7, 0.1), (0.3, 0.1), (0.3, 0.7))
    drawing.path([(float(box.llx) + x * side, float(box.lly) + y * side) for x, y in bends], "S")
    return drawing


_KINDS: Final[dict[str, Callable[[Any], _Drawing]]] = {
    "/Line": _line,
    "/PolyLine": _polyline,
    "/Polygon": _polygon,
    "/FreeText": _free_text,
    "/Stamp": _stamp,
    "/Caret": _caret,
    "/FileAttachment": _paper_clip,
}
