"""Looks at an upload once, at intake: what it is, how many pages, how large, and whether every byte decodes.

Runs only inside the sandbox. Must never accept a file that a later render would refuse.
"""

from dataclasses import dataclass
from typing import Final

from PIL import ImageFile, JpegImagePlugin, PngImagePlugin

from transforms.errors import SourceTooLarge
from transforms.fonts import glyphs
from transforms.formats import SNIFF_BYTES, SourceType, sniff
from transforms.geometry import Size
from transforms.limits import LIMITS, MIB, Limits
from transforms.measure.notices import Notice
from transforms.pdf import pages
from transforms.pixels import images, plan

_SMALLEST: Final = 8  # libjpeg reads every coded byte even at 1/8, in a sixty-fourth of the memory


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
    image = images.open_image(data, kind, limits=limits)
    stored = images.size_of(image)
    with images.decoding(kind):
        if isinstance(image, PngImagePlugin.PngImageFile):
            image.verify()  # the checksums, which decoding skips; it uses the file up
            image = images.open_image(data, kind, limits=limits)
        turned = plan.swaps_sides(images.orientation(image))
        _decode(image)
    return Size(stored.height, stored.width) if turned else stored


def _decode(image: ImageFile.ImageFile) -> None:
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        image.draft(image.mode, (max(1, image.width // _SMALLEST), max(1, image.height // _SMALLEST)))
    image.load()
