"""The layout of a sheet: letterhead, patient, medicines, advice, signature, stamp; drawn with any brush.
Every sheet says in three places that it is a specimen."""

import math
import random
from collections.abc import Iterator, Sequence
from itertools import pairwise

from rxproject.local.samples.content import NOTICE, Medicine, Prescription
from rxproject.local.samples.ink import A4_MM, Brush, Ink, Point

LINES_PER_SHEET = 5
WIDTH, HEIGHT = A4_MM
LEFT, RIGHT = 14.0, WIDTH - 14.0

BLACK: Ink = (28, 30, 34)
GREY: Ink = (88, 94, 102)
TEAL: Ink = (0, 96, 110)
TINT: Ink = (230, 241, 243)
RULE: Ink = (168, 190, 196)
RED: Ink = (178, 26, 40)
WATERMARK: Ink = (247, 226, 226)
STAMP: Ink = (38, 60, 168)
PEN: Ink = (20, 32, 104)
WHITE: Ink = (255, 255, 255)

# left edge of each column of the medicines table and its heading
COLUMNS = (
    (14.0, "No."),
    (26.0, "Medicine"),
    (98.0, "Dose"),
    (128.0, "When"),
    (162.0, "Days"),
    (180.0, "Qty"),
)
TABLE_TOP, HEADING, ROW = 115.0, 9.0, 15.0
STAMP_AT, STAMP_RADIUS = (122.0, 257.0), 17.0
SIGNATURE_AT = (148.0, 260.0)


def sheets(prescription: Prescription) -> int:
    """How many sheets the medicines need."""
    return -(-len(prescription.medicines) // LINES_PER_SHEET)


def draw_print(brush: Brush, prescription: Prescription, number: int) -> None:
    """What the printer puts on sheet `number` (from 1)."""
    last = number == sheets(prescription)
    start = (number - 1) * LINES_PER_SHEET
    lines = prescription.medicines[start : start + LINES_PER_SHEET]
    brush.text((112, 222), "SPECIMEN", 92, WATERMARK, bold=True, align="centre", angle=32)
    _notice(brush, 0, 11)
    _letterhead(brush, prescription)
    _patient(brush, prescription)
    _rx(brush, (LEFT, 91))
    brush.text((40, 108), f"Medicines{'' if start == 0 else ', continued'}", 15, TEAL, bold=True)
    end = _table(brush, lines, start)
    if last:
        _advice(brush, prescription, end + 9)
    else:
        brush.text((LEFT, end + 9), "Continued on the next sheet", 11, GREY)
    brush.line([(146, 267), (RIGHT, 267)], 0.3, GREY)
    brush.text((171, 272.5), prescription.doctor, 11.5, BLACK, bold=True, align="centre")
    brush.text((171, 277.5), f"Reg. No. {prescription.registration}", 10, GREY, align="centre")
    brush.text((LEFT, 277.5), f"Sheet {number} of {sheets(prescription)}", 10.5, GREY)
    brush.text((LEFT, 272.5), f"Ref. {prescription.reference}", 10.5, GREY)
    _notice(brush, HEIGHT - 11, 11)


def draw_ink(brush: Brush, prescription: Prescription) -> None:
    """What a hand adds afterwards: the round stamp and the signature."""
    _stamp(brush, prescription)
    _signature(brush, prescription)


def box(x: float, y: float, width: float, height: float) -> list[Point]:
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]


def _circle(centre: Point, radius: float) -> list[Point]:
    turns = (2 * math.pi * i / 96 for i in range(97))
    return [(centre[0] + radius * math.cos(a), centre[1] + radius * math.sin(a)) for a in turns]


def _notice(brush: Brush, top: float, height: float) -> None:
    brush.fill(box(0, top, WIDTH, height), RED)
    brush.text((WIDTH / 2, top + height / 2 + 2.5), NOTICE, 20, WHITE, bold=True, align="centre")


