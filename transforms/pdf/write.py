"""One page as a PDF, fit to print: losslessly where the source allows, else from the rendered picture.

Must never carry over more than the page shows: no metadata, script, attachment, link or hidden form data.
"""

import io
from typing import Any, Final

import img2pdf
from PIL import Image

from transforms import jpeg
from transforms.geometry import Size
from transforms.limits import LIMITS, Limits
from transforms.pdf.assemble import A4
from transforms.pixels import colour, plan
from transforms.pixels.encode import save

_LEAST_DPI: Final = 96  # a small picture is not blown up to fill the sheet
_POINTS_PER_INCH: Final = 72
# For print: red stamps keep their edges.
_JPEG: Final[dict[str, Any]] = {"quality": 90, "subsampling": "4:4:4", "optimize": True}


def from_jpeg(data: bytes, image: Image.Image, *, orientation: int, rotation: int) -> bytes | None:
    """The JPEG `data`, opened as `image`, bit for bit on a page; None where it has to be decoded after all.

    `orientation` is the EXIF tag, `rotation` the degrees clockwise that were asked for. PDF can turn a picture but not
    mirror it, and without the profile its colours are taken for sRGB.
    """
    mirror, quarters = plan.turns_of(orientation)
    if mirror or image.mode not in ("L", "RGB") or not colour.is_srgb(image.info.get("icc_profile")):
        return None
    try:
        picture = jpeg.bare(data)
    except jpeg.NotPlainError:
        return None
    return _wrap(picture, degrees=(quarters * 90 + rotation) % 360)


def from_picture(image: Image.Image, *, limits: Limits = LIMITS) -> bytes:
    """A rendered picture (mode 1, L or RGB, empty info) on a page of its shape. Raises ResultTooLarge, RenderMemory."""
    kind, settings = ("PNG", {}) if image.mode == "1" else ("JPEG", _JPEG)
    return _wrap(save(image, kind, settings, limits=limits))


def _wrap(picture: bytes, *, degrees: int = 0) -> bytes:
    converted = img2pdf.convert(
        io.BytesIO(picture),
        engine=img2pdf.Engine.internal,
        layout_fun=_layout,
        rotation=img2pdf.Rotation[str(degrees)],
        nodate=True,  # the same picture gives the same bytes
        # Printers place by the trim box; without one, some shrink the page into their margins.
        cropborder=(0, 0),
        trimborder=(0, 0),
    )
    return bytes(converted)


def _layout(width: int, height: int, _: object) -> tuple[float, float, float, float]:
    """(page width, page height, picture width, picture height) in points."""
    points = page_size(Size(width, height))
    return (*points, *points)


def page_size(size: Size) -> tuple[float, float]:
    """The page in points for a picture of `size` pixels: its shape, inside A4 upright or lying, at 96 dpi or more."""
    wide, high = A4 if size.width <= size.height else (A4[1], A4[0])
    factor = min(wide / size.width, high / size.height, _POINTS_PER_INCH / _LEAST_DPI)
    return size.width * factor, size.height * factor
