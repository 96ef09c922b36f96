"""Two brushes with the same four strokes, so that a sheet is laid out once, for pixels and for PDF.
Lengths are millimetres from the top left corner, text sizes are points, `y` of a text is its baseline."""

import math
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal, Protocol

from fpdf import FPDF
from PIL import Image, ImageDraw, ImageFont

A4_MM = (210.0, 297.0)
MM_PER_INCH = 25.4
POINTS_PER_INCH = 72
# The built-in font has one weight; bold is its outline stroked wider by this share of the size.
BOLD = 0.022

Ink = tuple[int, int, int]
Point = tuple[float, float]
Align = Literal["left", "centre", "right"]
SHIFT: dict[Align, float] = {"left": 0.0, "centre": 0.5, "right": 1.0}


class Brush(Protocol):
    """The four strokes a sheet is made of."""

    def width(self, text: str, size: float) -> float:
        """How many millimetres `text` takes at `size` points."""

    def text(
        self,
        at: Point,
        text: str,
        size: float,
        ink: Ink,
        *,
        bold: bool = False,
        align: Align = "left",
        angle: float = 0.0,
    ) -> None:
        """Write one line. `angle` turns it anticlockwise, in degrees, about `at`."""

    def fill(self, points: Sequence[Point], ink: Ink) -> None:
        """Fill a polygon."""

    def line(self, points: Sequence[Point], width: float, ink: Ink) -> None:
        """Draw an open line through the points."""


class PixelBrush:
    """Draws on a white A4 image of its own at `dpi`."""

    def __init__(self, dpi: float) -> None:
        self._scale = dpi / MM_PER_INCH
        self._point = dpi / POINTS_PER_INCH
        width, height = (round(side * self._scale) for side in A4_MM)
        self.image = Image.new("RGB", (width, height), "white")
        self._draw = ImageDraw.Draw(self.image)

    def width(self, text: str, size: float) -> float:
        return _font(size * self._point).getlength(text) / self._scale

    def text(
        self,
        at: Point,
        text: str,
        size: float,
        ink: Ink,
        *,
        bold: bool = False,
        align: Align = "left",
        angle: float = 0.0,
    ) -> None:
        font = _font(size * self._point)
        stroke = BOLD * size * self._point if bold else 0.0
        x, y = at[0] * self._scale, at[1] * self._scale
        left = SHIFT[align] * font.getlength(text)
        if not angle:
            self._draw.text((x - left, y), text, ink, font, anchor="ls", stroke_width=stroke)
            return
        # Turned text is drawn level around the middle of a square of its own and pasted through its mask.
        reach = math.ceil(max(left, font.getlength(text) - left) + 2 * font.size)
        mask = Image.new("L", (2 * reach, 2 * reach))
        ImageDraw.Draw(mask).text((reach - left, reach), text, 255, font, anchor="ls", stroke_width=stroke)
        mask = mask.rotate(angle, Image.Resampling.BICUBIC)
        self.image.paste(ink, (round(x) - reach, round(y) - reach), mask)

    def fill(self, points: Sequence[Point], ink: Ink) -> None:
        self._draw.polygon(self._pixels(points), ink)

    def line(self, points: Sequence[Point], width: float, ink: Ink) -> None:
        self._draw.line(self._pixels(points), ink, max(1, round(width * self._scale)), joint="curve")

    def _pixels(self, points: Sequence[Point]) -> list[Point]:
        return [(x * self._scale, y * self._scale) for x, y in points]


class VectorBrush:
    """Draws on the current page of a PDF of its own. The font is embedded: alike on every machine."""

    def __init__(self) -> None:
        self.pdf = FPDF(unit="mm", format="A4")
        self.pdf.set_auto_page_break(False)
        # fpdf2 takes fonts by file name only, and has read the whole file when add_font() returns.
        with tempfile.NamedTemporaryFile(suffix=".ttf") as file:
            Path(file.name).write_bytes(_font(10).font_bytes)
            self.pdf.add_font("specimen", fname=file.name)
        self.pdf.set_font("specimen")

    def width(self, text: str, size: float) -> float:
        self.pdf.set_font_size(size)
        return self.pdf.get_string_width(text)

    def text(
        self,
        at: Point,
        text: str,
        size: float,
        ink: Ink,
        *,
        bold: bool = False,
        align: Align = "left",
        angle: float = 0.0,
    ) -> None:
        x = at[0] - SHIFT[align] * self.width(text, size)
        self.pdf.set_text_color(*ink)
        self.pdf.set_draw_color(*ink)
        style = "FILL_STROKE" if bold else "FILL"
        # In text mode fpdf2 writes line_width as points, whatever the unit of the document.
        with (
            self.pdf.rotation(angle, *at),
            self.pdf.local_context(text_mode=style, line_width=2 * BOLD * size, stroke_join_style="round"),
        ):
            self.pdf.text(x, at[1], text)

    def fill(self, points: Sequence[Point], ink: Ink) -> None:
        # A hairline round the area closes the seams viewers leave between neighbouring polygons.
        self.pdf.set_fill_color(*ink)
        self.pdf.set_draw_color(*ink)
        self.pdf.set_line_width(0.08)
        self.pdf.polygon(points, style="DF")

    def line(self, points: Sequence[Point], width: float, ink: Ink) -> None:
        self.pdf.set_draw_color(*ink)
        self.pdf.set_line_width(width)
        self.pdf.polyline(points)


@lru_cache(maxsize=64)
def _font(pixels: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(pixels)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("this Pillow has no FreeType, so it has no scalable font; install Pillow from its wheel")
    return font
