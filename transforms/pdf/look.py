"""Looks at a whole document once: its pages, their sizes, and what people should know of it."""

from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as pdfium

from transforms.clock import Clock
from transforms.errors import SourceDamaged
from transforms.fonts import glyphs
from transforms.geometry import Box, Size, fit
from transforms.limits import LIMITS, Limits
from transforms.pdf import pages, poppler
from transforms.pdf.engines import DAMAGED, ENGINES, PDFIUM


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
    data: bytes, *, engines: tuple[str, ...] = ENGINES, clock: Clock | None = None, limits: Limits = LIMITS
) -> Look:
    """Looks at a whole document; proves that each page can be loaded and that the first can be drawn.

    Tries `engines` in turn. Raises SourceLocked, SourceDamaged, TooManyPages, RenderMemory, RenderTimeout.
    """
    failure: SourceDamaged | None = None
    for engine in engines:
        try:
            if engine == PDFIUM:
                return _look(data, limits)
            if poppler.available():
                seconds = (clock or Clock()).remaining(limits.child_wall_seconds)
                return Look(_sizes_by_poppler(data, seconds, limits))
        except SourceDamaged as error:
            failure = failure or error  # the first engine knows best what is wrong
    raise failure or SourceDamaged(DAMAGED)


def _look(data: bytes, limits: Limits) -> Look:
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
                if index == 0:
                    _draw_small(page, found[0])
                if glyphs.missing(page, index, data):
                    unlettered.add(index)
            page.close()
        files = pdfium.FPDFDoc_GetAttachmentCount(opened) > 0
    # Lazy: it brings pikepdf, which the processes that start renderers never need.
    from transforms.pdf import whole

    if not whole.ends(data) and not whole.has_pages(data, len(found)):
        raise SourceDamaged(DAMAGED)
    for index in lacking:
        with pages.ready(data, index + 1, limits) as page:
            if index == 0:
                _draw_small(page, found[0])
            if glyphs.missing(page, index, data):
                unlettered.add(index)
    xfa = form == pdfium.FORMTYPE_XFA_FULL or (form == pdfium.FORMTYPE_XFA_FOREGROUND and not fields)
    return Look(tuple(found), frozenset(uncropped), xfa, files, frozenset(unlettered))


def _draw_small(page: Any, size: Size) -> None:
    """Proves that it can be drawn."""
    pages.draw_loaded(page, size, Box(0, 0, size.width, size.height), fit(size, Size(64, 64)))


def _sizes_by_poppler(data: bytes, seconds: float, limits: Limits) -> tuple[Size, ...]:
    points = poppler.sizes(data, seconds=seconds, limits=limits)
    found = tuple(pages.nominal_size(*sides, limits=limits) for sides in points)
    whole, small = Box(0, 0, found[0].width, found[0].height), fit(found[0], Size(64, 64))
    poppler.draw(data, 1, page=found[0], region=whole, size=small, seconds=seconds, limits=limits)
    return found
