"""Looks at a whole document once: its pages, their sizes, and what people should know of it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pypdfium2.raw as pdfium
from PIL import Image

from transforms.clock import Clock
from transforms.errors import Detail, SourceDamaged
from transforms.fonts import glyphs
from transforms.geometry import Box, Size, fit
from transforms.limits import LIMITS, Limits
from transforms.pdf import pages, poppler
from transforms.pdf.engines import ENGINES, PDFIUM

# Is told of each page: its index from 0, its size, what draws it in about a megapixel. Must draw the first, as a proof.
See = Callable[[int, Size, Callable[[], Image.Image]], None]


@dataclass(frozen=True, slots=True)
class Look:
    """What opening a document tells. `sizes` are upright nominal sizes of all pages; `uncropped` are the indexes (from
    0) of those that are shown whole because their crop box lies outside them, `unlettered` of those with text that is
    not drawn as it was written, which only PDFium tells. `xfa`: what they show only stands in for a form that other
    programs draw. `files`: it carries other files.
    """

    sizes: tuple[Size, ...]
    uncropped: frozenset[int] = frozenset()
    xfa: bool = False
    files: bool = False
    unlettered: frozenset[int] = frozenset()


def look(
    data: bytes, see: See, *, engines: tuple[str, ...] = ENGINES, clock: Clock | None = None, limits: Limits = LIMITS
) -> Look:
    """Looks at a whole document; proves that each page can be loaded, and by `see` that the first can be drawn.

    Tries `engines` in turn. Raises SourceLocked, SourceDamaged, TooManyPages, RenderMemory, RenderTimeout.
    """
    failure: SourceDamaged | None = None
    for engine in engines:
        try:
            if engine == PDFIUM:
                return _look(data, see, limits)
            if poppler.available():
                seconds = (clock or Clock()).remaining(limits.child_wall_seconds)
                return Look(_sizes_by_poppler(data, see, seconds, limits))
        except SourceDamaged as error:
            failure = failure or error  # the first engine knows best what is wrong
    raise failure or SourceDamaged(Detail.PDF_DAMAGED)


def _look(data: bytes, see: See, limits: Limits) -> Look:
    found, uncropped, unlettered, lacking, fields = [], set(), set(), set(), False
    with pages.document(data, limits=limits) as opened:
        form = opened.get_formtype()
        for index in range(len(opened)):
            page, cropped = pages.load(opened, index)
            found.append(pages.nominal_size(*page.get_size(), limits=limits))
            if not cropped:
                uncropped.add(index)
            if form == pdfium.FORMTYPE_XFA_FOREGROUND:
                kinds = map(pdfium.FPDFAnnot_GetSubtype, pages.annotations(page))
                fields = fields or pdfium.FPDF_ANNOT_WIDGET in kinds
            if pages.lacks(page):
                lacking.add(index)
            else:
                see(index, found[index], partial(_drawn, page, found[index], limits))
                if glyphs.missing(page, index, data):
                    unlettered.add(index)
            page.close()
        files = pdfium.FPDFDoc_GetAttachmentCount(opened) > 0
    # Lazy: it brings pikepdf, which the processes that start renderers never need.
    from transforms.pdf import whole

    if not whole.ends(data) and not whole.has_pages(data, len(found)):
        raise SourceDamaged(Detail.PDF_DAMAGED)
    for index in lacking:
        with pages.ready(data, index + 1, limits) as page:
            see(index, found[index], partial(_drawn, page, found[index], limits))
            if glyphs.missing(page, index, data):
                unlettered.add(index)
    xfa = form == pdfium.FORMTYPE_XFA_FULL or (form == pdfium.FORMTYPE_XFA_FOREGROUND and not fields)
    return Look(tuple(found), frozenset(uncropped), xfa, files, frozenset(unlettered))


def _drawn(page: Any, size: Size, limits: Limits) -> Image.Image:
    return pages.draw_loaded(page, size, *_whole(size, limits))


def _whole(size: Size, limits: Limits) -> tuple[Box, Size]:
    """All of a page, and how large it is drawn."""
    return Box(0, 0, size.width, size.height), fit(size, size, area=limits.proxy_pixels)


def _sizes_by_poppler(data: bytes, see: See, seconds: float, limits: Limits) -> tuple[Size, ...]:
    points = poppler.sizes(data, seconds=seconds, limits=limits)
    found = tuple(pages.nominal_size(*sides, limits=limits) for sides in points)
    region, size = _whole(found[0], limits)
    first = partial(poppler.draw, data, 1, page=found[0], region=region, size=size, seconds=seconds, limits=limits)
    see(0, found[0], first)  # each further page would start a program
    return found
