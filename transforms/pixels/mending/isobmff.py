"""AVIF and HEIF (ISO/IEC 14496-12, 23008-12) whose transparency does not say its size, as encoders up to 2021 wrote.

libavif demands it, browsers take the picture's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from transforms.formats import SourceType
from transforms.limits import Limits
from transforms.pixels.mending import proof

_FULL: Final = 4  # version and flags in front of the body of some boxes, bytes
_MOST: Final = 255  # properties of one item


def mended(data: bytes, kind: SourceType, limits: Limits) -> bytes | None:
    """The same file with every transparency as large as its picture, or as it is; None if that helps nothing."""
    sized = _sized(data)
    if not proof.ends_in_fill(data):
        return sized
    one, refilled = sized or data, proof.refilled(data)
    return one if proof.same_pixels(one, _sized(refilled) or refilled, kind, limits) else None


def _sized(data: bytes) -> bytes | None:
    """None where no transparency lacks its size.

    Pixels are found by their offset in the file: the old `meta` becomes free space, the new one comes last.
    """
    top = list(_boxes(data, 0))
    old = next((box for box in top if box.name == b"meta"), None)
    meta = old and _with_sizes(data[old.body : old.end])
    if not old or not meta:
        return None
    new = bytearray(data)
    new[old.start + 4 : old.start + 8] = b"free"
    if (last := top[-1]).open_ended:
        new[last.start : last.start + 4] = (last.end - last.start).to_bytes(4, "big")
    return bytes(new) + _pack(b"meta", meta)


@dataclass(frozen=True, slots=True)
class _Box:
    """Offsets of its start, its body and its end. `open_ended`: it says no length and goes to the end of the file."""

    name: bytes
    start: int
    body: int
    end: int
    open_ended: bool


def _boxes(data: bytes, at: int) -> Iterator[_Box]:
    while at + 8 <= len(data):
        length, name, header = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if open_ended := length == 0:
            length = len(data) - at
        elif length == 1:
            length, header = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        if length < header or at + length > len(data):
            return
        yield _Box(name, at, at + header, at + length, open_ended)
        at += length


def _children(data: bytes, at: int = 0) -> list[tuple[bytes, bytes]]:
    return [(box.name, data[box.body : box.end]) for box in _boxes(data, at)]


def _pack(name: bytes, body: bytes) -> bytes:
    return (len(body) + 8).to_bytes(4, "big") + name + body


def _with_sizes(meta: bytes) -> bytes | None:
    """The body of `meta` with the sizes that lacked; None if none did."""
    children = _children(meta, _FULL)
    found = dict(children)
    properties = _children(found.get(b"iprp", b""))
    sizes = {
        number
        for number, (name, _) in enumerate(_children(dict(properties).get(b"ipco", b"")), start=1)
        if name == b"ispe"
    }
    auxiliary = dict(_auxiliary(found.get(b"iref", b"")))
    ipma = _Associations(dict(properties).get(b"ipma", b""))
    if not ipma.inherit(sizes, auxiliary):
        return None
    properties = [(name, ipma.packed() if name == b"ipma" else body) for name, body in properties]
    iprp = b"".join(_pack(name, body) for name, body in properties)
    parts = [(name, iprp if name == b"iprp" else body) for name, body in children]
    return meta[:_FULL] + b"".join(_pack(name, body) for name, body in parts)


def _auxiliary(iref: bytes) -> Iterator[tuple[int, int]]:
    """(auxiliary item, the item that it belongs to), §8.11.12."""
    width = 4 if iref[:1] == b"\1" else 2
    for name, body in _children(iref, _FULL):
        if name == b"auxl":
            yield int.from_bytes(body[:width], "big"), int.from_bytes(body[width + 2 : 2 * width + 2], "big")


class _Associations:
    """`ipma`: which properties an item has, §8.11.14. A property is its number, with a bit above it for "essential"."""

    def __init__(self, body: bytes) -> None:
        self._head = body[:_FULL]
        self._id = 2 if body[:1] == b"\0" else 4
        self._width = 2 if body[3:4] and body[3] & 1 else 1
        self._number = 0x7FFF if self._width == 2 else 0x7F
        self._items: dict[int, list[int]] = {}
        at = _FULL + 4
        while at + self._id < len(body):
            item, count = int.from_bytes(body[at : at + self._id], "big"), body[at + self._id]
            at += self._id + 1
            end = at + count * self._width
            self._items[item] = [
                int.from_bytes(body[one : one + self._width], "big") for one in range(at, end, self._width)
            ]
            at = end

    def inherit(self, kind: set[int], items: dict[int, int]) -> bool:
        """Gives each of `items` (id: id of its picture) its picture's property of `kind`; True if one had none."""
        changed = False
        for item, picture in items.items():
            own, given = self._items.get(item), self._of_kind(picture, kind)
            if own is None or given is None or self._of_kind(item, kind) is not None or len(own) == _MOST:
                continue
            own.insert(0, given)  # before what turns or crops
            changed = True
        return changed

    def _of_kind(self, item: int, kind: set[int]) -> int | None:
        numbers = [one & self._number for one in self._items.get(item, [])]
        return next((number for number in numbers if number in kind), None)

    def packed(self) -> bytes:
        """The body of the box."""
        items = [
            item.to_bytes(self._id, "big")
            + bytes((len(numbers),))
            + b"".join(number.to_bytes(self._width, "big") for number in numbers)
            for item, numbers in self._items.items()
        ]
        return self._head + len(items).to_bytes(4, "big") + b"".join(items)
