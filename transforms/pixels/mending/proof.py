"""Whether a picture is whole although its file ends early: not a bit may matter of what lies behind that end.

Decoders fill up what is missing with zeros or with grey, and most of them say nothing.
"""

import hashlib
from typing import Final

from transforms.errors import SourceDamaged
from transforms.formats import SourceType
from transforms.limits import Limits
from transforms.pixels import images

# What disks and download managers put in the place of bytes that never came.
FILL: Final = b"\0\xff"
_LEAST_FILL: Final = 8  # bytes; coded pictures end in a few zeros at most
# Bits that give another picture than zeros wherever one is read, and none that JPEG would take for a marker; and their
# opposites, for what was filled with ones.
OTHER: Final = b"\xb6\x2d\x53\x9a" * 64
_OPPOSITE: Final = bytes(255 - byte for byte in OTHER)
_STRIP: Final = 256  # rows


def ends_in_fill(data: bytes) -> bool:
    """True where so many equal bytes end `data` that it may have been cut and filled up."""
    return any(data.endswith(bytes((byte,)) * _LEAST_FILL) for byte in FILL)


def refilled(data: bytes) -> bytes:
    """`data` with other bytes in the place of those that fill it up; unchanged without such."""
    if not ends_in_fill(data):
        return data
    said = data.rstrip(data[-1:])
    fill = len(data) - len(said)
    other = OTHER if data.endswith(b"\0") else _OPPOSITE
    return said + (other * (fill // len(other) + 1))[:fill]


def same_pixels(one: bytes, other: bytes, kind: SourceType, limits: Limits) -> bool:
    """True if both files decode to the same picture. Decodes both at full size. Raises TooManyPixels, RenderMemory."""
    try:
        return _digest(one, kind, limits) == _digest(other, kind, limits)
    except SourceDamaged:
        return False


def _digest(data: bytes, kind: SourceType, limits: Limits) -> bytes:
    """Two whole pictures would not fit into memory."""
    image = images.open_image(data, kind, limits=limits)
    digest = hashlib.sha256()
    with images.decoding(kind):
        image.load()
        for top in range(0, image.height, _STRIP):
            digest.update(image.crop((0, top, image.width, min(image.height, top + _STRIP))).tobytes())
    return digest.digest()
