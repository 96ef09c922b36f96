"""What is done to pixels on the way from an opened image to a small upright picture; `render.py` has the order."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Final

from PIL import Image, ImageDraw, ImageFile, JpegImagePlugin

from transforms.geometry import Box
from transforms.pixels.plan import Plan, outward
from transforms.pixels.resize import resize

_BLACK: Final[dict[str, int | tuple[int, ...]]] = {
    "1": 0,
    "L": 0,
    "LA": (0, 255),
    "RGB": (0, 0, 0),
    "RGBA": (0, 0, 0, 255),
    "CMYK": (0, 0, 0, 255),
}


def decode(image: ImageFile.ImageFile, plan: Plan, *, gray: bool = False) -> int:
    """Decodes `image` in place; returns the factor by which it was shrunk: 1, 2, 4 or 8 (JPEG only).

    `gray` allows a JPEG to be decoded as mode L. Raises what the decoder raises: call it inside `images.decoding`.
    """
    factor = 1
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        wanted = plan.shrink
        # The luma channel alone is a grey picture already, unless a profile says what the colours mean.
        mode = "L" if gray and "icc_profile" not in image.info else image.mode
        drafted = image.draft(mode, (max(1, image.width // wanted), max(1, image.height // wanted)))
        factor = round(plan.source.width / drafted[1][2]) if drafted else 1
    image.load()
    return factor


def burn(image: Image.Image, boxes: Iterable[Box]) -> Image.Image:
    """`image` with `boxes` (pixels of it) painted black; a copy unless there are none."""
    boxes = tuple(boxes)
    if not boxes:
        return image
    image = image.copy()
    draw = ImageDraw.Draw(image)
    for box in boxes:
        draw.rectangle((box.x, box.y, box.right - 1, box.bottom - 1), fill=_BLACK[image.mode])
    return image


def burn_source(image: Image.Image, plan: Plan, factor: int) -> Image.Image:
    """Paints the redactions on an image decoded at 1/`factor`, before scaling: LANCZOS would carry a trace of what they
    hide over their edges.
    """
    shrunk = Fraction(1, factor)
    return burn(image, (outward(box, across=shrunk, down=shrunk) for box in plan.burn))


def scale(image: Image.Image, plan: Plan, factor: int) -> Image.Image:
    """The crop at its final size, from an image decoded at 1/`factor`."""
    left, top, crop = plan.crop.x, plan.crop.y, plan.crop
    size = (plan.size.width, plan.size.height)
    if plan.is_exact(factor):
        if plan.whole:
            return image
        left, top = left // factor, top // factor
        return image.crop((left, top, left + size[0], top + size[1]))
    right, bottom = min(image.width, crop.right / factor), min(image.height, crop.bottom / factor)
    return resize(image, size, box=(left / factor, top / factor, right, bottom))


def turn(image: Image.Image, plan: Plan) -> Image.Image:
    """Upright, plus the rotation asked for, in one go."""
    return image if plan.turn is None else image.transpose(plan.turn)
