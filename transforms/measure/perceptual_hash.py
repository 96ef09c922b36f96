"""The perceptual hash of a page (dHash): near-copies of a photo (resized, brighter) differ in few bits."""

from itertools import pairwise
from typing import Final

from PIL import Image

# One column more than bits in a row: each bit says whether the picture gets brighter from one pixel to the next.
_WIDTH: Final = 17
_HEIGHT: Final = 16


# Which digits of `bits` belong together: hashes that differ in fewer bits than there are bands agree in one of them
# (pigeonhole). Each takes digits from all over the page, because its margins look the same on most pages.
BANDS: Final = tuple(range(first, 64, 13) for first in range(13))
# Of a page that is the same all over.
BLANK: Final = "0" * 64


def measure(page: Image.Image) -> str:
    """256 bits of the upright `page` (mode L), in hex; "" for one with fewer pixels, where each is as likely as not."""
    if page.width < _WIDTH or page.height < _HEIGHT:
        return ""
    # Pillow's own: hashes of all machines are compared, whatever else is installed.
    pixels = page.resize((_WIDTH, _HEIGHT), Image.Resampling.LANCZOS).tobytes()
    bits = 0
    for y in range(_HEIGHT):
        row = pixels[y * _WIDTH : (y + 1) * _WIDTH]
        for left, right in pairwise(row):
            bits = bits << 1 | (right > left)
    return f"{bits:064x}"


def bands(bits: str) -> tuple[str, ...]:
    """The digits of each of BANDS."""
    return tuple("".join(bits[place] for place in band) for band in BANDS)


def distance(one: str, other: str) -> int:
    """In how many of 256 bits two pages differ, given their hashes."""
    return (int(one, 16) ^ int(other, 16)).bit_count()
