"""Lines of text for appearances: measured, broken and encoded. Helvetica, which every reader of PDF has."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import pikepdf

# Thousandths of the size, of the characters from space to tilde; wider than most for all others.
_WIDTHS: Final = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
)  # fmt: skip
_SPACE: Final = 32
_OTHERS: Final = 722
_WIDE: Final = 0x2E80  # from here on, most are as wide as they are high
_FIRST_CODE: Final = 128  # of what is not ASCII; the codes of one text are its own

LEADING: Final = 1.2  # from line to line, in sizes
ASCENT: Final = 0.75  # from the base line to the top of capitals, and somewhat more


def width(text: str, size: float) -> float:
    """Of one line, in the unit of `size`."""
    return sum(map(_width, text)) * size / 1000


def _width(character: str) -> int:
    code = ord(character)
    if code - _SPACE < len(_WIDTHS):
        return _WIDTHS[max(0, code - _SPACE)]
    return 1000 if code >= _WIDE else _OTHERS


def broken(text: str, size: float, room: float) -> list[str]:
    """The lines of `text`, none wider than `room` unless a single character is."""
    return [line for paragraph in text.splitlines() or [""] for line in _lines(paragraph, room * 1000 / size)]


def _lines(paragraph: str, room: float) -> Iterator[str]:
    line, used = "", 0
    for word in paragraph.split(" "):
        wide = sum(map(_width, word))
        if line and used + _WIDTHS[0] + wide <= room:
            line, used = f"{line} {word}", used + _WIDTHS[0] + wide
            continue
        if line:
            yield line
        line, used = "", 0
        for character in word:
            if line and used + _width(character) > room:
                yield line
                line, used = "", 0
            line, used = line + character, used + _width(character)
    yield line


class Alphabet:
    """The characters of one text, each with a code of one byte: ASCII as it is, others in the order they come.

    A text of more than 128 characters beyond ASCII shows what is left of them as question marks.
    """

    def __init__(self, text: Iterable[str]) -> None:
        others = sorted({character for character in text if ord(character) >= _FIRST_CODE - 1})
        self._codes = {character: code for code, character in enumerate(others[:_FIRST_CODE], _FIRST_CODE)}

    def encoded(self, line: str) -> bytes:
        """`line` as the operand of an operator that shows text."""
        printable = (character if character >= " " else " " for character in line)
        codes = bytes(self._codes.get(one, ord(one) if ord(one) < _FIRST_CODE - 1 else ord("?")) for one in printable)
        return b"<" + codes.hex().encode() + b">"

    def font(self, *, bold: bool = False) -> Any:
        """The font dictionary for these codes."""
        name, dictionary = pikepdf.Name, pikepdf.Dictionary
        made = dictionary(
            Type=name.Font, Subtype=name.Type1, BaseFont=name("/Helvetica-Bold" if bold else "/Helvetica"),
            Encoding=name.WinAnsiEncoding,
        )  # fmt: skip
        if self._codes:
            glyphs = [name(f"/uni{ord(one):04X}" if ord(one) <= 0xFFFF else f"/u{ord(one):X}") for one in self._codes]
            differences = pikepdf.Array([_FIRST_CODE, *glyphs])
            made.Encoding = dictionary(BaseEncoding=name.WinAnsiEncoding, Differences=differences)
            made.FirstChar, made.LastChar = _SPACE, _FIRST_CODE + len(self._codes) - 1
            ascii_too = map(chr, range(_SPACE, _FIRST_CODE))
            made.Widths = pikepdf.Array([_width(one) for one in (*ascii_too, *self._codes)])
        return made
