"""The geometry of one render, computed once, in the source's own coordinates, before any pixel is touched.

Sources may be stored turned or mirrored (EXIF orientation); requests speak of the upright page. Turning a
full-size photo costs more than all the rest, so the region is translated into the source, and the small result
is turned.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Final

from PIL.Image import Transpose

from transforms.errors import SpecError
from transforms.geometry import Box, Size
from transforms.request.spec import Stored

# EXIF orientation (Exif 3.0 §4.6.5) as: mirror left-right first?, then so many quarter turns clockwise.
_ORIENTATIONS: Final = {
    1: (0, 0),
    2: (1, 0),
    3: (0, 2),
    4: (1, 2),
    5: (1, 3),
    6: (0, 1),
    7: (1, 1),
    8: (0, 3),
}
_TURNS: Final = {
    (0, 0): None,
    (0, 1): Transpose.ROTATE_270,  # Pillow turns counter-clockwise
    (0, 2): Transpose.ROTATE_180,
    (0, 3): Transpose.ROTATE_90,
    (1, 0): Transpose.FLIP_LEFT_RIGHT,
    (1, 1): Transpose.TRANSVERSE,
    (1, 2): Transpose.FLIP_TOP_BOTTOM,
    (1, 3): Transpose.TRANSPOSE,
}
# libjpeg can decode at 1/2, 1/4 and 1/8, which saves time and memory. The rest is left to LANCZOS, which needs more
# pixels a side than it returns: with fewer, small print gets softer. Where one step larger would be many pixels, fewer
# have to do: it would take long, and so many pixels are hardly all as sharp as they could be.
_SHRINKS: Final = (8, 4, 2)
_GAP: Final = Fraction(8, 3)
_GAP_OF_MANY: Final = Fraction(9, 5)
_MANY: Final = 2_500_000


@dataclass(frozen=True, slots=True)
class Plan:
    """`source`, `crop` and `size` are pixels in source orientation; `turn` brings the result upright and rotates it.

    `burn` holds the redacted rectangles in source pixels.
    """

    source: Size
    crop: Box
    size: Size
    turn: Transpose | None
    burn: tuple[Box, ...]

    @property
    def whole(self) -> bool:
        """True if nothing is cut off."""
        return self.crop == Box(0, 0, self.source.width, self.source.height)

    @property
    def shrink(self) -> int:
        """How far a JPEG may be shrunk while decoding: 1, 2, 4 or 8."""
        left = min(Fraction(self.crop.width, self.size.width), Fraction(self.crop.height, self.size.height))
        for factor in _SHRINKS:
            gap = _GAP if 4 * self.source.area < _MANY * factor**2 else _GAP_OF_MANY
            if self.is_exact(factor) or left >= gap * factor:
                return factor
        return 1

    def is_exact(self, factor: int) -> bool:
        """True if decoding at 1/`factor` gives the asked pixels, as for IIIF `sizes` and tiles on the grid."""
        aligned = self.crop.x % factor == 0 and self.crop.y % factor == 0
        return aligned and self.size == Size(-(-self.crop.width // factor), -(-self.crop.height // factor))

    def burnt_output(self) -> tuple[Box, ...]:
        """The redacted rectangles in pixels of the scaled crop, rounded outwards; without those outside it."""
        across, down = (
            Fraction(self.size.width, self.crop.width),
            Fraction(self.size.height, self.crop.height),
        )
        moved = (
            outward(Box(box.x - self.crop.x, box.y - self.crop.y, box.width, box.height), across=across, down=down)
            for box in self.burn
        )
        return tuple(box for box in (box.clipped(self.size) for box in moved) if box)


def outward(box: Box, *, across: Fraction, down: Fraction) -> Box:
    """`box` times the factors: the smallest whole-pixel box that covers it."""
    left, top = floor(box.x * across), floor(box.y * down)
    return Box(left, top, ceil(box.right * across) - left, ceil(box.bottom * down) - top)


def turns_of(orientation: int) -> tuple[bool, int]:
    """Whether to mirror the stored image left-right first, and how many quarter turns clockwise bring it upright."""
    mirror, quarters = _ORIENTATIONS[orientation]
    return bool(mirror), quarters


def turn_of(orientation: int) -> Transpose | None:
    """What brings the stored image upright, in one go."""
    return _TURNS[_ORIENTATIONS[orientation]]


def make(stored: Stored, *, source: Size, orientation: int = 1, redactions: tuple[Box, ...] = ()) -> Plan:
    """The plan for `stored`, which speaks of the upright page, on a source of `source` pixels.

    Raises SpecError if the region is not inside the page.
    """
    mirror, quarters = _ORIENTATIONS[orientation]
    upright = Size(source.height, source.width) if quarters % 2 else source
    region = stored.region or Box(0, 0, upright.width, upright.height)
    if region.clipped(upright) != region:
        raise SpecError(f"The region {region} is not inside the page of {upright} pixels.")
    return Plan(
        source=source,
        crop=to_source(region, source, orientation),
        size=Size(stored.size.height, stored.size.width) if quarters % 2 else stored.size,
        turn=_TURNS[mirror, (quarters + stored.rotation // 90) % 4],
        burn=tuple(to_source(box, source, orientation) for box in redactions),
    )


def to_source(box: Box, source: Size, orientation: int) -> Box:
    """A box of the upright page in the coordinates of the stored image: undo the quarter turns, then the mirror."""
    mirror, quarters = _ORIENTATIONS[orientation]
    x, y, width, height = box.x, box.y, box.width, box.height
    if quarters == 1:
        x, y, width, height = y, source.height - box.right, height, width
    elif quarters == 2:
        x, y = source.width - box.right, source.height - box.bottom
    elif quarters == 3:
        x, y, width, height = source.width - box.bottom, x, height, width
    return Box(source.width - x - width if mirror else x, y, width, height)
