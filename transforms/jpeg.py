"""Takes a JPEG apart into its segments, without decoding: keeps the picture, drops all that is said about it."""

from collections.abc import Iterator
from typing import Final

# ITU T.81 table B.1. Baseline, extended and progressive Huffman: what PDF readers can show.
_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2})
_OTHER_FRAMES: Final = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_TABLES: Final = frozenset({0xC4, 0xDB, 0xDC, 0xDD})  # Huffman, quantisation, number of lines, restart interval
_SCAN, _END, _JFIF, _ADOBE = 0xDA, 0xD9, 0xE0, 0xEE
END: Final = b"\xff\xd9"
_STANDALONE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_PLAIN_JFIF: Final = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"


class NotPlainError(ValueError):
    """The file is not a JPEG whose picture can be lifted out: decode it instead."""


def bare(data: bytes) -> bytes:
    """The same picture, bit for bit, without EXIF, GPS, XMP, profiles, comments, previews or a tail.

    Keeps only what decoding needs. The JFIF and Adobe markers, which tell how colours are stored, are written
    anew. Raises NotPlainError.
    """
    parts = [b"\xff\xd8"]
    frame = False
    for marker, payload, scan in segments(data):
        if marker in _OTHER_FRAMES:
            raise NotPlainError("lossless, hierarchical or arithmetic coding")
        if marker == _JFIF and payload.startswith(b"JFIF\0") and len(parts) == 1:
            parts.append(_PLAIN_JFIF)
        elif marker == _ADOBE and payload.startswith(b"Adobe") and len(payload) >= 12:
            parts.append(_segment(marker, payload[:12]))
        elif marker in _TABLES or marker in _FRAMES:
            frame = frame or marker in _FRAMES
            parts.append(_segment(marker, payload))
        elif marker == _SCAN:
            parts += (_segment(marker, payload), scan)
    if not frame:
        raise NotPlainError("no frame")
    return b"".join((*parts, END))


def has_end(data: bytes) -> bool:
    """False for a JPEG that stops without an end-of-image marker.

    Free where the marker comes last, as it should; further pictures and films may follow it.
    """
    return data.endswith(END) or data.rfind(END, _first_scan(data)) >= 0


def _first_scan(data: bytes) -> int:
    """Where it begins: a preview, which lies before it, has an end of its own."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != _SCAN:
        at += 1 if data[at + 1] == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return at


def _segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2, "big") + payload


def segments(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(marker, payload, coded data behind it) of each segment up to the end-of-image marker. Raises NotPlainError."""
    at = 2
    while True:
        if data[at : at + 1] != b"\xff":
            raise NotPlainError("no marker where one must be")
        while data[at : at + 1] == b"\xff":  # fill bytes
            at += 1
        if at >= len(data):
            raise NotPlainError("no end-of-image marker")
        marker = data[at]
        at += 1
        if marker == _END:
            return
        if marker in _STANDALONE:
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        payload = data[at + 2 : at + length]
        if length < 2 or len(payload) != length - 2:
            raise NotPlainError("a segment ends early")
        at += length
        end = _end_of_scan(data, at) if marker == _SCAN else at
        yield marker, payload, data[at:end]
        at = end


def _end_of_scan(data: bytes, at: int) -> int:
    """Where coded data stops: the next marker that is neither a stuffed zero nor a restart."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            raise NotPlainError("no end-of-image marker")
        if data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7:
            return at
        at += 2
