"""Looks at an upload once, at intake: what it is, how many pages, how large, and whether every pixel decodes.

Runs only inside the sandbox. Must never accept a file that a later render would refuse.
"""

import io
from dataclasses import dataclass

from PIL import PngImagePlugin

from transforms.clock import Clock
from transforms.errors import SourceDamaged, SourceTooLarge
from transforms.formats import SNIFF_BYTES, SourceType, sniff
from transforms.geometry import Size
from transforms.limits import LIMITS, MIB, Limits
from transforms.measure.notices import Notice
from transforms.pdf import look as looking
from transforms.pdf.engines import ENGINES
from transforms.pixels import images, mending, plan


@dataclass(frozen=True, slots=True)
class Probe:
    """What the file is, and of every page the upright size in pixels and what people should know about it."""

    media_type: SourceType
    pages: tuple[Size, ...]
    notices: tuple[tuple[Notice, ...], ...] = ()  # as many as pages; left out means that there are none

    def __post_init__(self) -> None:
        if not self.notices:
            object.__setattr__(self, "notices", ((),) * len(self.pages))


def probe(
    data: bytes, *, engines: tuple[str, ...] = ENGINES, deadline: float | None = None, limits: Limits = LIMITS
) -> Probe:
    """What `data` is.

    `engines` are the PDF engines to try, in order. `deadline` is a time.monotonic() value in seconds. Raises
    SourceEmpty, UnsupportedMedia, SourceTooLarge, TooManyPixels, TooManyPages, SourceLocked, SourceDamaged,
    RenderMemory, RenderTimeout.
    """
    kind = sniff(data[:SNIFF_BYTES])
    allowed = limits.pdf_bytes if kind is SourceType.PDF else limits.image_bytes
    if len(data) > allowed:
        raise SourceTooLarge(f"The file is too large: at most {allowed // MIB} MiB are accepted.")
    if kind is SourceType.PDF:
        found = looking.look(
            data, engines=engines, clock=Clock(deadline, cpu_seconds=limits.child_cpu_seconds), limits=limits
        )
        return Probe(kind, found.sizes, _notices(found, data))
    return Probe(kind, (_image_size(data, kind, limits),))


def _notices(found: looking.Look, data: bytes) -> tuple[tuple[Notice, ...], ...]:
    everywhere = (Notice.XFA,) * found.xfa + (Notice.PORTFOLIO,) * (found.files and _is_portfolio(data))
    own = (
        (Notice.MISSING_GLYPHS,) * (index in found.unlettered) + (Notice.CROP_BOX,) * (index in found.uncropped)
        for index in range(len(found.sizes))
    )
    return tuple((*everywhere, *codes) for codes in own)


def _is_portfolio(data: bytes) -> bool:
    """True if what the document is about are the files in it, and its pages are their cover."""
    # Lazy: 30 ms of a cold start, and hardly any document carries files.
    import pikepdf

    try:
        with pikepdf.open(io.BytesIO(data)) as document:
            return "/Collection" in document.Root
    except pikepdf.PdfError:
        return False


def _image_size(data: bytes, kind: SourceType, limits: Limits) -> Size:
    failure = images.damaged(kind)
    if not mending.is_suspect(data, kind):
        try:
            return _upright(data, kind, limits)
        except SourceDamaged as error:
            failure = error
    mended = mending.mended(data, kind, limits=limits)
    if mended is None:
        raise failure
    return _upright(mended, kind, limits)


def _upright(data: bytes, kind: SourceType, limits: Limits) -> Size:
    """The size of an image, all of which is decoded."""
    image = images.open_image(data, kind, limits=limits)
    stored = images.size_of(image)
    with images.decoding(kind):
        if isinstance(image, PngImagePlugin.PngImageFile):
            image.verify()  # the checksums, which decoding skips; it uses the file up
            image = images.open_image(data, kind, limits=limits)
        turned = plan.swaps_sides(images.orientation(image, data))
        images.decode_small(image)
    return Size(stored.height, stored.width) if turned else stored
