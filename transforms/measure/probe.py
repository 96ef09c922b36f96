"""Looks at an upload once, at intake: what it is, how many pages, how large, whether every pixel decodes; and, since it
is decoded for that, whatever else is measured of its pages.

Runs only inside the sandbox. Must never accept a file that a later render would refuse.
"""

import io
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from PIL import Image, PngImagePlugin
from PIL.Image import Transpose

from transforms.clock import Clock
from transforms.errors import Detail, RenderMemory, SourceDamaged, SourceTooLarge, TransformError
from transforms.formats import SNIFF_BYTES, SourceType, sniff
from transforms.geometry import Box, Size, fit
from transforms.limits import LIMITS, Limits
from transforms.measure import page as paging
from transforms.measure.notices import Notice
from transforms.measure.page import Measures
from transforms.measure.sheet import Verdict
from transforms.pdf import look as looking
from transforms.pdf.engines import ENGINES
from transforms.pixels import colour, images, mending, plan, proxy, transparency


@dataclass(frozen=True, slots=True)
class Probe:
    """What the file is, and of every page the upright size in pixels and what people should know about it.

    `measures` of the pages for which there was time, None for the others. `thumbnail`: the first page's, if asked for.
    """

    media_type: SourceType
    pages: tuple[Size, ...]
    notices: tuple[tuple[Notice, ...], ...] = ()  # as many as pages; left out means that there are none
    measures: tuple[Measures | None, ...] = field(default=(), compare=False)  # as many as pages, too
    thumbnail: bytes = field(default=b"", compare=False)

    def __post_init__(self) -> None:
        for name, nothing in (("notices", ()), ("measures", None)):
            if not getattr(self, name):
                object.__setattr__(self, name, (nothing,) * len(self.pages))


def probe(
    data: bytes,
    *,
    engines: tuple[str, ...] = ENGINES,
    deadline: float | None = None,
    limits: Limits = LIMITS,
    thumbnail: bool = False,
    first_only: bool = False,
) -> Probe:
    """What `data` is.

    `engines` are the PDF engines to try, in order. `deadline` is a time.monotonic() value in seconds. With
    `first_only` no page but the first is drawn; without, as many as `limits.intake_seconds` allow. Raises
    SourceEmpty, UnsupportedMedia, SourceTooLarge, TooManyPixels, TooManyPages, SourceLocked, SourceDamaged,
    RenderMemory, RenderTimeout.
    """
    kind = sniff(data[:SNIFF_BYTES])
    allowed = limits.pdf_bytes if kind is SourceType.PDF else limits.image_bytes
    if len(data) > allowed:
        raise SourceTooLarge(Detail.PDF_LARGE if kind is SourceType.PDF else Detail.IMAGE_LARGE)
    seen = _Seen(limits, thumbnail=thumbnail, first_only=first_only)
    if kind is SourceType.PDF:
        clock = Clock(deadline, cpu_seconds=limits.child_cpu_seconds)
        found = looking.look(data, seen.draw, engines=engines, clock=clock, limits=limits)
        sizes, notices = found.sizes, _notices(found, data)
    else:
        sizes = (_image_size(data, kind, seen, limits),)
        notices = (_of_photo(seen.measures.get(0), sizes[0]),)
    measures = tuple(seen.measures.get(index) for index in range(len(sizes)))
    return Probe(kind, sizes, notices, measures, seen.thumbnail)


def measure(
    data: bytes,
    kind: SourceType,
    pages: Sequence[tuple[int, Size]],
    *,
    engines: tuple[str, ...] = ENGINES,
    deadline: float | None = None,
    limits: Limits = LIMITS,
) -> tuple[Measures, ...]:
    """Of `pages`, given as number in the document and size, those for which there is time: the first of them, at least.

    Raises as `render` does, if that is for the first one.
    """
    if kind is not SourceType.PDF:
        return tuple(found for found in probe(data, deadline=deadline, limits=limits).measures if found)
    # Lazy: PDFium takes 22 ms of a cold start.
    from transforms.pdf import pages as drawing

    clock, until = Clock(deadline, cpu_seconds=limits.child_cpu_seconds), time.process_time() + limits.sweep_seconds
    measured: list[Measures] = []
    for number, size in pages:
        whole, small = Box(0, 0, size.width, size.height), fit(size, size, area=limits.proxy_pixels)
        try:
            drawn = drawing.draw(
                data, number, page=size, region=whole, size=small, engines=engines, clock=clock, limits=limits
            )
        except TransformError:
            if not measured:
                raise
            break
        measured.append(paging.measure(drawn, size))
        if time.process_time() > until:
            break
    return tuple(measured)


