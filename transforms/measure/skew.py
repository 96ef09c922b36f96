"""By how much the lines of a page slope, for a viewer that offers to straighten it. Estimated only, never applied."""

from array import array
from itertools import pairwise
from math import cos, radians, sin
from statistics import median
from typing import Final

from PIL import Image, ImageChops, ImageFilter

_SIDE: Final = 640  # pixels a side: print is a few pixels high, which is all that matters
_WIDEST: Final = 12  # degrees to each side; a page further off was turned on purpose
_STEPS: Final = 5  # parts of a degree, in the second pass
# The level lines must stand out: on a page without lines every angle is as good as any other.
_CLEAR: Final = 1.25
_STRAIGHT: Final = 0.4  # degrees that nobody sees
_STANDING: Final = 1.5  # so much clearer must upright lines be: forms have both


def slope(page: Image.Image) -> float | None:
    """Degrees by which lines of the upright `page` (mode L) run down to the right (negative: up), to a fifth of a
    degree.

    None where no lines are clearly seen. 0.0 where they are as level as anybody wants.
    """
    small = page.copy()
    small.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    ink = _ink(small)
    rough = ink.reduce(2).filter(ImageFilter.BoxBlur(1))  # whole degrees show on a quarter of the pixels
    coarse = {float(degrees): _levelness(rough, degrees) for degrees in range(-_WIDEST, _WIDEST + 1)}
    usual = median(coarse.values())
    best = max(coarse, key=coarse.__getitem__)
    if not usual or coarse[best] < _CLEAR * usual or abs(best) == _WIDEST:
        return None
    around = [best + step / _STEPS for step in range(-_STEPS, _STEPS + 1)]
    found = max(around, key=lambda degrees: _levelness(ink, degrees))
    return 0.0 if abs(found) < _STRAIGHT else round(found, 1)


def lines_stand(sheet: Image.Image) -> bool:
    """True where lines of a flat sheet (mode L), no longer than `_SIDE` pixels a side, clearly run up or down."""
    ink = _ink(sheet)
    across, standing = (_levelness(one, 0) / one.height for one in (ink, ink.transpose(Image.Transpose.ROTATE_90)))
    return standing > _STANDING * across


def _ink(grey: Image.Image) -> Image.Image:
    """What is darker than its surroundings, whatever the light; shadows and the edge of the table fade away."""
    paper = grey.filter(ImageFilter.BoxBlur(8))
    ink = ImageChops.subtract(paper, grey).point(lambda level: min(level, 64))
    # Turning softens a picture, except by 0 degrees, which would look sharpest for that alone: soften it beforehand.
    return ink.filter(ImageFilter.BoxBlur(1))


def _levelness(ink: Image.Image, degrees: float) -> float:
    """How sharply rows with ink and rows without alternate once the middle of the page is turned back so far."""
    width, height = ink.size
    left, top = width // 8, height // 8
    size = (width - 2 * left, height - 2 * top)
    angle = radians(degrees)
    across, down = cos(angle), sin(angle)
    # Where each pixel of the turned middle comes from: about the middle of the page, clockwise on its way back.
    x, y = width / 2 - left, height / 2 - top
    placed = (
        across, -down, width / 2 - across * x + down * y,
        down, across, height / 2 - down * x - across * y,
    )  # fmt: skip
    level = ink.transform(size, Image.Transform.AFFINE, placed, Image.Resampling.BILINEAR)
    column = level.convert("F").resize((1, level.height), Image.Resampling.BOX)
    rows = array("f", column.tobytes())
    return sum((one - other) ** 2 for one, other in pairwise(rows))