def _letterhead(brush: Brush, rx: Prescription) -> None:
    brush.fill(_circle((26, 30), 12), TEAL)
    brush.fill(box(23.4, 21.5, 5.2, 17), WHITE)
    brush.fill(box(17.5, 27.4, 17, 5.2), WHITE)
    brush.text((43, 28), rx.clinic, 23, TEAL, bold=True)
    brush.text((43, 34.5), rx.tagline, 11.5, GREY)
    brush.text((43, 40.5), rx.address, 10.5, GREY)
    brush.fill(box(LEFT, 46, RIGHT - LEFT, 1.2), TEAL)
    brush.text((LEFT, 54.5), rx.doctor, 15, BLACK, bold=True)
    brush.text((LEFT, 60.5), rx.degree, 11, GREY)
    brush.text((RIGHT, 54.5), f"Reg. No. {rx.registration}", 12, BLACK, align="right")
    brush.text((RIGHT, 60.5), f"Date {rx.issued:%d %b %Y}", 12, BLACK, align="right")


def _patient(brush: Brush, rx: Prescription) -> None:
    brush.fill(box(LEFT, 65, RIGHT - LEFT, 19), TINT)
    fields = (
        (18.0, "PATIENT", rx.patient),
        (92.0, "AGE / SEX", f"{rx.age} / {rx.sex}"),
        (126.0, "WEIGHT", f"{rx.weight_kg} kg"),
        (156.0, "REFERENCE", rx.reference),
    )
    for x, label, value in fields:
        brush.text((x, 71.5), label, 8.5, TEAL)
        brush.text((x, 79.5), value, 15, BLACK, bold=True)


def _table(brush: Brush, lines: Sequence[Medicine], before: int) -> float:
    """Draws the table and returns the `y` where it ends."""
    brush.fill(box(LEFT, TABLE_TOP, RIGHT - LEFT, HEADING), TEAL)
    for x, title in COLUMNS:
        brush.text((x + 2.5, TABLE_TOP + 6.3), title, 12, WHITE, bold=True)
    top = TABLE_TOP + HEADING
    for row, medicine in enumerate(lines):
        y = top + row * ROW
        cells = (
            str(before + row + 1),
            medicine.name,
            medicine.dose,
            medicine.when,
            str(medicine.days),
            str(medicine.quantity),
        )
        for (x, title), cell in zip(COLUMNS, cells, strict=True):
            brush.text((x + 2.5, y + 7), cell, 14, BLACK, bold=title in ("Medicine", "Dose"))
        brush.text((COLUMNS[1][0] + 2.5, y + 12.2), medicine.form, 10.5, GREY)
        brush.text((COLUMNS[2][0] + 2.5, y + 12.2), "morn. noon night", 8.5, GREY)
        brush.line([(LEFT, y + ROW), (RIGHT, y + ROW)], 0.25, RULE)
    end = top + len(lines) * ROW
    for x in [*(x for x, _ in COLUMNS), RIGHT]:
        brush.line([(x, top), (x, end)], 0.25, RULE)
    return end


def _advice(brush: Brush, rx: Prescription, y: float) -> None:
    brush.text((LEFT, y), "Advice", 13, TEAL, bold=True)
    for i, sentence in enumerate((*rx.advice, f"Review on {rx.review_on:%d %b %Y}."), 1):
        brush.fill(_circle((LEFT + 2, y + 6.5 * i - 1.3), 0.7), TEAL)
        brush.text((LEFT + 6, y + 6.5 * i), sentence, 12, BLACK)


def _stamp(brush: Brush, rx: Prescription) -> None:
    (x, y), radius = STAMP_AT, STAMP_RADIUS
    tilt = random.Random(rx.reference).uniform(-14, 14)  # noqa: S311 - a tilt, not a secret
    brush.line(_circle(STAMP_AT, radius), 0.8, STAMP)
    brush.line(_circle(STAMP_AT, radius - 5.2), 0.4, STAMP)
    _arc_text(brush, rx.clinic.upper(), tilt, upper=True)
    _arc_text(brush, "SPECIMEN ONLY", tilt, upper=False)
    slope = math.radians(tilt)
    for text, size, drop in (("NOT", 11.0, -2.6), ("REAL", 15.0, 3.4), (rx.registration[-5:], 8.5, 7.6)):
        at = (x + drop * math.sin(slope), y + drop * math.cos(slope))
        brush.text(at, text, size, STAMP, bold=True, align="centre", angle=tilt)


