"""Finds pages with text that is not drawn, or not as it was written: its font is not in the PDF, and ours cannot stand
in for it. Looks at no font that is in the PDF, so most documents cost next to nothing.

What is drawn is known to PDFium alone, which does not tell. But it tells the font that it took and each character, and
what a font of ours has is in its file.
"""

import ctypes
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pypdfium2.raw as raw

from transforms.fonts import files

# Letters of these scripts change their shape or place with their neighbours. A PDF says the shapes by their numbers in
# its own font; with another font the bare letters are drawn side by side. Arabic and its relatives, India's scripts.
_SHAPED: Final = ((0x0600, 0x08FF), (0x0900, 0x0D7F))
# Fonts whose codes mean what no other font knows: signs, bar codes, and fonts of India from before Unicode, which have
# their letters where others have Latin ones. Parts of names, small and without spaces or dashes.
_PRIVATE: Final = re.compile(
    r"wingdings|webdings|marlett|mtextra|monotypesorts|bookshelfsymbol|segoeuisymbol|emoji|fontawesome|rupee"
    r"|barcode|code(39|93|128)|3of9|2of5|ean13|upca"
    r"|^kruti|^devlys|chanakya|^shree|^shivaji|^aps(dv|c)|^(dv|ml|tl|tm|kn|gj|pn|bn|or|as)[bw]{0,2}tt|akruti|isfoc"
    r"|bamini|tscii|vanavil|sutonny|anmollipi|asees|gurbani|satluj|^nudi|^brh|^lmg|^saumil|anupama"
)
_SYMBOLIC: Final = 4  # a font's flag: its codes are its own
_UNSEEN: Final = (3, 7)  # text modes: nothing is painted
# Built into PDFium, for where none of ours is installed. The first two have all their signs.
_SIGNS: Final = ("Chrom Symbol OTF", "Chrom Dingbats OTF")
_SAME_IN_SYMBOL: Final = frozenset(b"0123456789()[]{}<>+=/|_.,:;!?#%&\xb0\xb1\xb7")
_BUILT_IN: Final = frozenset(map(ord, bytes(range(32, 256)).decode("cp1252", "ignore")))
_SOFT_HYPHEN, _UNKNOWN = 0xAD, 0xFFFD
# Where a code means nothing, it is one of Windows' signs if there is one: a program that forgot to say so.
_C1_SIGNS: Final = frozenset(code for code in range(0x80, 0xA0) if bytes([code]).decode("cp1252", "ignore"))
_MOST_OBJECTS: Final = 100_000  # of one page; a drawing with more is looked at no further
_WHOLE: Final = 0.95  # of a side of the page
_GREY: Final = 8  # bits a pixel; a picture with fewer may be a stencil, which lets text show through
_THIN: Final = 0.01  # points; PDFium's text leaves out what is thinner
_NAME: Final = 128  # bytes


@dataclass(frozen=True, slots=True)
class _Font:
    """A font that is not in the PDF. `family` is of the file that stands in for it."""

    name: str
    family: str
    symbolic: bool

    @property
    def is_symbol(self) -> bool:
        """The TrueType font of that name, which PDFium has no stand-in for: letters appear where Greek is meant."""
        return self.name.startswith("Symbol") and self.family not in _SIGNS

    @property
    def private(self) -> bool:
        """Are its codes its own, so that another font shows something else?"""
        if self.family in _SIGNS or self.is_symbol:
            return False
        if _PRIVATE.search(re.sub(r"[^a-z0-9]", "", self.name.lower())):
            return True
        return self.symbolic and self.family not in files.SCRIPTS and files.named(self.name) is None


def missing(page: Any, index: int, data: bytes) -> bool:
    """True if the loaded `page` (a pypdfium2 page, `index` from 0 in the document `data`) shows such text.

    May leave annotations flattened: nothing else is to be done with the document afterwards.
    """
    if _lacks_letters(page, index, data):
        return True
    if not _has_letters(page):
        return False
    # Their text can be read only as a part of the page.
    if raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY) != raw.FLATTEN_SUCCESS:
        return True
    flat = page.pdf[index]
    try:
        return _lacks_letters(flat, index, data)
    finally:
        flat.close()


def _lacks_letters(page: Any, index: int, data: bytes) -> bool:
    texts = _Texts(page)
    if not texts.found:
        return False
    if any(font.private for font in texts.fonts()):
        return True
    if not all(_is_drawn(*character) for character in texts.characters()):
        return True
    thin = texts.thin()
    if not thin:
        return False
    # Lazy: pikepdf takes 30 ms of a start, and hardly any page needs it.
    from transforms.fonts import blanks

    return thin > blanks.count(data, index)


def _is_drawn(font: _Font, character: int, known: bool) -> bool:
    """Is this Unicode number drawn as it was meant, or is it nothing to draw? Not `known`: it is only a code."""
    if character > sys.maxunicode:
        return False
    kind = unicodedata.category(chr(character))
    if kind[0] == "Z" or character == _SOFT_HYPHEN or (kind in ("Cc", "Cf") and (known or character not in _C1_SIGNS)):
        return True
    if not known or character == _UNKNOWN or any(first <= character <= last for first, last in _SHAPED):
        return False
    if font.family in _SIGNS:
        return True
    if font.is_symbol:
        return character in _SAME_IN_SYMBOL
    if font.family not in files.FAMILIES:
        return character in _BUILT_IN
    # PDFium looks for what the font lacks in the one for Arial.
    return character in files.characters(font.family) or character in files.characters(files.SANS)


