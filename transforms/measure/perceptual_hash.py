"""The perceptual hash of a page (dHash): near-copies of one photo (encoded anew, resized, brighter) differ in few bits.

Works on a tiny grey picture that our own renderer made; never on uploaded bytes.
"""

from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from typing import Final

from PIL import Image

# One column more than bits in a row: each bit says whether the picture gets brighter from one pixel to the next.
WIDTH: Final = 17
HEIGHT: Final = 16
SPEC: Final = f"full/{WIDTH},{HEIGHT}/0/gray.png"
"""What to render of a page."""


# Which digits of `bits` belong together: hashes that differ in fewer bits than there are bands agree in one of them
# (pigeonhole). Each takes digits from all over the page, because its margins look the same on most pages.
BANDS: Final = tuple(range(first, 64, 13) for first in range(13))


@dataclass(frozen=True, slots=True)
class PerceptualHash:
    """`bits`: 256 bits in hex. `luminance`: mean of the whole page, 0 black to 255 white."""

    bits: str
    luminance: int


def measure(png: bytes) -> PerceptualHash:
    """Of a page rendered as SPEC. Raises ValueError for any other size, OSError for no picture."""
    with Image.open(BytesIO(png), formats=("PNG",)) as image:
        if image.size != (WIDTH, HEIGHT):
            message = f"the picture must have {WIDTH} x {HEIGHT} pixels, not {image.width} x {image.height}"
            raise ValueError(message)
        pixels = image.convert("L").tobytes()
    bits = 0
    for y in range(HEIGHT):
        row = pixels[y * WIDTH : (y + 1) * WIDTH]
        for left, right in pairwise(row):
            bits = bits << 1 | (right > left)
    return PerceptualHash(f"{bits:064x}", sum(pixels) // len(pixels))


def bands(bits: str) -> tuple[str, ...]:
    """The digits of each of BANDS."""
    return tuple("".join(bits[place] for place in band) for band in BANDS)


def distance(one: str, other: str) -> int:
    """In how many of 256 bits two pages differ, given their `bits`."""
    return (int(one, 16) ^ int(other, 16)).bit_count()
