"""The fonts that travel with the product, for text whose PDF does not bring its own: which file stands in for what.

Fonts of the machine are never asked, so that a page looks the same wherever it is drawn. Where ours are missing too,
the few that are built into PDFium stand in, and most scripts are not drawn.
"""

import mmap
import re
import struct
from collections.abc import Iterable
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Final

# Where `npm ci` puts them, beside the code as in the repository; the Lambda package has them in the same place.
FOLDER: Final = Path(__file__).parents[2] / "node_modules" / "@expo-google-fonts"
# What poppler reads to find the same files.
FONTCONFIG: Final = Path(__file__).with_name("fonts.conf")

SANS, SERIF, MONO = "Arimo", "Tinos", "Cousine"
_STYLED: Final = (SANS, SERIF, MONO, "Carlito", "Caladea")  # as wide as Arial, Times, Courier, Calibri and Cambria
SCRIPTS: Final = tuple(
    f"Noto Sans {script}"
    for script in (
        "Arabic", "Bengali", "Devanagari", "Gujarati", "Gurmukhi", "Kannada", "Malayalam", "Oriya", "Tamil", "Telugu",
        "JP", "KR", "SC", "TC",
    )
)  # fmt: skip
FAMILIES: Final = _STYLED + SCRIPTS

# Windows' character sets, in which PDFium says for which script it needs a font.
_BY_CHARSET: Final = {
    128: "Noto Sans JP", 129: "Noto Sans KR", 134: "Noto Sans SC", 136: "Noto Sans TC", 178: "Noto Sans Arabic",
}  # fmt: skip
# Parts of names, small and without spaces or dashes; the first that fits.
_BY_NAME: Final = tuple(
    (re.compile(pattern), family)
    for pattern, family in (
        ("calibri|carlito", "Carlito"),
        ("cambria|caladea", "Caladea"),
        ("mangal|kokila|aparajita|utsaah|sanskrit|devanagari|nirmala|marathi|hindi", "Noto Sans Devanagari"),
        ("vrinda|shonarbangla|bangla|bengali", "Noto Sans Bengali"),
        ("raavi|gurmukhi|punjabi", "Noto Sans Gurmukhi"),
        ("shruti|gujarati", "Noto Sans Gujarati"),
        ("kalinga|oriya|odia", "Noto Sans Oriya"),
        ("latha|vijaya|tamil", "Noto Sans Tamil"),
        ("gautami|vani|telugu", "Noto Sans Telugu"),
        ("tunga|kannada", "Noto Sans Kannada"),
        ("kartika|malayalam", "Noto Sans Malayalam"),
        ("arabic|naskh|tahoma.*arab|simplifiedarab", "Noto Sans Arabic"),
        ("batang|gulim|dotum|gungsuh|malgun|hysmyeong|hygothic|myungjo|applegothic|nanum", "Noto Sans KR"),
        ("mincho|gothic.*jp|ms[pu]?gothic|meiryo|yugothic|hiragino|heisei|koz(min|go)|ipaex", "Noto Sans JP"),
        ("mingliu|jhenghei|dfkai|msung|mhei|pingfang[th]|hant", "Noto Sans TC"),
        ("simsun|simhei|yahei|dengxian|fangsong|kaiti|stsong|stheiti|stkai|pingfang|hans", "Noto Sans SC"),
        ("courier|consol|mono|typewriter|ocr[ab]", MONO),
        ("arial|helvetica|sans|verdana|tahoma|segoe", SANS),
        ("times|georgia|garamond|palatino|bookantiqua|minion|serif|roman|century|bodoni", SERIF),
    )
)
_FIXED_PITCH, _ROMAN = 1, 16  # as PDFium says them
_BOLD: Final = 600


