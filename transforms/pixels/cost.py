"""What a variant costs to make, guessed from what its row knows: nothing is opened, so the guess is made before anybody
waits. Good enough to tell work that needs a lot of memory from work that does not.
"""

from dataclasses import dataclass
from typing import Final

from transforms.formats import OutputFormat, SourceType
from transforms.geometry import Size
from transforms.limits import MIB
from transforms.pixels import plan
from transforms.request.spec import Stored

# Measured: resident memory of renderers at 64 MP, less what is decoded, for each pixel that is written. Pillow keeps
# four bytes of a colour pixel.
_BASE: Final = 88 * MIB
_DECODED: Final = 4
_WRITTEN: Final = {OutputFormat.AVIF: 12}
_WRITTEN_ELSE: Final = 6
# These look at the whole page, in more than one copy.
_WHOLE_PAGE: Final = {"enhanced": 12, "bitonal": 12}
# Pixels of a page for each that is made of its sheet, a side, beyond which a JPEG is surely decoded in small.
_SHEET_GAP: Final = 2
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


def estimate(source: SourceType, page: Size, stored: Stored, *, of_sheet: bool = False) -> Cost:
    """The cost of `stored`, of a page of `page` pixels in a file of type `source`; or of the sheet in it."""
    written = stored.size.area
    per_pixel = max(_WRITTEN.get(stored.format, _WRITTEN_ELSE), _WHOLE_PAGE.get(stored.quality, 0))
    pixels = _seen(source, page, stored) if of_sheet else _decoded(source, page, stored)
    return Cost(pixels, _BASE + _DECODED * pixels + per_pixel * written)


def _decoded(source: SourceType, page: Size, stored: Stored) -> int:
    if source is SourceType.PDF:
        return stored.size.area  # drawn at the size that is asked for
    if source is SourceType.JPEG and stored.quality not in _WHOLE_PAGE:
        factor = plan.make(stored, source=page).shrink
        return page.area // (factor * factor)
    return page.area


def _seen(source: SourceType, page: Size, stored: Stored) -> int:
    """Of a sheet, which is hardly ever as large as the page: with twice as many pixels a side as are asked for."""
    if source is SourceType.PDF:
        return 4 * stored.size.area
    if source is SourceType.JPEG and stored.quality not in _WHOLE_PAGE:
        own = stored.region.size if stored.region else page
        factor = next((step for step in (8, 4, 2) if own.width >= step * stored.size.width * _SHEET_GAP), 1)
        return page.area // (factor * factor)
    return page.area
