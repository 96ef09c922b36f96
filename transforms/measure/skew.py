"""By how much the lines of a page slope, for a viewer that offers to straighten it. Estimated only, never applied.

Works on a small grey picture that our own renderer made; never on uploaded bytes.
"""

from array import array
from io import BytesIO
from itertools import pairwise
from statistics import median
from typing import Final

from PIL import Image, ImageChops, ImageFilter

SIDE: Final = 640
"""Pixels a side of the picture to ask for: print is a few pixels high, which is all that matters."""

_WIDEST: Final = 12  # degrees to each side; a page further off was turned on purpose
_STEPS: Final = 5  # parts of a degree, in the second pass
# The level lines must stand out: on a page without lines every angle is as good as any other.
_CLEAR: Final = 1.25
_STRAIGHT: Final = 0.4  # degrees that nobody sees


def spec(width: int, height: int) -> str:
    """What to render of a page of this size (pixels)."""
    side = min(SIDE, max(width, height))
    return f"full/!{side},{side}/0/gray.png"


def slope(png: bytes) -> float | None:
    """Degrees by which lines run down to the right (negative: up), to a fifth of a degree.

    None where no lines are clearly seen. 0.0 where they are as level as anybody wants. Raises ValueError for a picture
    larger than SIDE, OSError for none.
    """
    with Image.open(BytesIO(png), formats=("PNG",)) as image:
        if max(image.size) > SIDE:
            message = f"the picture must have at most {SIDE} pixels a side, not {image.width} x {image.height}"
            raise ValueError(message)
        ink = _ink(image.convert("L"))
    coarse = {float(degrees): _levelness(ink, degrees) for degrees in range(-_WIDEST, _WIDEST + 1)}
    usual = median(coarse.values())
    best = max(coarse, key=coarse.__getitem__)
    if not usual or coarse[best] < _CLEAR * usual or abs(best) == _WIDEST:
        return None
    around = [best + step / _STEPS for step in range(-_STEPS, _STEPS + 1)]
    found = max(around, key=lambda degrees: _levelness(ink, degrees))
    return 0.0 if abs(found) < _STRAIGHT else round(found, 1)


def _ink(grey: Image.Image) -> Image.Image:
    """What is darker than its surroundings, whatever the light; shadows and the edge of the table fade away."""
    paper = grey.filter(ImageFilter.BoxBlur(8))
    ink = ImageChops.subtract(paper, grey).point(lambda level: min(level, 64))
    # Turning softens a picture, except by 0 degrees, which would look sharpest for that alone: soften it beforehand.
    return ink.filter(ImageFilter.BoxBlur(1))


def _levelness(ink: Image.Image, degrees: float) -> float:
    """How sharply rows with ink and rows without alternate once the page is turned back by so many degrees."""
    width, height = ink.size
    level = ink.rotate(degrees, Image.Resampling.BILINEAR)  # counterclockwise
    middle = level.crop((width // 8, height // 8, width - width // 8, height - height // 8))
    column = middle.convert("F").resize((1, middle.height), Image.Resampling.BOX)
    rows = array("f", column.tobytes())
    return sum((one - other) ** 2 for one, other in pairwise(rows))
