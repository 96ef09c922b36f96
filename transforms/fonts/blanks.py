"""Counts the single spaces that a page shows in fonts that are not in the PDF: they look like characters that are not
drawn to anything but the file itself.
"""

import io
import re
from typing import Any, Final

import pikepdf

_SHOWS: Final = "Tf Tj TJ ' \" Do"
_BLANK: Final = frozenset(map(bytes, ([9], [10], [13], [32], [160])))
# The space of most fonts by number, of Adobe's collections, of Unicode (three of them) and of Chinese character sets.
_WIDE_BLANK: Final = frozenset(map(bytes.fromhex, ("0003", "0001", "0020", "00a0", "3000", "a1a1", "a140", "8140")))
_MAPPED_TO_BLANK: Final = rb"<%s>\s*(?:<%s>\s*)?<(?:0020|00a0|00ad|200[0-9a-f]|202f|205f|2060|3000|feff)>"
_DEPTH: Final = 12  # of forms within forms


def count(data: bytes, index: int) -> int:
    """On page `index` (from 0) of the document `data`; 0 where the page cannot be read."""
    try:
        with pikepdf.open(io.BytesIO(data)) as document:
            page = document.pages[index].obj
            looks = [_look(annotation) for annotation in page.get("/Annots", [])]
            return _of(page, page.get("/Resources", {}), _DEPTH) + sum(
                _of(look, look.get("/Resources", {}), _DEPTH) for look in looks if look is not None
            )
    except (pikepdf.PdfError, IndexError, TypeError, ValueError, KeyError):
        return 0


def _look(annotation: Any) -> Any:
    """The form that shows an annotation; None where there is none."""
    look = annotation.get("/AP", {}).get("/N")
    if isinstance(look, pikepdf.Dictionary):
        look = look.get(str(annotation.get("/AS", "/Off")))
    return look if isinstance(look, pikepdf.Stream) else None


def _of(stream: Any, resources: Any, depth: int) -> int:
    found, font = 0, None
    for instruction in pikepdf.parse_content_stream(stream, _SHOWS):
        operands, name = instruction.operands, str(instruction.operator)
        if name == "Tf":
            font = resources.get("/Font", {}).get(str(operands[0]))
        elif name == "Do":
            form = resources.get("/XObject", {}).get(str(operands[0]))
            if form is not None and form.get("/Subtype") == "/Form" and depth:
                found += _of(form, form.get("/Resources", resources), depth - 1)
        elif font is not None and operands:
            shown = operands[-1] if isinstance(operands[-1], pikepdf.Array) else operands[-1:]
            text = b"".join(bytes(part) for part in shown if isinstance(part, pikepdf.String))
            found += _is_blank(text, font) and not _is_embedded(font)
    return found


def _is_blank(text: bytes, font: Any) -> bool:
    if text in _BLANK:
        return True
    if len(text) != 2 or font.get("/Subtype") != "/Type0":
        return False
    if text in _WIDE_BLANK:
        return True
    told = font.get("/ToUnicode")
    code = text.hex().encode()
    return isinstance(told, pikepdf.Stream) and bool(
        re.search(_MAPPED_TO_BLANK % (code, code), told.read_bytes(), re.IGNORECASE)
    )


def _is_embedded(font: Any) -> bool:
    described = font.get("/DescendantFonts", [font])[0].get("/FontDescriptor", {})
    return font.get("/Subtype") == "/Type3" or any(f"/FontFile{number}" in described for number in ("", 2, 3))
