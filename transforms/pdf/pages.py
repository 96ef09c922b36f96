"""The pages of a PDF: their sizes and their pixels, one page at a time, drawn at the asked size.

PDFium first; pdf2image (poppler's pdftoppm) where PDFium refuses. Must never draw a page that nobody asked for.
Pictures and copies of a page start from the same document, in which annotations have got the appearances they lack.
"""

import ctypes
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from typing import Any, Final

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image

from transforms.clock import Clock
from transforms.errors import (
    Detail,
    EngineMissing,
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
from transforms.pdf.engines import ENGINES, LEAST, PDFIUM, POPPLER

_POINTS_PER_INCH: Final = 72
_EVERYWHERE: Final = 1e6  # points, farther out than any box reaches
_EMPTY: Final = 2  # bytes that PDFium says a missing text has
# Kinds of annotations that PDFium does not draw without an appearance; `appearances` writes one.
_UNDRAWN: Final = frozenset({
    pdfium.FPDF_ANNOT_LINE, pdfium.FPDF_ANNOT_POLYGON, pdfium.FPDF_ANNOT_POLYLINE, pdfium.FPDF_ANNOT_FREETEXT,
    pdfium.FPDF_ANNOT_STAMP, pdfium.FPDF_ANNOT_CARET, pdfium.FPDF_ANNOT_FILEATTACHMENT,
})  # fmt: skip
_TICKED: Final = (pdfium.FPDF_FORMFIELD_CHECKBOX, pdfium.FPDF_FORMFIELD_RADIOBUTTON)
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
            raise SourceDamaged(Detail.PDF_EMPTY)
        if pages > limits.pdf_pages:
            raise TooManyPages(Detail.PDF_LONG)
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
        raise SourceDamaged(Detail.PDF_DAMAGED) from error


def nominal_size(width: float, height: float, *, limits: Limits = LIMITS) -> Size:
    """The pixels of a page of so many points: 300 dpi, fewer where that would be more than 25 megapixels."""
    dots = Fraction(limits.pdf_dpi, _POINTS_PER_INCH)
    # Whole thousandths of a point: boxes are stored as 32-bit floats, whose noise must not decide a pixel.
    sides = (Fraction(round(side * 1000), 1000) * dots for side in (width, height))
    exact = Size(*(max(1, half_up(side)) for side in sides))
    return fit(exact, Size(limits.source_side, limits.source_side), area=limits.pdf_pixels)


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
    Raises PageMissing, SourceDamaged, SourceLocked, TooManyPages, RenderMemory, RenderTimeout, RendererBusy;
    EngineMissing where the first engine refuses and the second one is not installed.
    """
    failure: SourceDamaged | None = None
    for engine in engines:
        if failure and engine == POPPLER and not poppler.available():
            raise EngineMissing from failure
        try:
            return _ENGINES[engine](data, number, page, region, size, clock, limits)
        except SourceDamaged as error:
            failure = failure or error  # the first engine knows best what is wrong
            clock.lap("decode")
    raise failure or SourceDamaged(Detail.NO_ENGINE)


def _pdfium(data: bytes, number: int, page: Size, region: Box, size: Size, clock: Clock, limits: Limits) -> Image.Image:
    with ready(data, number, limits) as loaded:
        clock.lap("open")
        return draw_loaded(loaded, page, region, size)


@contextmanager
def ready(data: bytes, number: int, limits: Limits) -> Iterator[Any]:
    """Page `number` (from 1), loaded, with all that it has to show. Holds PDFium's lock."""
    with document(data, limits=limits) as opened:
        if not 1 <= number <= len(opened):
            raise PageMissing
        page, _ = load(opened, number - 1)
        if not lacks(page):
            yield page
            return
        data = saved(opened)
    # Lazy: pikepdf takes 30 ms of a cold start, and hardly any page needs it.
    import pikepdf

    # Lazy: the same.
    from transforms.pdf import appearances

    with suppress(pikepdf.PdfError):
        data = appearances.completed(data, number)
    with document(data, limits=limits) as opened:
        yield load(opened, number - 1)[0]


def load(opened: Any, index: int) -> tuple[Any, bool]:
    """The loaded page, and False if it is shown whole because its crop box leaves nothing of it.

    Raises SourceDamaged for a page without any extent.
    """
    page = opened[index]
    if min(page.get_size()) >= LEAST:
        return page, True
    pdfium.FPDFPage_SetCropBox(page, -_EVERYWHERE, -_EVERYWHERE, _EVERYWHERE, _EVERYWHERE)
    page.close()
    page = opened[index]
    if min(page.get_size()) < LEAST:
        raise SourceDamaged(Detail.PDF_DAMAGED)
    return page, False


def lacks(page: Any) -> bool:
    """True if PDFium alone would leave out what an annotation shows, or show what is not to be seen."""
    return any(_is_lacking(page, annotation) for annotation in annotations(page))


def _is_lacking(page: Any, annotation: Any) -> bool:
    kind = pdfium.FPDFAnnot_GetSubtype(annotation)
    if kind == pdfium.FPDF_ANNOT_WIDGET and page.formenv and not pdfium.FPDFAnnot_HasKey(annotation, b"AS"):
        return pdfium.FPDFAnnot_GetFormFieldType(page.formenv, annotation) in _TICKED
    if pdfium.FPDFAnnot_HasKey(annotation, b"OC"):
        return True
    normal = pdfium.FPDF_ANNOT_APPEARANCEMODE_NORMAL
    return kind in _UNDRAWN and pdfium.FPDFAnnot_GetAP(annotation, normal, None, 0) <= _EMPTY


def annotations(page: Any) -> Iterator[Any]:
    """PDFium's handles of the annotations and form fields of a loaded page, each closed when the next is asked for."""
    for index in range(pdfium.FPDFPage_GetAnnotCount(page)):
        annotation = pdfium.FPDFPage_GetAnnot(page, index)
        try:
            yield annotation
        finally:
            pdfium.FPDFPage_CloseAnnot(annotation)


def saved(opened: Any) -> bytes:
    out = io.BytesIO()
    opened.save(out, flags=pdfium.FPDF_REMOVE_SECURITY)
    return out.getvalue()


def draw_loaded(loaded: Any, page: Size, region: Box, size: Size, *, quarters: int = 0) -> Image.Image:
    """Lays the whole page over a bitmap of the asked size, shifted by whole pixels so that the region falls on it.

    `page` and `region` are of the page as it is after so many more `quarters` of a turn, clockwise.

    PDFium can shift by fractions too, but not the values of forms.
    """
    across, down = Fraction(size.width, region.width), Fraction(size.height, region.height)
    flags = pdfium.FPDF_ANNOT | pdfium.FPDF_REVERSE_BYTE_ORDER
    left, top = -half_up(region.x * across), -half_up(region.y * down)
    placed = (left, top, half_up(page.width * across), half_up(page.height * down), quarters, flags)
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
        raise SourceDamaged(Detail.NO_OTHER_ENGINE)
    seconds = clock.remaining(limits.child_wall_seconds)
    return poppler.draw(data, number, page=page, region=region, size=size, seconds=seconds, limits=limits)


_ENGINES: Final[dict[str, Callable[..., Image.Image]]] = {PDFIUM: _pdfium, POPPLER: _poppler}
