"""What is done to pixels on the way from an opened image to a small upright picture; `render.py` has the order."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Protocol

from PIL import Image, ImageDraw, ImageFile, JpegImagePlugin

from transforms.geometry import Box, Size
from transforms.pixels.enhance import Frame
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


class Decoded(Protocol):
    """What decoding goes by."""

    @property
    def source(self) -> Size: ...

    @property
    def shrink(self) -> int: ...


def decode(image: ImageFile.ImageFile, plan: Decoded, *, gray: bool = False) -> int:
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


def burn_source(image: Image.Image, boxes: Iterable[Box], factor: int) -> Image.Image:
    """Paints the redactions, in pixels of the source, on an image decoded at 1/`factor`, before scaling: LANCZOS would
    carry a trace of what they hide over their edges.
    """
    shrunk = Fraction(1, factor)
    return burn(image, (outward(box, across=shrunk, down=shrunk) for box in boxes))


def burn_window(image: Image.Image, boxes: Iterable[Box], window: Box) -> Image.Image:
    """Paints redactions of a page on this part of it, drawn in some size."""
    across, down = Fraction(image.width, window.width), Fraction(image.height, window.height)
    moved = (Box(box.x - window.x, box.y - window.y, box.width, box.height) for box in boxes)
    return burn(image, (outward(box, across=across, down=down) for box in moved))


@dataclass(frozen=True, slots=True)
class Scaled:
    """A picture, where it lies on its page, and how many pixels of it at each side were only made to be looked at."""

    image: Image.Image
    frame: Frame
    extra: tuple[int, int, int, int]

    def without_extra(self, image: Image.Image) -> Image.Image:
        """`image`, made of this one, as it was asked for."""
        left, top, right, bottom = self.extra
        box = (left, top, image.width - right, image.height - bottom)
        return image if not any(self.extra) else image.crop(box)


def frame_of(plan: Plan) -> Frame:
    """Where what `plan` asks for lies on its page."""
    crop = plan.crop
    return Frame(plan.source, (crop.x, crop.y, crop.right, crop.bottom))


def widened(plan: Plan, halo: int) -> tuple[Frame, tuple[int, int, int, int]]:
    """Where that lies with up to `halo` pixels of the result more at each side, and how many these are."""
    asked = frame_of(plan)
    left, top, right, bottom = asked.box
    across, down = plan.crop.width / plan.size.width, plan.crop.height / plan.size.height
    extra = (
        min(halo, int(left / across)),
        min(halo, int(top / down)),
        min(halo, int((plan.source.width - right) / across)),
        min(halo, int((plan.source.height - bottom) / down)),
    )
    box = (left - extra[0] * across, top - extra[1] * down, right + extra[2] * across, bottom + extra[3] * down)
    return Frame(plan.source, box), extra


def scale(image: Image.Image, plan: Plan, factor: int, halo: int = 0) -> Scaled:
    """The crop at its final size, from an image decoded at 1/`factor`, with up to `halo` pixels more at each side."""
    if plan.is_exact(factor) and plan.whole:
        return Scaled(image, frame_of(plan), (0, 0, 0, 0))
    frame, extra = widened(plan, halo)
    left, top, right, bottom = frame.box
    width, height = plan.size.width + extra[0] + extra[2], plan.size.height + extra[1] + extra[3]
    if plan.is_exact(factor):
        x, y = round(left / factor), round(top / factor)
        return Scaled(image.crop((x, y, x + width, y + height)), frame, extra)
    box = (left / factor, top / factor, min(image.width, right / factor), min(image.height, bottom / factor))
    return Scaled(resize(image, (width, height), box=box), frame, extra)


def turn(image: Image.Image, plan: Plan) -> Image.Image:
    """Upright, plus the rotation asked for, in one go."""
    return image if plan.turn is None else image.transpose(plan.turn)
