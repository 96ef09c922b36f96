"""Text that is not drawn as it was written is found, wherever it is; drawn text, and what nobody sees, is not."""

from collections.abc import Callable
from typing import Any, Final

import fpdf
import pikepdf
import pypdfium2
import pytest
from pikepdf import Array, Dictionary, Name, Stream

from tests.transforms import fixtures
from tests.transforms.fonts.test_pdfium import DRAWN, KOREAN
from tests.transforms.unembedded import by_glyphs, document, shown, simple, wide
from transforms.fonts import files, glyphs

HINDI: Final = "नमस्ते"
ARABIC: Final = "مرحبا"
SHAPED: Final = (
    "Devanagari",
    "Bengali",
    "Gurmukhi",
    "Gujarati",
    "Oriya",
    "Tamil",
    "Telugu",
    "Kannada",
    "Malayalam",
    "Arabic",
)


def missing(data: bytes, index: int = 0) -> bool:
    with pypdfium2.PdfDocument(data) as opened:
        opened.init_forms()
        page = opened[index]
        try:
            return glyphs.missing(page, index, data)
        finally:
            page.close()


@pytest.mark.parametrize("case", DRAWN)
def test_what_is_drawn_is_not_missing_unless_its_letters_take_other_shapes_in_words(case: str) -> None:
    assert missing(document(*DRAWN[case][0])) is (case in SHAPED)


@pytest.mark.parametrize(
    "text",
    [
        # By the numbers of glyphs in a font that is not there, with what they mean ...
        by_glyphs("ArialUnicodeMS", HINDI), by_glyphs("ArialMT", HINDI), by_glyphs("ArialMT", ARABIC),
        by_glyphs("Mangal", HINDI), by_glyphs("ArialMT", "처방전"), by_glyphs("ArialMT", "☐ yes"),
        by_glyphs("ArialMT", "ไทย"), by_glyphs("ArialMT", "�"), by_glyphs("MalgunGothic", "\U00013000"),
        # ... alone, where PDFium tells nothing of it
        by_glyphs("ArialMT", "☐"), by_glyphs("Nosuch", "\uf0fe"), by_glyphs("ArialMT", "𠀀"),
        # ... and without: it would be drawn by the numbers of our font.
        by_glyphs("ArialMT", "Abc", told=False), by_glyphs("Mangal", HINDI, told=False),
        # Signs
        (simple("Wingdings", flags=4, encoding=""), b"\xfe"), (simple("Wingdings-Regular"), b"\xfc ok"),
        (simple("ABCDEF+Webdings", flags=4, encoding=""), b"a"), by_glyphs("SegoeUISymbol", "☑"),
        (simple("SymbolMT", flags=4, encoding=""), b"abm"), (simple("Symbol", flags=4, encoding=""), b"\xb3 5"),
        # Codes of a font's own
        (simple("KrutiDev010"), b"ueLrs"), (simple("DVB-TTSurekh"), b"ueLrs"), (simple("Free3of9"), b"*123*"),
        (simple("Nosuch", flags=4, encoding=""), b"Abc"), (simple("Nosuch", letters=("g01", "g02")), b"AB"),
        # A code that means nothing without the /Encoding that was forgotten
        (simple("Helvetica", "Type1", flags=None, encoding=""), b"A \x95"),
        (simple("ArialMT", flags=4, encoding="", unicode={65: "न"}), b"A"),
    ],
)  # fmt: skip
def test_what_is_not_drawn_as_it_was_written_is_missing(text: tuple[Any, bytes]) -> None:
    assert missing(document(*text))


@pytest.mark.parametrize(
    "text",
    [
        (simple("Helvetica", "Type1", flags=None), b"A\r\n\t\0B \xa0\xad"),
        (simple("Helvetica", "Type1", flags=None, encoding=""), b"A\r\n\t\0B \xa0\x81"),
        by_glyphs("ArialMT", "A\u200b \u3000B"), by_glyphs("ArialMT", " "),
        (simple("ArialMT"), b" "), (simple("ArialMT"), b""), (wide("Batang", "UniKS-UCS2-H", "Korea1"), b"\0 "),
        (simple("Symbol", "Type1", flags=None, encoding=""), b"abm\xb3"),
        (simple("ZapfDingbats", "Type1", flags=None, encoding=""), b"4on"),
        (simple("SymbolMT", flags=4, encoding=""), b"\xb7 "),
        (simple("ArialMT", flags=4, encoding=""), b"Abc"),
        (simple("Codec Pro"), b"Abc"),
    ],
)  # fmt: skip
def test_nothing_is_missing_of_spaces_and_of_signs_that_are_there(text: tuple[Any, bytes]) -> None:
    assert not missing(document(*text))


def content(make: Callable[[pikepdf.Pdf, Any], bytes]) -> Callable[[pikepdf.Pdf, Any], None]:
    """For `document`: other content instead of its own."""

    def change(made: pikepdf.Pdf, page: Any) -> None:
        page.Contents = Stream(made, make(made, page))

    return change


