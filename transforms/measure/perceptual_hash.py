"""A perceptual hash of a page: near-copies of one photo (re-encoded, resized, brighter) get nearly the same bits.

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


@dataclass(frozen=True, slots=True)
class Likeness:
    """`bits`: 256 bits in hex. `luminance`: mean of the whole page, 0 black to 255 white."""

    bits: str
    luminance: int


def likeness(png: bytes) -> Likeness:
    """Of a page rendered as SPEC. ValueError for any other size."""
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
    return Likeness(f"{bits:064x}", sum(pixels) // len(pixels))


def distance(one: str, other: str) -> int:
    """In how many of 256 bits two pages differ."""
    return (int(one, 16) ^ int(other, 16)).bit_count()
