"""The one place where pictures change their size. Everybody who scales calls `resize`.

`cykooz-resizer` (Rust) where it is installed, about eight times as fast as Pillow, which does it elsewhere. Both use
the same kernel and look past the edges of a box where there are pixels, so that tiles join without a seam. Their
results differ by a level of 255 or two, by more only beside colours that are already at their limit. Either gives the
same bytes on all machines of a kind: the Rust one does the same sums with AVX2, SSE4.1 and none, on one thread.
"""

import math
from functools import cache
from typing import Any, Final

import PIL
from PIL import Image
from PIL.Image import Resampling

# The fast one reads Pillow's structures in memory. Major versions with which that is tested; Pillow itself otherwise.
_KNOWN_PILLOWS: Final = frozenset({"12", "13"})
_FAST_MODES: Final = frozenset({"L", "RGB", "RGBA", "CMYK"})

# Pillow alone averages whole blocks first where more than twice the asked pixels would remain: a third of the time, and
# no visible difference.
_REDUCING_GAP: Final = 2.0


@cache
def fast() -> Any:
    """The module `cykooz_resizer`; None where there is no wheel of it (arm64, musl) or it does not fit Pillow."""
    if PIL.__version__.partition(".")[0] not in _KNOWN_PILLOWS:
        return None
    try:
        # Lazy: 4 ms of a cold start, and copies and exact fractions need no scaling.
        import cykooz_resizer
    except ImportError:
        return None
    return cykooz_resizer


def resize(
    image: Image.Image,
    size: tuple[int, int],
    *,
    box: tuple[float, float, float, float] | None = None,
) -> Image.Image:
    """`box` of `image` (left, top, right, bottom, in pixels and fractions; default: all) at `size`, in the same mode.

    Always LANCZOS: with its shorter kernels the fast one (4.0.1) reads past the ends of rows, and crashes. Transparent
    pixels weigh nothing. Raises what Pillow raises.
    """
    left, top, right, bottom = box or (0, 0, *image.size)
    # The fast one crashes on a box that begins before the image, and sums of fractions do, by a little.
    left, top, right, bottom = max(0, left), max(0, top), min(right, image.width), min(bottom, image.height)
    if image.mode not in _FAST_MODES or (cykooz := fast()) is None:
        return image.resize(size, Resampling.LANCZOS, box=(left, top, right, bottom), reducing_gap=_REDUCING_GAP)
    crop = cykooz.CropBox(left, top, _length(left, right, image.width), _length(top, bottom, image.height))
    algorithm = cykooz.ResizeAlg.convolution(cykooz.FilterType.lanczos3)
    resized = Image.new(image.mode, size)
    # A new one each time: it would keep its buffers.
    cykooz.Resizer().resize_pil(image, resized, cykooz.ResizeOptions(algorithm, crop_box=crop))
    return resized


def _length(start: float, end: float, side: int) -> float:
    """From `start` to `end`, so that the sum is not rounded to beyond `side`."""
    length = end - start
    return length if start + length <= side else math.nextafter(length, 0)
