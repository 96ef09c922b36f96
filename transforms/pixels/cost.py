"""What a variant costs to make, guessed from what its row knows: nothing is opened, so the guess is made before anybody
waits. Good enough to tell work that needs a lot of memory from work that does not.
"""

from dataclasses import dataclass
from typing import Final

from transforms.formats import OutputFormat, SourceType
from transforms.geometry import Box, Size
from transforms.limits import MIB
from transforms.pixels import plan
from transforms.pixels.flatten import Flat
from transforms.request.paper import Paper
from transforms.request.spec import Stored

# Measured: resident memory of renderers at 64 MP, less what is decoded, for each pixel that is written. Pillow keeps
# four bytes of a colour pixel.
_BASE: Final = 88 * MIB
_DECODED: Final = 4
_WRITTEN: Final = {OutputFormat.AVIF: 12}
_WRITTEN_ELSE: Final = 6
# These look at the whole page, in more than one copy.
_WHOLE_PAGE: Final = {"enhanced": 12, "bitonal": 12}
# Beyond it, work is large: a photo of 12 MP is not, in any form; a tile of one of 64 MP is, for it is decoded whole.
LARGE_BYTES: Final = 288 * MIB


@dataclass(frozen=True, slots=True)
class Cost:
    """`pixels` are decoded or drawn; `bytes` is the most memory that the renderer is expected to have resident."""

    pixels: int
    bytes: int

    @property
    def is_large(self) -> bool:
        return self.bytes > LARGE_BYTES


def estimate(source: SourceType, page: Size, stored: Stored, *, paper: Paper | None = None) -> Cost:
    """The cost of `stored`, of a page of `page` pixels in a file of type `source`; or of the sheet `paper` in it."""
    written = stored.size.area
    per_pixel = max(_WRITTEN.get(stored.format, _WRITTEN_ELSE), _WHOLE_PAGE.get(stored.quality, 0))
    pixels = _seen(source, page, stored, paper) if paper else _decoded(source, page, stored)
    return Cost(pixels, _BASE + _DECODED * pixels + per_pixel * written)


def _decoded(source: SourceType, page: Size, stored: Stored) -> int:
    if source is SourceType.PDF:
        return stored.size.area  # drawn at the size that is asked for
    if source is SourceType.JPEG and stored.quality not in _WHOLE_PAGE:
        factor = plan.make(stored, source=page).shrink
        return page.area // (factor * factor)
    return page.area


def _seen(source: SourceType, page: Size, stored: Stored, paper: Paper) -> int:
    """Of the page, for what is asked of the sheet in it."""
    crop = stored.region or Box(0, 0, paper.size.width, paper.size.height)
    flat = Flat(page, 1, paper, crop, stored.size)  # what is needed of it is as much, however it is turned
    if source is SourceType.PDF:
        _box, drawn = flat.window
        return drawn.area
    if source is SourceType.JPEG and stored.quality not in _WHOLE_PAGE:
        return page.area // flat.shrink**2
    return page.area