def test_single_spaces_do_not_hide_a_single_sign() -> None:
    font, _ = by_glyphs("ArialMT", "A ☐")
    letter, space, sign = (bytes([0, code]) for code in (100, 101, 102))

    def page(*texts: bytes) -> bytes:
        return document(font, b"", change=content(lambda *_: shown(*texts)))

    assert not missing(page(letter, space, letter, space))
    assert missing(page(letter, space, letter, sign))
    assert missing(page(sign, space, space))


def in_form(made: pikepdf.Pdf, page: Any) -> bytes:
    form = Stream(made, shown(by_glyphs("ArialMT", "☐")[1]))
    form.Type, form.Subtype, form.BBox = Name.XObject, Name.Form, Array([0, 0, 96, 64])
    form.Resources = page.Resources
    page.Resources = Dictionary(XObject=Dictionary(X1=form))
    return b"/X1 Do"


def test_forms_are_looked_into() -> None:
    assert missing(document(by_glyphs("ArialMT", "☐")[0], b"", change=content(in_form)))
    assert not missing(document(by_glyphs("ArialMT", " ")[0], b"", change=content(in_form)))


def annotated(made: pikepdf.Pdf, page: Any) -> None:
    """The text moves into an annotation."""
    look = Stream(made, page.Contents.read_bytes())
    look.Type, look.Subtype, look.BBox, look.Resources = Name.XObject, Name.Form, Array([0, 0, 96, 64]), page.Resources
    page.Annots = Array([
        made.make_indirect(
            Dictionary(
                Type=Name.Annot, Subtype=Name.FreeText, Rect=Array([0, 0, 96, 64]), F=4, AP=Dictionary(N=look),
                DA=pikepdf.String("/F1 20 Tf"), Contents=pikepdf.String("x"),
            )
        )
    ])  # fmt: skip
    page.Contents, page.Resources = Stream(made, b""), Dictionary()


def test_annotations_are_read() -> None:
    assert missing(document(*by_glyphs("ArialMT", HINDI), change=annotated))
    assert missing(document(*by_glyphs("ArialMT", "☐"), change=annotated))
    assert not missing(document(*by_glyphs("ArialMT", "Abc"), change=annotated))
    assert not missing(document(*by_glyphs("ArialMT", " "), change=annotated))
    assert not missing(document(*KOREAN, change=annotated))


def scanned(bits: int, where: str) -> Callable[[pikepdf.Pdf, Any], None]:
    """The text, and a picture over the whole page before or after it."""

    def make(made: pikepdf.Pdf, page: Any) -> bytes:
        picture = Stream(made, b"\xff")
        picture.Type, picture.Subtype, picture.Width, picture.Height = Name.XObject, Name.Image, 1, 1
        picture.BitsPerComponent = bits
        if bits == 1:
            picture.ImageMask = True
        else:
            picture.ColorSpace = Name.DeviceGray
        page.Resources.XObject = Dictionary(I1=picture)
        drawn = b"q 96 0 0 64 0 0 cm /I1 Do Q "
        text = page.Contents.read_bytes()
        return drawn + text if where == "before" else text + b" " + drawn

    return content(make)


def test_what_was_read_from_a_scan_is_not_seen() -> None:
    hindi = by_glyphs("ArialMT", HINDI)

    assert not missing(document(*hindi, mode=3))
    assert not missing(document(*hindi, change=scanned(8, "after")))
    assert missing(document(*hindi, change=scanned(8, "before")))
    assert missing(document(*hindi, change=scanned(1, "after")))  # a stencil: what is below shows through


def test_fonts_that_are_in_the_pdf_are_not_doubted() -> None:
    made = fpdf.FPDF()
    made.add_page()
    made.add_font("F", fname=next(file for file in files.FILES if "Devanagari" in file.stem))
    made.set_font("F", size=20)
    made.text(10, 20, HINDI)

    assert not missing(bytes(made.output()))


def test_letters_that_are_drawings_are_not_doubted() -> None:
    def type3(made: pikepdf.Pdf) -> Any:
        box = made.make_stream(b"1000 0 0 0 750 750 d1 0 0 750 750 re f")
        return Dictionary(
            Type=Name.Font, Subtype=Name.Type3, FontBBox=Array([0, 0, 750, 750]), FirstChar=65, LastChar=65,
            FontMatrix=Array([0.001, 0, 0, 0.001, 0, 0]), CharProcs=Dictionary(box=box), Widths=Array([1000]),
            Encoding=Dictionary(Type=Name.Encoding, Differences=Array([65, Name.box])),
        )  # fmt: skip

    assert not missing(document(type3, b"A"))


def test_pictures_have_no_text() -> None:
    assert not missing(fixtures.scanned_pdf())


def test_without_our_fonts_only_latin_letters_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "installed", frozenset)

    assert missing(document(*KOREAN))
    assert missing(document(*DRAWN["Polish"][0]))
    assert not missing(document(*DRAWN["Times"][0]))
