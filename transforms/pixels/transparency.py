"""The one transparent colour of a PNG (tRNS), where Pillow's 8 bits a sample cannot tell it from its neighbours.

Compared as the file stores it (PNG, 3rd edition, §11.3.1.1): where 256 greys are one, ink would vanish with the paper.
"""

from functools import reduce
from typing import Final

from PIL import Image, ImageChops, ImageFile, PngImagePlugin

from transforms import png
from transforms.formats import SourceType
from transforms.limits import LIMITS, Limits
from transforms.pixels import images

_GREY, _RGB = 0, 2  # colour types
_DEEP: Final = 16  # bits a sample


def alpha(image: ImageFile.ImageFile, data: bytes, *, limits: Limits = LIMITS) -> Image.Image | None:
    """Mode L, 0 where `image`, decoded from `data`, is transparent and 255 elsewhere; None where Pillow is right.

    Raises what the decoder raises: call it inside `images.decoding`.
    """
    if not isinstance(image, PngImagePlugin.PngImageFile) or "transparency" not in image.info:
        return None
    depth, colour = png.depth_and_colour(data)
    clear = image.info["transparency"]
    if colour == _GREY and depth == _DEEP:
        return image.convert("I").point([255 * (level != clear) for level in range(1 << _DEEP)], "L")
    if colour == _GREY and 1 < depth < 8:
        most = (1 << depth) - 1
        return image.point([255 * (level * most != 255 * (clear & most)) for level in range(256)])
    if colour == _RGB and depth == _DEEP:
        return _alpha_of_deep_rgb(image, data, clear, limits)
    return None


def _alpha_of_deep_rgb(
    image: Image.Image, data: bytes, clear: tuple[int, int, int], limits: Limits
) -> Image.Image | None:
    """Pillow keeps the upper byte of each sample; the lower ones are decoded for themselves, only to be compared."""
    low = images.open_image(data, SourceType.PNG, limits=limits)
    low.tile = [tile._replace(args="RGB;16L") for tile in low.tile]  # bytes swapped
    low.load()
    differs = [
        channel.point([255 * (level != wanted) for level in range(256)])
        for half, shift in ((image, 8), (low, 0))
        for channel, wanted in zip(half.split(), ((sample >> shift) & 0xFF for sample in clear), strict=True)
    ]
    return reduce(ImageChops.lighter, differs)
