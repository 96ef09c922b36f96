"""A JPEG without its end-of-image marker, as cameras leave it whose battery dies and downloads that end early."""

import re
from typing import Final

from transforms import jpeg
from transforms.formats import SourceType
from transforms.limits import Limits
from transforms.pixels.mending import proof

_SCAN, _RESTARTS = 0xDA, 0xDD
_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_PROGRESSIVE: Final = frozenset({0xC2, 0xCA})
_PROGRESSIVE_FRAME: Final = b"\xff\xc2"
_RESTART: Final = re.compile(rb"\xff[\xd0-\xd7]")
_COEFFICIENTS: Final = 64
_BLOCK: Final = 8  # pixels
_ITS_OWN: Final = 2  # bytes of zeros or ones that a picture may end in; white paper often ends in one of zeros


def is_suspect(data: bytes) -> bool:
    """True without an end-of-image marker."""
    return not jpeg.has_end(data)


def mended(data: bytes, limits: Limits) -> bytes | None:
    """`data` with its end; None if it has one, or if anything is missing in front of it."""
    if jpeg.has_end(data):
        return None
    for picture in _pictures(data):
        ended, other = picture + jpeg.END, picture + proof.OTHER + jpeg.END
        if _says_all(ended) and proof.same_pixels(ended, other, SourceType.JPEG, limits):
            return ended
    return None


def _pictures(data: bytes) -> tuple[bytes, ...]:
    """What may be the picture, without what fills the file up."""
    said = data.rstrip(proof.FILL)
    if len(data) - len(said) <= _ITS_OWN:
        return (data + b"\0" if data.endswith(b"\xff") else data,)  # as ones are stored
    # The zeros of a progressive one would be refinements that change nothing: not to be told from what is missing.
    return (said,) if _PROGRESSIVE_FRAME in said else (said, said + b"\0")


def _says_all(data: bytes) -> bool:
    """True if no scan is missing, nor a part of one between two restart markers: pixels do not tell that."""
    frame, progressive, interval = b"", False, 0
    known: dict[int, list[bool]] = {}  # of each component, which coefficients are there to their last bit
    try:
        for marker, payload, scan in jpeg.segments(data):
            if marker in _FRAMES:
                frame, progressive = payload, marker in _PROGRESSIVE
                known = {component: [False] * _COEFFICIENTS for component in frame[6::3]}
            elif marker == _RESTARTS:
                interval = int.from_bytes(payload[:2], "big")
            elif marker == _SCAN:
                components = payload[1 : 1 + 2 * payload[0] : 2]
                first, last, bits = payload[-3:] if progressive else (0, _COEFFICIENTS - 1, 0)
                for component in components:
                    known[component][first : last + 1] = [not bits & 15] * (last + 1 - first)
                if interval and len(_RESTART.findall(scan)) + 1 < -(-_units(frame, components) // interval):
                    return False
    except (jpeg.NotPlainError, IndexError, KeyError, ValueError, ZeroDivisionError):
        return False
    return bool(known) and all(map(all, known.values()))


def _units(frame: bytes, components: bytes) -> int:
    """How many MCUs a scan of these components has (ITU T.81 §A.2)."""
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    sampling = {frame[at]: (frame[at + 1] >> 4, frame[at + 1] & 15) for at in range(6, len(frame) - 2, 3)}
    across, down = (max(sides) for sides in zip(*sampling.values(), strict=True))
    if len(components) > 1:
        return _blocks(width, across) * _blocks(height, down)
    own_across, own_down = sampling[components[0]]
    return _blocks(width * own_across, across) * _blocks(height * own_down, down)


def _blocks(pixels: int, sampling: int) -> int:
    return -(-pixels // (_BLOCK * sampling))
