"""The sources of `bench.transforms`, and which sizes are made of them."""

import io
from dataclasses import dataclass
from functools import cache
from typing import Final

import fpdf
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from transforms.formats import SourceType
from transforms.geometry import Size
from transforms.limits import LIMITS
from transforms.request.spec import Spec, Stored

PAGES: Final = LIMITS.pdf_pages
JPEG_BOXES: Final = (200, 480, 1080, 2048)
SOURCES: Final = {"12MP": (4000, 3000, 6), "48MP": (8000, 6000, 6), "2MP": (1632, 1224, 1), "scan": (2480, 3508, 1)}


@dataclass(frozen=True, slots=True)
class Case:
    """One source in one box (pixels a side). `full` is its upright size."""

    name: str
    kind: SourceType
    full: tuple[int, int]
    box: int
    page: int = 1

    wide: bool = False  # the box bounds the width alone

    @property
    def size(self) -> tuple[int, int]:
        stored = self.stored("jpg")
        return stored.size.width, stored.size.height

    def stored(self, form: str) -> Stored:
        size = f"{self.box}," if self.wide else f"!{self.box},{self.box}"
        return Spec.parse(f"full/{size}/0/default.{form}").resolve(Size(*self.full))


# Sources: noise like a sensor's, paper, strokes and small print. Nothing random, so every run has the same.


@cache
def photo(name: str) -> bytes:
    width, height, orientation = SOURCES[name]
    tile = Image.effect_noise((512, 512), 6).filter(ImageFilter.GaussianBlur(0.7))
    grain = Image.new("L", (width, height))
    for x in range(0, width, 512):
        for y in range(0, height, 512):
            grain.paste(tile, (x, y))
    image = grain.point(lambda v: min(255, v + 95))
    if name != "scan":
        image = Image.merge("RGB", (image, image.point(lambda v: v - 6), image.point(lambda v: v - 18)))
    font = ImageFont.load_default(size=max(width, height) // 110)  # 8 points on A4
    draw, ink = ImageDraw.Draw(image), (30, 40, 110) if name != "scan" else 40
    for row in range(60, height - 60, height // 30):
        for x in range(60, width - 200, 90):
            draw.line((x, row, x + 60, row + (x * 7 + row) % 29), fill=ink, width=max(2, width // 900))
        draw.text((60, row + 12), "Tab. Amoxicillin 500 mg 1-0-1 x 5 days " * 3, fill=ink, font=font)
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    image.save(out, "JPEG", quality=88, exif=exif)
    return out.getvalue()


@cache
def document(name: str) -> bytes:
    pdf = fpdf.FPDF(unit="pt", format="A4")
    pdf.set_font("helvetica", size=9)
    scanned = io.BytesIO(photo("scan"))
    for number in range(1, PAGES + 1):
        pdf.add_page()
        if name == "scanned":
            pdf.image(scanned, 0, 0, pdf.w, pdf.h)
        else:
            for row in range(70):
                pdf.text(30, 40 + row * 11, f"{number}.{row} Amoxicillin 500 mg capsules, one three times daily " * 2)
    return bytes(pdf.output())


def source(case: Case) -> bytes:
    name = case.name.split(" ")[0]
    return document(name) if case.kind is SourceType.PDF else photo(name)


def cases(quick: bool) -> list[Case]:
    found = []
    for name, (width, height, orientation) in SOURCES.items():
        full = (height, width) if orientation == 6 else (width, height)
        found += [Case(f"{name} {box}", SourceType.JPEG, full, box) for box in JPEG_BOXES]
    found.append(Case("12MP 1080 wide", SourceType.JPEG, (3000, 4000), 1080, wide=True))
    for name in ("vector", "scanned"):
        for page in (1, PAGES):
            found.append(Case(f"{name} p{page}", SourceType.PDF, (2480, 3508), 1080, page))
    return found[::3] if quick else found
