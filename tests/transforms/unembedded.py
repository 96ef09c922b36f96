"""PDFs whose text is in a font that they do not bring, in the ways in which programs write that."""

import io
from collections.abc import Callable, Mapping
from typing import Any, Final

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream

PAGE: Final = (96, 64)  # points, 400 x 267 pixels at 300 dpi
_FIRST_GLYPH: Final = 100  # the number, in a font that is not here, of the first letter of a text
Font = Callable[[pikepdf.Pdf], Any]


def document(
    font: Font, text: bytes, *, mode: int = 0, change: Callable[[pikepdf.Pdf, Any], None] | None = None
) -> bytes:
    """One page that shows the codes `text` in `font` at 20 points. `mode` is the text mode; 3 is not seen."""
    with pikepdf.new() as made:
        made.add_blank_page(page_size=PAGE)
        page = made.pages[0].obj
        page.Resources = Dictionary(Font=Dictionary(F1=made.make_indirect(font(made))))
        page.Contents = Stream(made, shown(text, mode=mode))
        if change:
            change(made, page)
        out = io.BytesIO()
        made.save(out)
        return out.getvalue()


def shown(*texts: bytes, mode: int = 0) -> bytes:
    """Content that shows each of `texts` by an operator of its own, from left to right."""
    lines = (b"1 0 0 1 %d 20 Tm <%s> Tj" % (10 + 20 * at, text.hex().encode()) for at, text in enumerate(texts))
    return b"BT /F1 20 Tf %d Tr %s ET" % (mode, b" ".join(lines))


def simple(
    name: str,
    kind: str = "TrueType",
    *,
    flags: int | None = 32,
    encoding: str = "WinAnsiEncoding",
    letters: tuple[str, ...] = (),
    unicode: Mapping[int, str] | None = None,
) -> Font:
    """A font of one-byte codes. `flags` 4: it has codes of its own. `letters` names the glyphs of A, B, C and so on."""

    def make(made: pikepdf.Pdf) -> Any:
        font = Dictionary(Type=Name.Font, Subtype=Name(f"/{kind}"), BaseFont=Name(f"/{name}"))
        if flags is not None:
            font.FontDescriptor = made.make_indirect(_descriptor(name, flags))
            font.FirstChar, font.LastChar = 32, 255
            font.Widths = Array([500 + code % 2 for code in range(32, 256)])  # not all the same: not a typewriter's
        if letters:
            font.Encoding = Dictionary(
                Type=Name.Encoding, Differences=Array([65, *(Name(f"/{one}") for one in letters)])
            )
        elif encoding:
            font.Encoding = Name(f"/{encoding}")
        if unicode:
            font.ToUnicode = made.make_stream(_map(unicode, 1))
        return font

    return make


def wide(name: str, encoding: str, ordering: str, *, unicode: Mapping[int, str] | None = None) -> Font:
    """A font of two-byte codes, as for Chinese, Japanese and Korean. `encoding` is a predefined CMap."""

    def make(made: pikepdf.Pdf) -> Any:
        system = Dictionary(Registry=pikepdf.String("Adobe"), Ordering=pikepdf.String(ordering), Supplement=1)
        below = Dictionary(
            Type=Name.Font, Subtype=Name.CIDFontType2, BaseFont=Name(f"/{name}"), CIDSystemInfo=system, DW=1000
        )
        below.FontDescriptor = made.make_indirect(_descriptor(name, 4))
        font = Dictionary(Type=Name.Font, Subtype=Name.Type0, BaseFont=Name(f"/{name}"), Encoding=Name(f"/{encoding}"))
        font.DescendantFonts = Array([made.make_indirect(below)])
        if unicode:
            font.ToUnicode = made.make_stream(_map(unicode, 2))
        return font

    return make


def by_glyphs(name: str, text: str, *, told: bool = True) -> tuple[Font, bytes]:
    """`text` as most programs write it: by the numbers of its glyphs. `told`: what they mean is in the file, too."""
    numbers = range(_FIRST_GLYPH, _FIRST_GLYPH + len(text))
    unicode = dict(zip(numbers, text, strict=True)) if told else None
    codes = b"".join(number.to_bytes(2, "big") for number in numbers)
    return wide(name, "Identity-H", "Identity", unicode=unicode), codes


def _descriptor(name: str, flags: int) -> Any:
    return Dictionary(
        Type=Name.FontDescriptor, FontName=Name(f"/{name}"), Flags=flags, ItalicAngle=0, Ascent=900, Descent=-200,
        CapHeight=700, StemV=80, FontBBox=Array([0, -200, 1000, 900]),
    )  # fmt: skip


def _map(unicode: Mapping[int, str], size: int) -> bytes:
    """A ToUnicode CMap for codes of `size` bytes."""
    lines = "\n".join(f"<{code:0{2 * size}x}> <{text.encode('utf-16-be').hex()}>" for code, text in unicode.items())
    space = f"1 begincodespacerange <{'00' * size}> <{'ff' * size}> endcodespacerange"
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def "
        f"{space} {len(unicode)} beginbfchar\n{lines}\nendbfchar endcmap end end"
    ).encode()
