"""Opens uploads: allow-listed decoders, header checks before any pixel, every decoder error one of ours.

Must never let Pillow guess a format, load all its plugins, or return half a picture.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# Imported by name: Image.open() would load every plugin to look for one that is not registered yet.
from PIL import AvifImagePlugin, Image, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401

from transforms import png
from transforms.errors import Detail, RenderMemory, SourceDamaged, TooManyPixels, TransformError
from transforms.formats import SourceType
from transforms.geometry import Size
from transforms.limits import LIMITS, MIB, Limits

# "MPO" must not be listed: Pillow raises KeyError for it. Multi-picture JPEGs open as JPEG, first picture.
_PILLOW: Final = {
    SourceType.JPEG: "JPEG",
    SourceType.PNG: "PNG",
    SourceType.WEBP: "WEBP",
    SourceType.AVIF: "AVIF",
    SourceType.HEIF: "HEIF",
}
_DAMAGED: Final = {kind: Detail[f"{name}_DAMAGED"] for kind, name in _PILLOW.items()}
_ORIENTATION_TAG: Final = 0x0112
_SMALLEST: Final = 8
_AT_ONCE: Final = 4 * MIB  # bytes; the decoder gets a copy

ImageFile.LOAD_TRUNCATED_IMAGES = False
Image.MAX_IMAGE_PIXELS = LIMITS.source_pixels  # Pillow refuses at twice as many; `open_image` looks first
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # a renderer may not start threads, and one job gets one core
# Pillow warns about odd metadata in pictures that decode well. Pixel limits do not rely on its warnings.
warnings.filterwarnings("ignore", module=r"PIL\.")


@contextmanager
def decoding(kind: SourceType) -> Iterator[None]:
    """Turns what a decoder throws into one of our errors. Decoders' own words stay out: they quote the file."""
    try:
        yield
    except TransformError:
        raise
    except MemoryError as error:
        raise RenderMemory from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooManyPixels(Detail.IMAGE_PIXELS) from error
    except Exception as error:
        raise damaged(kind) from error


def damaged(kind: SourceType) -> SourceDamaged:
    """The error that says so, and what to do."""
    return SourceDamaged(_DAMAGED[kind])


def open_image(data: bytes, kind: SourceType, *, limits: Limits = LIMITS) -> ImageFile.ImageFile:
    """The image with its header read and its size checked, not decoded.

    Raises TooManyPixels or SourceDamaged.
    """
    if kind is SourceType.HEIF:
        # Lazy: libheif takes 8 ms of a cold start, and few files are HEIF.
        from transforms.pixels import heif

        heif.register()
    with decoding(kind):
        image = Image.open(io.BytesIO(data), formats=(_PILLOW[kind],))
        width, height = image.size
        if width < 1 or height < 1:
            raise SourceDamaged(Detail.IMAGE_EMPTY)
        if width * height > limits.source_pixels or max(width, height) > limits.source_side:
            raise TooManyPixels(Detail.IMAGE_PIXELS)
    # Fed in pieces of 64 kB, which is Pillow's way, libjpeg takes 3 % longer.
    image.decodermaxblock = len(data) if len(data) <= _AT_ONCE else ImageFile.MAXBLOCK
    return image


def orientation(image: Image.Image, data: bytes) -> int:
    """The EXIF orientation, 1 to 8, of `image`, opened from `data`; absurd metadata counts as upright. Decodes a PNG.

    Raises what the decoder raises, and SourceDamaged for damaged notes behind the pixels of a PNG: call it inside
    `decoding`.
    """
    if isinstance(image, PngImagePlugin.PngImageFile):
        before = dict(image.info)
        image.load()  # its EXIF may come behind the pixels
        # Pillow checks what comes before them. What differs behind them, and is damaged, must not turn the page.
        if image.info != before and not png.notes_are_sound(data):
            raise damaged(SourceType.PNG)
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001  # a broken EXIF block must not cost the patient a readable picture
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def decode_small(image: ImageFile.ImageFile) -> None:
    """Decodes `image` in place, a JPEG at 1/8: libjpeg reads every coded byte even so, in a 64th of the memory."""
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        image.draft(image.mode, (max(1, image.width // _SMALLEST), max(1, image.height // _SMALLEST)))
    image.load()


def size_of(image: Image.Image) -> Size:
    """Pixels as stored, before orientation."""
    return Size(*image.size)