def stand_in(name: str, *, charset: int = 0, weight: int = 400, italic: bool = False, pitch: int = 0) -> Path | None:
    """The file for text in the font `name`, which is not at hand; None where it is not installed.

    The other parameters are PDFium's: a character set of Windows, 100 to 900, and bits.
    """
    family = _BY_CHARSET.get(charset) or named(name)
    if family is None:
        family = MONO if pitch & _FIXED_PITCH else SERIF if pitch & _ROMAN else SANS
    bold = weight >= _BOLD and family in _STYLED
    file = _file(family, bold=bold, italic=italic and family in _STYLED)
    return file if file in installed() else None


def named(name: str) -> str | None:
    """The family for a font of this name; None where the name says nothing."""
    bare = re.sub(r"[^a-z]", "", name.lower())
    return next((family for pattern, family in _BY_NAME if pattern.search(bare)), None)


def _file(family: str, *, bold: bool = False, italic: bool = False) -> Path:
    style = ("700Bold" if bold else "400Regular") + ("_Italic" if italic else "")
    name = f"{family.replace(' ', '')}_{style}.ttf"
    return FOLDER / family.lower().replace(" ", "-") / style / name


FILES: Final = tuple(
    _file(family, bold=bold, italic=italic)
    for family in FAMILIES
    for bold, italic in ((False, False), (True, False), (False, True), (True, True))
    if family in _STYLED or not (bold or italic)
)


@cache
def installed() -> frozenset[Path]:
    """Those of FILES that are there. Looked for once in a process."""
    return frozenset(file for file in FILES if file.is_file())


def missing() -> tuple[str, ...]:
    """Names of the files that are not there."""
    return tuple(file.name for file in FILES if file not in installed())


@cache
def contents(file: Path) -> mmap.mmap:
    """Of one of `installed`, mapped: it takes no memory of a process that never looks, nor twice that of several."""
    with file.open("rb") as opened:
        return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)


@cache
def characters(family: str) -> frozenset[int]:
    """Unicode numbers that the regular style of `family` has a glyph for; empty where it is not ours or not there."""
    file = _file(family) if family in FAMILIES else None
    return frozenset(_mapped(contents(file))) if file in installed() else frozenset()


def _mapped(font: mmap.mmap) -> Iterable[int]:
    """What a font's table "cmap" maps to a glyph (OpenType 1.9: format 12 where there is one, else format 4)."""
    tables = {
        font[at : at + 4]: struct.unpack_from(">I", font, at + 8)[0]
        for at in range(12, 12 + 16 * struct.unpack_from(">H", font, 4)[0], 16)
    }
    start = tables[b"cmap"]
    records = range(start + 4, start + 4 + 8 * struct.unpack_from(">H", font, start + 2)[0], 8)
    offsets = [start + struct.unpack_from(">I", font, at + 4)[0] for at in records]
    readers = {12: _groups, 4: _segments}
    forms = {struct.unpack_from(">H", font, offset)[0]: offset for offset in offsets}
    return next((reader(font, forms[form]) for form, reader in readers.items() if form in forms), ())


def _groups(font: mmap.mmap, table: int) -> Iterable[int]:
    groups = table + 16
    end = groups + 12 * struct.unpack_from(">I", font, table + 12)[0]
    runs = struct.iter_unpack(">III", font[groups:end])
    return chain.from_iterable(range(first, last + 1) for first, last, _ in runs)


def _segments(font: mmap.mmap, table: int) -> Iterable[int]:
    doubled = struct.unpack_from(">H", font, table + 6)[0]
    columns = [table + 14 + skip for skip in (0, 2 + doubled, 2 + 2 * doubled, 2 + 3 * doubled)]
    for at in range(0, doubled, 2):
        last, first, delta, offset = (struct.unpack_from(">H", font, column + at)[0] for column in columns)
        for character in range(first, last + 1):
            if offset:
                place = columns[3] + at + offset + 2 * (character - first)
                glyph = struct.unpack_from(">H", font, place)[0]
            else:
                glyph = character + delta & 0xFFFF
            if glyph and character != 0xFFFF:
                yield character