def _arc_text(brush: Brush, text: str, tilt: float, *, upper: bool) -> None:
    """One letter at a time along the ring: over the top, or under it with the letters still upright."""
    size = 8.5
    radius = STAMP_RADIUS - (3.9 if upper else 1.4)
    sense = 1 if upper else -1
    widths = [brush.width(letter, size) + 0.25 for letter in text]
    walked = -sum(widths) / 2
    for letter, width in zip(text, widths, strict=True):
        turn = math.degrees((walked + width / 2) / radius) * sense
        walked += width
        bearing = math.radians((90 if upper else 270) - turn + tilt)
        at = (STAMP_AT[0] + radius * math.cos(bearing), STAMP_AT[1] - radius * math.sin(bearing))
        brush.text(at, letter, size, STAMP, bold=True, align="centre", angle=tilt - turn)


def _signature(brush: Brush, rx: Prescription) -> None:
    """A run of loops, one for each letter of the name or so, and a flourish under it."""
    rng = random.Random(rx.doctor + rx.reference)  # noqa: S311 - a scribble, not a secret
    x, y = SIGNATURE_AT
    knots: list[Point] = [
        (x, y - 2),
        (x + 3, y - 13),
        (x + 6, y - 15),
        (x + 5, y - 4),
        (x + 2, y + 1),
        (x + 8, y - 6),
    ]
    step = 3.4
    for i in range(8):
        left = x + 9 + i * step
        tall = rng.choice((3.0, 3.5, 4.0, 9.0))
        knots += [
            (left + 1.8, y - tall),
            (left + 0.6, y - tall * 0.6),
            (left + 1.4, y + rng.uniform(-0.6, 0.8)),
        ]
        knots.append((left + 3.0, y - rng.uniform(0.8, 1.6)))
    knots += [(x + 42, y - 5), (x + 30, y + 3.4), (x + 4, y + 4.5), (x + 44, y + 0.5)]
    _nib(brush, list(_curve(knots)), 0.75, PEN)


def _rx(brush: Brush, corner: Point) -> None:
    """The Rx sign: an R whose leg runs on and is crossed below the line."""
    x, y = corner
    strokes = (
        [(x + 2.2, y + 1.2), (x + 4.2, y + 0.8), (x + 4.4, y + 8), (x + 4.2, y + 15), (x + 5.8, y + 16)],
        [
            (x + 0.6, y + 2.6),
            (x + 6, y + 0.2),
            (x + 13, y + 1.6),
            (x + 13, y + 6.6),
            (x + 8, y + 8.6),
            (x + 4.6, y + 8.4),
        ],
        [
            (x + 7.4, y + 8.6),
            (x + 11, y + 12.4),
            (x + 16, y + 18.2),
            (x + 20, y + 21.6),
            (x + 22.4, y + 20.6),
        ],
        [(x + 22, y + 11.2), (x + 19.4, y + 12.4), (x + 15, y + 17.4), (x + 11, y + 21.8), (x + 9, y + 21.2)],
    )
    for knots in strokes:
        _nib(brush, list(_curve(knots)), 2.4, TEAL)


def _nib(brush: Brush, path: Sequence[Point], width: float, ink: Ink) -> None:
    """Draws along `path` with a broad nib held at 40 degrees: thick and thin as the direction changes."""
    dx, dy = width / 2 * math.cos(math.radians(40)), -width / 2 * math.sin(math.radians(40))
    brush.line(path, width * 0.42, ink)
    for (ax, ay), (bx, by) in pairwise(path):
        brush.fill([(ax - dx, ay - dy), (ax + dx, ay + dy), (bx + dx, by + dy), (bx - dx, by - dy)], ink)


def _curve(knots: Sequence[Point], pieces: int = 10) -> Iterator[Point]:
    """A Catmull-Rom curve through the knots."""
    padded = [knots[0], *knots, knots[-1]]
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        for i in range(pieces):
            t = i / pieces
            yield _blend(a[0], b[0], c[0], d[0], t), _blend(a[1], b[1], c[1], d[1], t)
    yield knots[-1]


def _blend(a: float, b: float, c: float, d: float, t: float) -> float:
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
