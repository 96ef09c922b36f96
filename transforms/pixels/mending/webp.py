"""A WebP with its container set right: lengths that say too much or too little, notes that are cut, no padding."""

from collections.abc import Iterator
from typing import Final

from transforms.formats import SourceType
from transforms.limits import Limits
from transforms.pixels.mending import proof

# Bytes: of RIFF, length and WEBP; in front of a frame's own chunks; of VP8X.
_HEADER, _FRAME, _EXTENDED = 12, 16, 10
_PICTURES: Final = frozenset({b"VP8 ", b"VP8L"})
_ALPHA: Final = 0x10
_FLAGS: Final = {b"ICCP": 0x20, b"EXIF": 0x08, b"XMP ": 0x04}


def mended(data: bytes, limits: Limits) -> bytes | None:
    """The first picture, what its colours mean and how it is held, in a sound container; None if it is not whole."""
    one, other = _packed(data, b""), _packed(proof.refilled(data), proof.OTHER)
    return one if one and other and proof.same_pixels(one, other, SourceType.WEBP, limits) else None


def _parts(data: bytes) -> dict[bytes, bytes]:
    """Bodies of chunks by name, of the first picture where there are more. Only a picture may be cut."""
    found: dict[bytes, bytes] = {}
    for name, body, whole in _chunks(data, _HEADER):
        if name == b"ANMF" and whole and not found.keys() & _PICTURES:
            found |= {inner: part for inner, part, _ in _chunks(body, _FRAME)}
        elif name not in found and (whole or name in _PICTURES):
            found[name] = body
    return found


def _packed(data: bytes, more: bytes) -> bytes | None:
    """`data` with `more` behind the picture; None if there is no picture."""
    found = _parts(data)
    picture = next((name for name in found if name in _PICTURES), None)
    if picture is None:
        return None
    found[picture] += more
    kept = [name for name in (b"ICCP", b"ALPH", picture, b"EXIF", b"XMP ") if name in found]
    if len(header := found.get(b"VP8X", b"")) >= _EXTENDED:
        flags = header[0] & _ALPHA | sum(_FLAGS.get(name, 0) for name in kept)
        found[b"VP8X"] = bytes((flags,)) + header[1:_EXTENDED]
        kept = [b"VP8X", *kept]
    else:
        kept = [picture]
    body = b"WEBP" + b"".join(_pack(name, found[name]) for name in kept)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _chunks(data: bytes, at: int) -> Iterator[tuple[bytes, bytes, bool]]:
    """(name, what there is of the body, whether that is all of it)."""
    while at + 8 <= len(data):
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = data[at + 8 : at + 8 + length]
        yield name, body, len(body) == length
        at += 8 + length + length % 2


def _pack(name: bytes, body: bytes) -> bytes:
    return name + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)
