"""Takes a PNG apart into its chunks, without decoding. Trusts neither their lengths nor their order."""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_END: Final = b"IEND"
_LOWER: Final = 0x20  # in the first letter of a name: the picture can be shown without it


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk. The last one of a file may be cut: `body` is what there is of it, `checksum` has less than 4 bytes."""

    name: bytes
    body: bytes
    checksum: bytes

    @property
    def cut(self) -> bool:
        """True if the file ends in it."""
        return len(self.checksum) < 4

    @property
    def sound(self) -> bool:
        """True if it is whole and its checksum is right."""
        return self.checksum == _checksum(self.name, self.body)

    @property
    def ancillary(self) -> bool:
        """True if it only describes the picture."""
        return bool(self.name[0] & _LOWER)


def chunks(data: bytes) -> Iterator[Chunk]:
    """The chunks of `data` up to IEND, or up to what is no chunk."""
    at = len(_SIGNATURE)
    while at + 8 <= len(data):
        end, name = at + 8 + int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if name == _END or not name.isalpha():
            return
        yield Chunk(name, data[at + 8 : end], data[end : end + 4])
        at = end + 4


def pack(parts: Iterable[Chunk]) -> bytes:
    """A PNG of these chunks, with the lengths and checksums that they should have."""
    bodies = [(chunk.name, chunk.body) for chunk in parts]
    framed = [
        len(body).to_bytes(4, "big") + name + body + _checksum(name, body) for name, body in (*bodies, (_END, b""))
    ]
    return b"".join((_SIGNATURE, *framed))


def notes_are_sound(data: bytes) -> bool:
    """True if the checksums of all that describes the picture are right; pixels are not looked at."""
    return all(chunk.sound for chunk in chunks(data) if chunk.ancillary)


def depth_and_colour(data: bytes) -> tuple[int, int]:
    """Bits per sample and colour type of the IHDR (PNG, 3rd edition, §11.2.1)."""
    return data[24], data[25]


def _checksum(name: bytes, body: bytes) -> bytes:
    return zlib.crc32(body, zlib.crc32(name)).to_bytes(4, "big")
