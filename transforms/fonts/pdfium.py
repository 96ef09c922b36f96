"""Tells PDFium which font to take for text whose font the PDF does not bring: one of ours, never one of the machine's.

PDFium asks when it meets such a font, and only then is a file looked at.
"""

import ctypes
from typing import Any, Final

import pypdfium2.raw as raw

from transforms.fonts import files

_WHOLE_FILE: Final = 0  # instead of one table of it
_VERSION: Final = 2  # PDFium asks by name alone, and does not want a list beforehand


def _map_font(_: Any, weight: int, italic: int, charset: int, pitch: int, name: Any, __: Any) -> int | None:
    """A font's number in FILES, from 1. None lets PDFium take one that is built into it."""
    wanted = (ctypes.cast(name, ctypes.c_char_p).value or b"").decode("latin-1")
    file = files.stand_in(wanted, charset=charset, weight=weight, italic=bool(italic), pitch=pitch)
    return files.FILES.index(file) + 1 if file else None


def _get_font_data(_: Any, font: int, table: int, buffer: Any, size: int) -> int:
    """How many bytes the file has. They are written to `buffer` if it has room for them."""
    if table != _WHOLE_FILE:
        return 0
    file = files.contents(files.FILES[font - 1])
    if buffer and size >= len(file):
        room = (ctypes.c_char * len(file)).from_address(ctypes.addressof(buffer.contents))
        memoryview(room).cast("B")[:] = file
    return len(file)


def _nothing(*_: Any) -> int:
    return 0


_CALLS: Final = {
    "MapFont": _map_font,
    "GetFontData": _get_font_data,
    "GetFont": _nothing,
    "GetFaceName": _nothing,
    "GetFontCharset": _nothing,
    "DeleteFont": _nothing,
}
_TYPES: Final = dict(raw.FPDF_SYSFONTINFO._fields_)
# PDFium keeps the address.
_INFO: Final = raw.FPDF_SYSFONTINFO(version=_VERSION, **{name: _TYPES[name](call) for name, call in _CALLS.items()})


def install() -> None:
    """From now on, for the whole process."""
    raw.FPDF_SetSystemFontInfo(_INFO)