class _Seen:
    """Takes the pages as they are decoded, and measures each on the spot: there is never more than one in memory."""

    def __init__(self, limits: Limits, *, thumbnail: bool, first_only: bool) -> None:
        self.measures: dict[int, Measures] = {}  # by index, from 0
        self.thumbnail = b""
        self._wants_thumbnail = thumbnail
        self._limits = limits
        self._until = 0.0 if first_only else time.process_time() + limits.intake_seconds

    def draw(self, index: int, size: Size, make: Callable[[], Image.Image]) -> None:
        """A page of a document. Whether the others can be drawn is found out when somebody asks for them."""
        if index == 0:
            self.take(0, size, make())
        elif time.process_time() < self._until:
            with suppress(SourceDamaged, RenderMemory):
                self.take(index, size, make())

    def take(self, index: int, size: Size, whole: Image.Image, turn: Transpose | None = None) -> None:
        """`whole` is the proxy of a page of `size` upright pixels; `turn` brings it upright."""
        # Advice: what cannot be had of it must not cost the patient a readable file. Others will try again.
        with suppress(ValueError, ArithmeticError, OSError, MemoryError):
            self.measures[index] = paging.measure(whole, size, turn)
            if index == 0 and self._wants_thumbnail:
                self.thumbnail = paging.thumbnail(whole, size, turn, limits=self._limits)


def _notices(found: looking.Look, data: bytes) -> tuple[tuple[Notice, ...], ...]:
    everywhere = (Notice.XFA,) * found.xfa + (Notice.PORTFOLIO,) * (found.files and _is_portfolio(data))
    own = (
        (Notice.MISSING_GLYPHS,) * (index in found.unlettered) + (Notice.CROP_BOX,) * (index in found.uncropped)
        for index in range(len(found.sizes))
    )
    return tuple((*everywhere, *codes) for codes in own)


def _of_photo(measures: Measures | None, page: Size) -> tuple[Notice, ...]:
    paper = measures.sheet if measures else None
    return (Notice.CUT_OFF,) * bool(paper and paper.verdict is Verdict.SURE and paper.is_cut_off(page))


def _is_portfolio(data: bytes) -> bool:
    """True if what the document is about are the files in it, and its pages are their cover."""
    # Lazy: 30 ms of a cold start, and hardly any document carries files.
    import pikepdf

    try:
        with pikepdf.open(io.BytesIO(data)) as document:
            return "/Collection" in document.Root
    except pikepdf.PdfError:
        return False


def _image_size(data: bytes, kind: SourceType, seen: _Seen, limits: Limits) -> Size:
    failure = images.damaged(kind)
    if not mending.is_suspect(data, kind):
        try:
            return _upright(data, kind, seen, limits)
        except SourceDamaged as error:
            failure = error
    mended = mending.mended(data, kind, limits=limits)
    if mended is None:
        raise failure
    return _upright(mended, kind, seen, limits)


def _upright(data: bytes, kind: SourceType, seen: _Seen, limits: Limits) -> Size:
    """The size of an image, all of which is decoded: libjpeg reads every coded byte, however small its picture."""
    image = images.open_image(data, kind, limits=limits)
    stored = images.size_of(image)
    with images.decoding(kind):
        if isinstance(image, PngImagePlugin.PngImageFile):
            image.verify()  # the checksums, which decoding skips; it uses the file up
            image = images.open_image(data, kind, limits=limits)
        orientation = images.orientation(image, data)
        shrunk = proxy.decode(image, limits=limits)
        plain = colour.reads_plain(image, data, limits=limits)
        whole = colour.scalable(image, transparency.alpha(image, data, limits=limits))
        whole = proxy.reduced(whole, stored, shrunk=shrunk, limits=limits)
        whole = colour.flatten(whole, image.info.get("icc_profile"), plain=plain)
    del image
    upright = stored.rotated(90 * plan.turns_of(orientation)[1])
    seen.take(0, upright, whole, plan.turn_of(orientation))
    return upright
