"""Pixels to bytes, from an image without metadata: nothing of the source but its pixels can come through.

Settings are part of the pixels: raise PIPELINE when one changes.
"""

import io
from typing import Any, Final

from PIL import Image

from transforms.errors import RenderMemory, ResultTooLarge
from transforms.formats import OutputFormat
from transforms.limits import LIMITS, Limits

_PILLOW: Final = {
    OutputFormat.JPG: "JPEG",
    OutputFormat.PNG: "PNG",
    OutputFormat.WEBP: "WEBP",
    OutputFormat.AVIF: "AVIF",
}
_JPEG: Final = {"quality": 80}  # optimised Huffman tables take twice as long for 2 % fewer bytes
# Method 2 at quality 80 looks the same (SSIMULACRA2), takes 1.5 times as long and saves a tenth of the bytes.
_WEBP: Final = {"quality": 79, "method": 0}
_WEBP_BITONAL: Final = {"lossless": True, "quality": 20, "method": 2}
_AVIF: Final = {
    "quality": 60,
    "speed": 8,
    "max_threads": 1,
}  # speed 6, the default, is 3 times slower for 1 %; 9 is 3.5 times faster, and looks worse for more bytes
_AVIF_BITONAL: Final = {"quality": 90, "speed": 8, "subsampling": "4:4:4", "max_threads": 1}
_PNG_PHOTO: Final = {"compress_level": 1}  # 5 times faster than the default for 11 % more bytes
_PNG_GRAY: Final = {"compress_level": 3}
_PNG_BITONAL: Final = {"compress_level": 9}


def encode(image: Image.Image, form: OutputFormat, *, limits: Limits = LIMITS) -> bytes:
    """`image` (mode 1, L or RGB) as jpg, png, webp or avif. Raises ResultTooLarge, RenderMemory."""
    clean = bare(image)
    if clean.mode == "1" and form is not OutputFormat.PNG:
        clean = clean.convert("L")
    return save(clean, _PILLOW[form], _settings(form, image.mode), limits=limits)


def save(image: Image.Image, kind: str, settings: dict[str, Any], *, limits: Limits = LIMITS) -> bytes:
    """`image` as Pillow's encoder `kind` writes it. Raises ResultTooLarge, RenderMemory."""
    out = _Bounded(limits.variant_bytes)
    try:
        image.save(out, kind, **settings)
    except (OSError, RuntimeError, ValueError) as error:
        if settings.get("optimize"):
            # The optimising JPEG encoder gets a buffer of a byte a pixel, which the noise of a bad camera outgrows.
            return save(image, kind, {**settings, "optimize": False}, limits=limits)
        raise RenderMemory from error  # a plain picture of a legal size: nothing else can be wrong with it
    return out.getvalue()


class _Bounded(io.BytesIO):
    """Stops an encoder at `most` bytes, before it takes all the time and memory it wants."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def write(self, data: Any, /) -> int:
        if self.tell() + len(data) > self._most:
            raise ResultTooLarge
        return super().write(data)


def bare(image: Image.Image) -> Image.Image:
    """The same pixels as a plain image: encoders copy comments and profiles out of `info` by themselves."""
    bare = image if type(image) is Image.Image else image.copy()
    bare.info = {}
    return bare


def _settings(form: OutputFormat, mode: str) -> dict[str, Any]:
    bitonal = mode == "1"
    if form is OutputFormat.JPG:
        return dict(_JPEG)
    if form is OutputFormat.WEBP:
        return dict(_WEBP_BITONAL if bitonal else _WEBP)
    if form is OutputFormat.AVIF:
        return dict(_AVIF_BITONAL if bitonal else _AVIF)
    return dict(_PNG_BITONAL if bitonal else _PNG_GRAY if mode == "L" else _PNG_PHOTO)
