"""Where levels change quickly in a small picture, one pixel wide. Pillow does the work; Python sees points only."""

import math
import re
from collections.abc import Callable
from typing import Final, NamedTuple

from PIL import Image, ImageChops, ImageFilter

_MOST: Final = 2200  # edge pixels that are looked at: the strongest
_FAINT: Final = 6  # of 255; less is noise
_MIDDLE: Final = 128  # of a signed difference that is kept in a byte
_BORDER: Final = 2  # pixels: filters and offsets know nothing of what is outside
_AROUND: Final = 9  # pixels around an edge that it is compared with
_RATIO: Final = [round(255 * math.log2(1 + level / 2) / 7) for level in range(256)]
_ANY: Final = [0] * 4 + [255] * 252
# Pillow applies kernels upside down: the rows of DOWN are in that order.
_ACROSS: Final = ImageFilter.Kernel((3, 3), (-1, 0, 1, -2, 0, 2, -1, 0, 1), 2, _MIDDLE)
_DOWN: Final = ImageFilter.Kernel((3, 3), (1, 2, 1, 0, 0, 0, -1, -2, -1), 2, _MIDDLE)
# Levels are compared by ratio, as eyes do; near black that would be noise.
LEVELS: Final = [round(255 * math.log1p(level / 24) / math.log1p(255 / 24)) for level in range(256)]
STRENGTH: Final = [min(255, 2 * abs(level - _MIDDLE)) for level in range(256)]
_ZERO: Final = [255] + [0] * 255
_POSITIVE: Final = [0] + [255] * 255


class Edge(NamedTuple):
    """A pixel on an edge, and the direction in which it gets brighter: `across` to the right, `down`."""

    x: int
    y: int
    across: int
    down: int


def closed(image: Image.Image) -> Image.Image:
    """Without what is thin and dark, up to four pixels: lines of text go, papers stay."""
    return _five(_five(image, ImageChops.lighter), ImageChops.darker)


def _five(image: Image.Image, keep: Callable[[Image.Image, Image.Image], Image.Image]) -> Image.Image:
    """The lightest or darkest of 5 x 5, by shifts: 25 times as fast as Pillow's rank filter."""
    shift = ImageChops.offset
    for x, y in ((1, 0), (0, 1)):
        two = keep(image, shift(image, x, y))
        four = keep(two, shift(two, 2 * x, 2 * y))
        image = shift(keep(four, shift(image, 4 * x, 4 * y)), -2 * x, -2 * y)
    return image


def edges(image: Image.Image, *, calm: bool = False) -> list[Edge]:
    """The strongest edge pixels of `image` (L or RGB; in whichever band is strongest).

    With `calm` they are the strongest in relation to what is around, so that a faint side on a smooth table counts, and
    a texture does not.
    """
    magnitude, across, down = _gradients(image)
    thin = _thinned(magnitude, across, down)
    if calm:
        around = magnitude.filter(ImageFilter.BoxBlur(_AROUND)).point(_RATIO)
        stands_out = ImageChops.subtract(magnitude.point(_RATIO), around, 1, 0)
        thin = ImageChops.darker(thin.point(_ANY), stands_out)
    histogram, count, floor = thin.histogram(), 0, 255
    while floor >= _FAINT and count + histogram[floor] < _MOST:
        count += histogram[floor]
        floor -= 1
    width, xs, ys = image.width, across.tobytes(), down.tobytes()
    strong = re.finditer(b"[\\x%02x-\\xff]" % min(255, max(floor + 1, _FAINT)), thin.tobytes(), re.DOTALL)
    found = [match.start() for match in strong]
    found = found[:: len(found) // _MOST + 1]  # in hard stripes all are the strongest
    return [Edge(at % width, at // width, xs[at] - _MIDDLE, ys[at] - _MIDDLE) for at in found]


def _gradients(image: Image.Image) -> tuple[Image.Image, Image.Image, Image.Image]:
    """Strength, and its parts across and down, of the band in which it is greatest."""
    across, down = image.filter(_ACROSS), image.filter(_DOWN)
    bands = len(image.getbands())
    strength = ImageChops.add(across.point(STRENGTH * bands), down.point(STRENGTH * bands), 2)
    each = list(zip(strength.split(), across.split(), down.split(), strict=True))
    most, x, y = each[0]
    for other, other_x, other_y in each[1:]:
        more = ImageChops.subtract(other, most).point(_POSITIVE)
        x.paste(other_x, mask=more)
        y.paste(other_y, mask=more)
        most = ImageChops.lighter(most, other)
    return most, x, y


def _thinned(magnitude: Image.Image, across: Image.Image, down: Image.Image) -> Image.Image:
    """What is not weaker than either neighbour along its gradient; nothing at the border."""
    shift = ImageChops.offset
    beside = ImageChops.lighter(shift(magnitude, 1, 0), shift(magnitude, -1, 0))
    above = ImageChops.lighter(shift(magnitude, 0, 1), shift(magnitude, 0, -1))
    level = ImageChops.subtract(down.point(STRENGTH), across.point(STRENGTH)).point(_ZERO)
    peaks = Image.composite(
        ImageChops.subtract(beside, magnitude).point(_ZERO), ImageChops.subtract(above, magnitude).point(_ZERO), level
    )
    thin, inside = Image.new("L", magnitude.size), _BORDER
    box = (inside, inside, magnitude.width - inside, magnitude.height - inside)
    if box[2] > inside and box[3] > inside:
        thin.paste(ImageChops.darker(magnitude, peaks).crop(box), box)
    return thin
