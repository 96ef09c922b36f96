"""Files that decoders refuse although nothing of the picture is missing, in the form that they accept; and files that
decoders take although half of the picture is missing.

Asked when the plain way has failed, or when the file itself makes one doubt it: a sound file costs a look at its end.
Only in the sandbox.
"""

from transforms.formats import SourceType
from transforms.limits import LIMITS, Limits
from transforms.pixels.mending import isobmff, jpeg, png, proof, webp


def is_suspect(data: bytes, kind: SourceType) -> bool:
    """True where decoders may not notice that something is missing: `mended` finds out."""
    if kind is SourceType.JPEG:
        return jpeg.is_suspect(data)
    return kind is not SourceType.PNG and proof.ends_in_fill(data)  # a PNG has checksums


def mended(data: bytes, kind: SourceType, *, limits: Limits = LIMITS) -> bytes | None:
    """The same picture in a form to be decoded, which may still fail; None if there is none, or it is not whole.

    Raises TooManyPixels, RenderMemory.
    """
    if kind is SourceType.JPEG:
        return jpeg.mended(data, limits)
    if kind is SourceType.PNG:
        return png.mended(data)
    if kind is SourceType.WEBP:
        return webp.mended(data, limits)
    return isobmff.mended(data, kind, limits)
