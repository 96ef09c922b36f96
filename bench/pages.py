"""A4 prescriptions whose words are known: printed, dot-matrix, written by a hand-like font, or Hindi.

A page follows from its seed.
"""

import random
import re
from collections import Counter
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageChops, ImageDraw, ImageFont

from bench import tables
from rxproject.local.samples import paper
from rxproject.local.samples.content import content
from rxproject.local.samples.ink import A4_MM, MM_PER_INCH, PixelBrush

LETTERINGS: Final = ("print", "print", "dot-matrix", "hand", "hindi")  # of five pages
WORDS: Final = (
    "take", "one", "tablet", "daily", "after", "food", "for", "five", "days", "examplocillin", "placebol", "fictozine",
    "review", "doctor", "clinic", "dosage", "morning", "night", "before", "water", "capsule", "syrup", "ten", "twenty",
)  # fmt: skip
_LATIN: Final = re.compile(r"[A-Za-z0-9]{2,}")
_HINDI: Final = re.compile(r"[\u0900-\u097f]{2,}")
_FONTS: Final = Path(__file__).resolve().parents[1] / "node_modules"
_FACES: Final = {
    "hand": _FONTS / "@fontsource/caveat/files/caveat-latin-600-normal.woff",
    "hindi": _FONTS / "@expo-google-fonts/noto-sans-devanagari/400Regular/NotoSansDevanagari_400Regular.ttf",
}
_HINDI_WORDS: Final = (
    "दवा", "गोली", "सुबह", "शाम", "रात", "भोजन", "बाद", "पहले", "पानी", "साथ", "दिन", "सप्ताह", "डॉक्टर", "अस्पताल", "मरीज",
    "जाँच", "बुखार", "खाँसी", "दर्द", "आराम", "मात्रा", "चम्मच", "सिरप", "नमूना", "काल्पनिक", "पर्ची", "हस्ताक्षर",
    "तारीख", "उम्र", "वजन",
)  # fmt: skip


class Words:
    """A brush that notes what it is asked to write level; stamps and watermarks are turned and do not count."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()

    def width(self, text: str, size: float) -> float:
        return len(text) * size / 6

    def text(self, at: Any, text: str, size: float, ink: Any, *, angle: float = 0.0, **_: Any) -> None:
        if not angle:
            self.found.update(words(text))

    def fill(self, points: Any, ink: Any) -> None: ...

    def line(self, points: Any, width: float, ink: Any) -> None: ...


def words(text: str, lettering: str = "print") -> list[str]:
    """Of two letters and more, in lower case."""
    return (_HINDI if lettering == "hindi" else _LATIN).findall(text.lower())


def lettering(seed: int) -> str:
    return LETTERINGS[seed % len(LETTERINGS)]


def page(seed: int, dpi: float = 200, kind: str = "print") -> tuple[Image.Image, Counter[str]]:
    """A4, and the words on it. Print is stamped and signed."""
    if kind != "print":
        return _slip(seed, dpi, kind)
    prescription, printed, written, noted = content(seed), PixelBrush(dpi), PixelBrush(dpi), Words()
    paper.draw_print(printed, prescription, 1)
    paper.draw_ink(written, prescription)
    paper.draw_print(noted, prescription, 1)
    return ImageChops.multiply(printed.image, written.image), noted.found


def _slip(seed: int, dpi: float, kind: str) -> tuple[Image.Image, Counter[str]]:
    """Lines of words."""
    rng, millimetre = random.Random(f"slip {seed}"), dpi / MM_PER_INCH
    image = Image.new("RGB", tuple(round(side * millimetre) for side in A4_MM), "white")
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont
    if kind in _FACES:
        font = ImageFont.truetype(_FACES[kind], round({"hand": 7.5, "hindi": 5}[kind] * millimetre))
    else:
        font = tables.font(round(4 * millimetre))
    known, draw, y = Counter[str](), ImageDraw.Draw(image), 20.0
    while y < A4_MM[1] - 25:
        line = " ".join(rng.choice(_HINDI_WORDS if kind == "hindi" else WORDS) for _ in range(rng.randrange(3, 7)))
        draw.text((18 * millimetre, y * millimetre), line, (40, 44, 60) if kind != "hand" else (28, 40, 120), font)
        known.update(words(line, kind))
        y += {"hand": 12.0, "hindi": 11.0}.get(kind, 9.0)
    return (_dotted(image, millimetre) if kind == "dot-matrix" else image), known


def _dotted(image: Image.Image, millimetre: float) -> Image.Image:
    """Of needles' dots, six to a millimetre."""
    small = image.resize((round(A4_MM[0] * 6), round(A4_MM[1] * 6)), Image.Resampling.BOX)
    ink = small.convert("L").point([255 * (level < 170) for level in range(256)])
    side = round(millimetre / 6 * 4)
    dot = Image.new("L", (side, side))
    ImageDraw.Draw(dot).ellipse((side * 0.05, side * 0.05, side * 0.95, side * 0.95), fill=255)
    dots = Image.new("L", (small.width * side // 4 + side, small.height * side // 4 + side))
    for y in range(small.height):
        for x in range(small.width):
            if ink.getpixel((x, y)):
                dots.paste(210, (x * side // 4, y * side // 4), dot.resize((side // 3 + 1, side // 3 + 1)))
    mask = dots.resize(image.size, Image.Resampling.BOX, box=(0, 0, small.width * side / 4, small.height * side / 4))
    out = Image.new("RGB", image.size, "white")
    out.paste((50, 50, 70), mask=mask)
    return out
