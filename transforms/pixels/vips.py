"""An optional second scaler for JPEG: libvips through pyvips, where LANCZOS has many pixels to read.

It shrinks while decoding and scales with the same kernel as the steps it replaces, two to five times as fast: it
decodes no further down than the region goes. Without pyvips, or where libvips refuses, Pillow does it all.
"""

from functools import cache
from typing import Any, Final

from PIL import Image, ImageFile, JpegImagePlugin

from transforms.pixels.plan import Plan

_MANY: Final = 1_000_000  # pixels left for LANCZOS to read; below, starting libvips costs more than it saves
_LARGE: Final = 4_000_000  # pixels of a source from which it is worth stopping early


@cache
def library() -> Any:
    """pyvips, set up for one job at a time; None where it is not installed."""
    try:
        # Lazy: optional, and 12 ms of a cold start.
        import pyvips
    except (ImportError, OSError):
        return None
    pyvips.block_untrusted_set(True)
    pyvips.cache_set_max(0)
    pyvips.concurrency_set(1)  # one job, one core
    return pyvips


def pays(source: ImageFile.ImageFile, plan: Plan) -> bool:
    """True where libvips is faster and gives the same pixels, to a level of 255 or so."""
    if not isinstance(source, JpegImagePlugin.JpegImageFile) or source.mode != "RGB" or plan.burn:
        return False
    if plan.is_exact(plan.shrink):
        return not plan.whole and plan.source.area >= _LARGE * plan.shrink**2
    # The edges of a cut-out region need pixels from beyond it: only Pillow takes those along.
    return plan.whole and plan.crop.size.area >= _MANY * plan.shrink**2


def scaled(data: bytes, source: ImageFile.ImageFile, plan: Plan) -> Image.Image | None:
    """The crop of `data`, opened as `source`, at its final size; None if Pillow has to do it."""
    if not pays(source, plan) or (pyvips := library()) is None:
        return None
    factor, crop, size = plan.shrink, plan.crop, plan.size
    try:
        image = pyvips.Image.jpegload_buffer(data, shrink=factor, access="sequential", fail_on="truncated")
        if plan.is_exact(factor):
            image = image.crop(crop.x // factor, crop.y // factor, size.width, size.height)
        else:
            across, down = size.width / image.width, size.height / image.height
            image = image.resize(across, vscale=down, kernel="lanczos3", gap=0)
        if (image.width, image.height, image.bands, image.format) != (size.width, size.height, 3, "uchar"):
            return None
        return Image.frombytes("RGB", (size.width, size.height), image.write_to_memory())
    except pyvips.Error:
        return None
