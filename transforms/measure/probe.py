"""Looks at an upload once, at intake: what it is, how many pages, how large, and whether every pixel decodes.

Runs only inside the sandbox. Must never accept a file that a later render would refuse.
"""

from dataclasses import dataclass

from PIL import PngImagePlugin

from transforms.errors import SourceDamaged, SourceTooLarge
from transforms.fonts import glyphs
from transforms.formats import SNIFF_BYTES, SourceType, sniff
from transforms.geometry import Size
from transforms.limits import LIMITS, MIB, Limits
from transforms.measure.notices import Notice
from transforms.pdf import pages
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


def probe(data: bytes, *, limits: Limits = LIMITS) -> Probe:
    """What `data` is.

    Raises SourceEmpty, UnsupportedMedia, SourceTooLarge, TooManyPixels, TooManyPages, SourceLocked, SourceDamaged.
    """
    kind = sniff(data[:SNIFF_BYTES])
    allowed = limits.pdf_bytes if kind is SourceType.PDF else limits.image_bytes
    if len(data) > allowed:
        raise SourceTooLarge(f"The file is too large: at most {allowed // MIB} MiB are accepted.")
    if kind is SourceType.PDF:
        return Probe(kind, pages.sizes(data, limits=limits), _notices(data, limits))
    return Probe(kind, (_image_size(data, kind, limits),))


def _notices(data: bytes, limits: Limits) -> tuple[tuple[Notice, ...], ...]:
    with pages.document(data, limits=limits) as opened:
        return tuple(
            (Notice.MISSING_GLYPHS,) * glyphs.missing(opened[index], index, data) for index in range(len(opened))
        )


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
