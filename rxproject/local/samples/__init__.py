"""Fictitious prescriptions as files, the same for the same seed: phone photo, scan, PDF and small images.
`python -m rxproject.local.samples OUTDIR` writes one of each. Knows nothing of Django."""

import io
import random
from datetime import UTC, date, datetime, time
from math import sqrt
from typing import Literal

import pillow_heif
from PIL import Image, ImageChops

from rxproject.local.samples import camera, content, paper
from rxproject.local.samples.ink import MM_PER_INCH, PixelBrush, VectorBrush

SCAN_DPI = 300
# A page drawn a little coarser than the photo comes out as soft as lenses are, and in two thirds of the time.
PRINT_DETAIL = 0.75
PDF_MEDICINES = 12  # fills two sheets and part of a third
LARGEST_SMALL = 2000  # pixels; above this the helpers for small images would only be slow


def phone_photo(
    seed: int = 1,
    *,
    megapixels: float = 12,
    orientation: int = 6,
    fault: camera.Fault | None = None,
    issued: date | None = None,
) -> bytes:
    """JPEG from a phone held upright: portrait 3:4, its pixels stored as EXIF `orientation` says.

    12 megapixels make about 3 MB. Carries maker, model, time and GPS tags, all fictitious. `issued` is the date on it.
    """
    if orientation not in camera.STORED_AS:
        raise ValueError(f"orientation is {orientation}; EXIF knows 1 to 8, a phone held upright writes 6")
    photo = _photo(seed, megapixels, issued)
    stored = camera.stored_pixels(camera.spoil(photo, fault) if fault else photo, orientation)
    exif, comment = camera.phone_exif(orientation), f"{content.NOTICE}; strip this comment".encode()
    return _encoded(stored, "JPEG", quality=92, exif=exif, comment=comment)


def paper_corners(seed: int = 1, *, megapixels: float = 12) -> camera.Quad:
    """Where the paper is in `phone_photo` of that seed: pixels of the upright picture, clockwise from the top left."""
    size, zoom, dpi = _frame(megapixels)
    rng = random.Random(seed)  # noqa: S311 - noise, not secrets
    a, b, c, d = ((x / zoom, y / zoom) for x, y in camera.place(PixelBrush(dpi).image.size, rng, size))
    return a, b, c, d


def a4_scan(
    seed: int = 1,
    *,
    grey: bool = False,
    image_format: Literal["JPEG", "PNG"] = "JPEG",
    issued: date | None = None,
) -> bytes:
    """An A4 page from a flatbed at 300 dpi, 2480 x 3508, JPEG or PNG; the stamp is blue unless `grey`."""
    image = camera.scan(_page(content.content(seed, issued=issued), SCAN_DPI), random.Random(seed))  # noqa: S311 - noise, not secrets
    return _encoded(image.convert("L") if grey else image, image_format, quality=88, dpi=(SCAN_DPI, SCAN_DPI))


def three_page_pdf(seed: int = 1) -> bytes:
    """Three A4 pages of vector text: medicines on all, advice on the last, each stamped and signed."""
    return printed_pdf(seed)


def printed_pdf(seed: int = 1, *, medicines: int = PDF_MEDICINES, issued: date | None = None) -> bytes:
    """A4 pages of vector text, as many as the medicines need."""
    prescription = content.content(seed, medicines=medicines, issued=issued)
    brush = VectorBrush()
    brush.pdf.set_title(f"{content.NOTICE}: {prescription.reference}")
    brush.pdf.set_author(prescription.doctor)
    brush.pdf.set_creation_date(datetime.combine(prescription.issued, time(9, 30), UTC))
    for number in range(1, paper.sheets(prescription) + 1):
        brush.pdf.add_page()
        paper.draw_print(brush, prescription, number)
        paper.draw_ink(brush, prescription)
    return bytes(brush.pdf.output())


def photo_heic(seed: int = 1, *, megapixels: float = 0.75) -> bytes:
    """The photo as an iPhone stores it: HEIC, pixels turned, EXIF orientation 6 and the same in `irot`."""
    stored = camera.stored_pixels(_photo(seed, megapixels), 6)
    buffer = io.BytesIO()
    # pillow-heif reads the orientation in the EXIF and writes the container's `irot` from it.
    pillow_heif.from_pillow(stored).save(buffer, quality=60, exif=camera.phone_exif(6).tobytes())
    return buffer.getvalue()


def as_png(seed: int = 1, *, height: int = 600, issued: date | None = None) -> bytes:
    """The clean page, no camera and no scanner, as an RGB PNG `height` pixels high."""
    return _encoded(_small(seed, height, issued), "PNG")


def as_webp(seed: int = 1, *, height: int = 600) -> bytes:
    """The clean page as a lossy WebP `height` pixels high."""
    return _encoded(_small(seed, height), "WEBP", quality=85)


def _photo(seed: int, megapixels: float, issued: date | None = None) -> Image.Image:
    size, zoom, dpi = _frame(megapixels)
    rng = random.Random(seed)  # noqa: S311 - noise, not secrets
    photo = camera.photograph(_page(content.content(seed, issued=issued), dpi), rng, size)
    return photo.reduce(zoom) if zoom > 1 else photo


def _frame(megapixels: float) -> tuple[tuple[int, int], int, float]:
    """How large a photo is taken, by how much it is reduced then, and the page's dots per inch."""
    if not 0.1 <= megapixels <= 64:
        raise ValueError(f"megapixels is {megapixels}; a phone photo can have 0.1 to 64")
    width = max(1, round(sqrt(megapixels * 1e6 / 12))) * 3
    height = width // 3 * 4
    # A small photo is taken twice as large and halved: drawn directly, thin strokes would break up.
    zoom = 2 if megapixels < 3 else 1
    return (zoom * width, zoom * height), zoom, PRINT_DETAIL * zoom * height / (paper.HEIGHT / MM_PER_INCH)


def _page(prescription: content.Prescription, dpi: float) -> Image.Image:
    """The first sheet as pixels; stamp and signature let the print shine through, as ink does."""
    printed, written = PixelBrush(dpi), PixelBrush(dpi)
    paper.draw_print(printed, prescription, 1)
    paper.draw_ink(written, prescription)
    return ImageChops.multiply(printed.image, written.image)


def _small(seed: int, height: int, issued: date | None = None) -> Image.Image:
    if not 1 <= height <= LARGEST_SMALL:
        raise ValueError(f"height is {height}; 1 to {LARGEST_SMALL} pixels are allowed, a4_scan() is larger")
    page = _page(content.content(seed, issued=issued), SCAN_DPI * 2 / 3)
    return page.resize((max(1, round(page.width * height / page.height)), height), Image.Resampling.LANCZOS)


def _encoded(image: Image.Image, image_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()
