"""The whole page in about a megapixel, in source orientation: what is known of a page as a whole is measured on it.

Always the same for the same file, whatever a request shrank.
"""

from PIL import Image, ImageFile

from transforms.formats import SourceType
from transforms.geometry import Box, Size
from transforms.limits import LIMITS, Limits
from transforms.pixels import steps
from transforms.pixels.plan import Plan


def shrink(size: Size, kind: SourceType, *, limits: Limits = LIMITS) -> int:
    """By which factor an image of `size` pixels is shrunk while it is decoded for its proxy."""
    return _plan(size, limits).shrink if kind is SourceType.JPEG else 1


def decode(source: ImageFile.ImageFile, *, limits: Limits = LIMITS) -> int:
    """Decodes `source` in place; returns that factor. Raises what the decoder raises: call it in `images.decoding`."""
    return steps.decode(source, _plan(Size(*source.size), limits))


def reduced(image: Image.Image, size: Size, *, shrunk: int, limits: Limits = LIMITS) -> Image.Image:
    """From `image`, which is the source of `size` pixels decoded at 1/`shrunk`, in a mode that can be averaged."""
    wanted = _factor(size, limits)
    # Whole blocks averaged: nobody will look at it, and it costs a tenth of LANCZOS.
    return image.reduce(wanted // shrunk) if wanted > shrunk else image


def _factor(size: Size, limits: Limits) -> int:
    factor = 1
    while size.area > limits.proxy_pixels * factor**2:
        factor *= 2
    return factor


def _plan(size: Size, limits: Limits) -> Plan:
    factor = _factor(size, limits)
    small = Size(-(-size.width // factor), -(-size.height // factor))
    return Plan(size, Box(0, 0, size.width, size.height), small, None, ())