class _Texts:
    """The text of a page that is seen and whose font is not in the PDF."""

    def __init__(self, page: Any) -> None:
        self._page = page
        self._fonts: dict[int, _Font | None] = {}  # by address; None is in the PDF
        self.found: dict[int, tuple[_Font, Any]] = {}  # PDFium's text objects, by address
        self._left = _MOST_OBJECTS
        self._size = page.get_size()
        self._walk(raw.FPDFPage_CountObjects(page), partial(raw.FPDFPage_GetObject, page))

    def fonts(self) -> set[_Font]:
        return {font for font, _ in self.found.values()}

    def thin(self) -> int:
        """How many have no width: a single space, or a single character that is not drawn."""
        return sum(_extent(text)[0] < _THIN for _, text in self.found.values())

    def characters(self) -> set[tuple[_Font, int, bool]]:
        """Each Unicode number with its font, once; False with a number that is only the code in the file."""
        text = raw.FPDFText_LoadPage(self._page)
        try:
            return set(self._read(text))
        finally:
            raw.FPDFText_ClosePage(text)

    def _read(self, text: Any) -> Iterator[tuple[_Font, int, bool]]:
        for index in range(raw.FPDFText_CountChars(text)):
            shown = raw.FPDFText_GetTextObject(text, index)
            if shown and (entry := self.found.get(_address(shown))):
                character = raw.FPDFText_GetUnicode(text, index)
                yield entry[0], character, not raw.FPDFText_HasUnicodeMapError(text, index)

    def _walk(self, count: int, get: Callable[[int], Any]) -> None:
        self._left -= count
        if self._left < 0:
            return
        for index in range(count):
            shown = get(index)
            kind = raw.FPDFPageObj_GetType(shown)
            if kind == raw.FPDF_PAGEOBJ_TEXT:
                font = self._font(raw.FPDFTextObj_GetFont(shown))
                if font and raw.FPDFTextObj_GetTextRenderMode(shown) not in _UNSEEN:
                    self.found[_address(shown)] = font, shown
            elif kind == raw.FPDF_PAGEOBJ_FORM:
                self._walk(raw.FPDFFormObj_CountObjects(shown), partial(raw.FPDFFormObj_GetObject, shown))
            elif kind == raw.FPDF_PAGEOBJ_IMAGE and self.found and self._hides_all(shown):
                self.found.clear()  # a scan above the text that was read from it

    def _hides_all(self, image: Any) -> bool:
        about = raw.FPDF_IMAGEOBJ_METADATA()
        raw.FPDFImageObj_GetImageMetadata(image, self._page, about)
        covers = all(side >= whole * _WHOLE for side, whole in zip(_extent(image), self._size, strict=True))
        return covers and about.bits_per_pixel >= _GREY and not raw.FPDFPageObj_HasTransparency(image)

    def _font(self, font: Any) -> _Font | None:
        if not font:
            return None
        address = _address(font)
        if address not in self._fonts:
            self._fonts[address] = None if raw.FPDFFont_GetIsEmbedded(font) else _described(font)
        return self._fonts[address]


def _described(font: Any) -> _Font:
    name, family = (_text(read, font) for read in (raw.FPDFFont_GetBaseFontName, raw.FPDFFont_GetFamilyName))
    if name[6:7] == "+":
        name = name[7:]  # before it are six letters for a part of a font
    return _Font(name, family, bool(raw.FPDFFont_GetFlags(font) & _SYMBOLIC))


def _text(read: Callable[[Any, Any, int], int], font: Any) -> str:
    buffer = ctypes.create_string_buffer(_NAME)
    return buffer.value.decode("utf-8", "replace") if read(font, buffer, _NAME) <= _NAME else ""


def _extent(shown: Any) -> tuple[float, float]:
    """Width and height of a page object, in points."""
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    raw.FPDFPageObj_GetBounds(shown, left, bottom, right, top)
    return right.value - left.value, top.value - bottom.value


def _address(pointer: Any) -> int:
    return ctypes.addressof(pointer.contents)


def _has_letters(page: Any) -> bool:
    """True if an annotation shows text whose font is not in the PDF."""
    for index in range(raw.FPDFPage_GetAnnotCount(page)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        try:
            for number in range(raw.FPDFAnnot_GetObjectCount(annotation)):
                shown = raw.FPDFAnnot_GetObject(annotation, number)
                kind = raw.FPDFPageObj_GetType(shown)
                if kind == raw.FPDF_PAGEOBJ_FORM:
                    return True  # not looked into here
                if kind == raw.FPDF_PAGEOBJ_TEXT and not raw.FPDFFont_GetIsEmbedded(raw.FPDFTextObj_GetFont(shown)):
                    return True
        finally:
            raw.FPDFPage_CloseAnnot(annotation)
    return False
