"""The pages of a PDF: their sizes and their pixels, one page at a time, drawn at the asked size.

PDFium first; pdf2image (poppler's pdftoppm) where PDFium refuses. Must never draw a page that nobody asked for.
"""

import ctypes
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, Final

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image

from transforms.clock import Clock
from transforms.errors import (
    PageMissing,
    RenderMemory,
    SourceDamaged,
    SourceLocked,
    TooManyPages,
    TransformError,
)
from transforms.fonts import pdfium as our_fonts
from transforms.geometry import Box, Size, fit, half_up
from transforms.limits import LIMITS, Limits
from transforms.pdf import poppler
from transforms.pdf.engines import DAMAGED, ENGINES, PDFIUM, POPPLER

_POINTS_PER_INCH: Final = 72
_LOCK: Final = threading.Lock()  # PDFium is not thread-safe

our_fonts.install()


@contextmanager
def document(data: bytes, *, limits: Limits = LIMITS) -> Iterator[Any]:
    """The opened PDF with its form fields ready to be drawn. Holds PDFium's lock.

    Raises SourceLocked, SourceDamaged, TooManyPages.
    """
    with _LOCK, _our_errors():
        opened = _open(data, limits)
        try:
            yield opened
        finally:
            opened.close()


def _open(data: bytes, limits: Limits) -> Any:
    try:
        opened = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if error.err_code in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY):
            raise SourceLocked from error
        raise
    try:
        # Values typed into a form are drawn by the form environment. It would also run the document's scripts, but
        # the library is built without a JavaScript engine (a test holds it to that).
        opened.init_forms()
        pages = len(opened)
        if pages < 1:
            raise SourceDamaged("The PDF has no pages.")
        if pages > limits.pdf_pages:
            raise TooManyPages(f"The PDF has more than {limits.pdf_pages} pages. Send the pages that matter.")
    except BaseException:
        opened.close()
        raise
    return opened


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    except TransformError:
        raise
    except MemoryError as error:
        raise RenderMemory from error
    except Exception as error:
        raise SourceDamaged(DAMAGED) from error


def nominal_size(width: float, height: float, *, limits: Limits = LIMITS) -> Size:
    """The pixels of a page of so many points: 300 dpi, fewer where that would be more than 25 megapixels."""
    dots = Fraction(limits.pdf_dpi, _POINTS_PER_INCH)
    # Whole thousandths of a point: boxes are stored as 32-bit floats, whose noise must not decide a pixel.
    sides = (Fraction(round(side * 1000), 1000) * dots for side in (width, height))
    exact = Size(*(max(1, half_up(side)) for side in sides))
    return fit(exact, Size(limits.source_side, limits.source_side), area=limits.pdf_pixels)


def sizes(data: bytes, *, limits: Limits = LIMITS) -> tuple[Size, ...]:
    """Upright nominal sizes of all pages; proves that each can be loaded and that the first can be drawn.

    Raises SourceLocked, SourceDamaged, TooManyPages, RenderMemory.
    """
    with document(data, limits=limits) as opened:
        found = []
        for index in range(len(opened)):
            page = opened[index]
            found.append(nominal_size(*page.get_size(), limits=limits))
            if index == 0:
                _draw_loaded(page, found[0], Box(0, 0, found[0].width, found[0].height), fit(found[0], Size(64, 64)))
            page.close()
        return tuple(found)


def draw(
    data: bytes,
    number: int,
    *,
    page: Size,
    region: Box,
    size: Size,
    engines: tuple[str, ...] = ENGINES,
    clock: Clock,
    limits: Limits = LIMITS,
) -> Image.Image:
    """`region` (in pixels of `page`, the nominal size) of page `number` (from 1) at `size`, RGB on white.

    Tries `engines` in turn; their laps on `clock` are "open" and "decode".
    Raises PageMissing, SourceDamaged, SourceLocked, TooManyPages, RenderMemory, RenderTimeout, RendererBusy.
    """
    failure: SourceDamaged | None = None
    for engine in engines:
        try:
            return _ENGINES[engine](data, number, page, region, size, clock, limits)
        except SourceDamaged as error:
            failure = failure or error  # the first engine knows best what is wrong
            clock.lap("decode")
    raise failure or SourceDamaged("No PDF engine is configured.")


def _pdfium(data: bytes, number: int, page: Size, region: Box, size: Size, clock: Clock, limits: Limits) -> Image.Image:
    with document(data, limits=limits) as opened:
        if not 1 <= number <= len(opened):
            raise PageMissing
        loaded = opened[number - 1]
        clock.lap("open")
        return _draw_loaded(loaded, page, region, size)


def _draw_loaded(loaded: Any, page: Size, region: Box, size: Size) -> Image.Image:
    """Lays the whole page over a bitmap of the asked size, shifted by whole pixels so that the region falls on it.

    PDFium can shift by fractions too, but not the values of forms.
    """
    across, down = Fraction(size.width, region.width), Fraction(size.height, region.height)
    flags = pdfium.FPDF_ANNOT | pdfium.FPDF_REVERSE_BYTE_ORDER
    left, top = -half_up(region.x * across), -half_up(region.y * down)
    placed = (left, top, half_up(page.width * across), half_up(page.height * down), 0, flags)
    stride = size.width * 4
    pixels = ctypes.create_string_buffer(stride * size.height)
    bitmap = pdfium.FPDFBitmap_CreateEx(size.width, size.height, pdfium.FPDFBitmap_BGRx, pixels, stride)
    if not bitmap:
        raise RenderMemory
    try:
        pdfium.FPDFBitmap_FillRect(bitmap, 0, 0, size.width, size.height, 0xFFFFFFFF)
        pdfium.FPDF_RenderPageBitmap(bitmap, loaded, *placed)
        if loaded.formenv:
            pdfium.FPDF_FFLDraw(loaded.formenv, bitmap, loaded, *placed)
    finally:
        pdfium.FPDFBitmap_Destroy(bitmap)
    return Image.frombytes("RGB", (size.width, size.height), memoryview(pixels), "raw", "RGBX")


def _poppler(
    data: bytes, number: int, page: Size, region: Box, size: Size, clock: Clock, limits: Limits
) -> Image.Image:
    if not poppler.available():
        raise SourceDamaged("No other PDF engine is installed.")
    seconds = clock.remaining(limits.child_wall_seconds)
    return poppler.draw(data, number, page=page, region=region, size=size, seconds=seconds, limits=limits)


_ENGINES: Final[dict[str, Callable[..., Image.Image]]] = {PDFIUM: _pdfium, POPPLER: _poppler}


def flattened(data: bytes, number: int, *, limits: Limits = LIMITS) -> bytes:
    """The document with the annotations and form values of page `number` (from 1) made part of that page.

    Raises PageMissing, SourceDamaged, SourceLocked, TooManyPages.
    """
    with document(data, limits=limits) as opened:
        if not 1 <= number <= len(opened):
            raise PageMissing
        page = opened[number - 1]
        if pdfium.FPDFPage_Flatten(page, pdfium.FLAT_NORMALDISPLAY) == pdfium.FLATTEN_FAIL:
            raise SourceDamaged(DAMAGED)
        out = io.BytesIO()
        opened.save(out, flags=pdfium.FPDF_REMOVE_SECURITY)
        return out.getvalue()
