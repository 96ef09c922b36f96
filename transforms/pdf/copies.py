"""A page without its document, for print: text stays text, and it shows what its picture shows, or there is no copy."""

from typing import Final

import pikepdf
import pypdfium2.raw as pdfium
from PIL import Image, ImageChops, ImageFilter, ImageStat

from transforms.errors import SourceDamaged
from transforms.geometry import Box, Size, fit
from transforms.limits import LIMITS, Limits
from transforms.pdf import pages, strip

# Levels of 256. The edges of small letters in form fields are coloured on screen and rounded another way in a copy: the
# light of a pixel may differ by so much, and the colours around it. A missing hair line is more.
_LIGHT: Final = 40
_COLOURS: Final = 32
# Of a page that is too odd to be taken out of its document: pikepdf says so in many ways.
_ODD: Final = (pikepdf.PdfError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def page(data: bytes, number: int, *, rotation: int, limits: Limits = LIMITS) -> bytes | None:
    """Page `number` (from 1) as it is, turned clockwise by `rotation` degrees; None where it has to be drawn.

    Raises PageMissing, SourceLocked, TooManyPages.
    """
    try:
        with pages.ready(data, number, limits) as loaded:
            annotated = pdfium.FPDFPage_GetAnnotCount(loaded) > 0
            if annotated:  # PDFium writes the appearances that it draws
                pages.draw_loaded(loaded, Size(1, 1), Box(0, 0, 1, 1), Size(1, 1))
            source = pages.saved(loaded.pdf)  # the document as PDFium understands it
        made = strip.page(source, number, rotation=rotation)
        return made if not annotated or _alike(data, number, made, rotation, limits) else None
    except (*_ODD, SourceDamaged):
        return None


def _alike(data: bytes, number: int, copied: bytes, rotation: int, limits: Limits) -> bool:
    """True if the only page of `copied` shows what page `number` of `data` shows, turned by `rotation` degrees."""
    drawn = []
    for source, index, quarters in ((data, number, rotation // 90), (copied, 1, 0)):
        with pages.ready(source, index, limits) as loaded:
            size = pages.nominal_size(*loaded.get_size(), limits=limits).rotated(90 * quarters)
            small = fit(size, size, area=limits.proxy_pixels)
            whole = Box(0, 0, size.width, size.height)
            drawn.append(pages.draw_loaded(loaded, size, whole, small, quarters=quarters))
    one, other = drawn
    if one.size != other.size:
        return False
    softened = (image.filter(ImageFilter.BoxBlur(1)) for image in drawn)
    return _most(one.convert("L"), other.convert("L")) <= _LIGHT and _most(*softened) <= _COLOURS


def _most(one: Image.Image, other: Image.Image) -> float:
    """By how many levels they differ where they differ most."""
    return max(high for _, high in ImageStat.Stat(ImageChops.difference(one, other)).extrema)
