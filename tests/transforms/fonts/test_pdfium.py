"""Text whose font the PDF does not bring is drawn, by our fonts: the same picture as with that font in the PDF."""

import io
from functools import cache
from pathlib import Path
from typing import Any, Final

import fpdf
import pytest
from PIL import Image, ImageChops, ImageStat

from tests.transforms.rendering import pixels
from tests.transforms.unembedded import PAGE, by_glyphs, document, simple, wide
from transforms.fonts import files
from transforms.formats import SourceType
from transforms.geometry import Size
from transforms.pdf import poppler
from transforms.render import RenderJob
from transforms.request.spec import Stored
from transforms.sandbox import Sandbox

SPEC: Final = "full/max/0/gray.png"
KOREAN: Final = wide("HYSMyeongJo-Medium", "UniKS-UTF16-H", "Korea1"), "처".encode("utf-16-be")
# One letter each: its neighbours would only show that other widths were asked for.
DRAWN: Final[dict[str, tuple[tuple[Any, bytes], str, str]]] = {
    "Helvetica": ((simple("Helvetica", "Type1", flags=None), b"R"), "R", "Arimo"),
    "Arial": ((simple("ArialMT"), b"\xe9"), "é", "Arimo"),
    "Times": ((simple("TimesNewRomanPSMT"), b"R"), "R", "Tinos"),
    "Courier": ((simple("CourierNew"), b"R"), "R", "Cousine"),
    "Calibri": ((simple("Calibri"), b"R"), "R", "Carlito"),
    "a font that this machine may have": ((simple("DejaVuSans"), b"R"), "R", "Arimo"),
    "a font that nobody has": ((simple("NoSuchFont"), b"R"), "R", "Arimo"),
    "Polish": ((simple("ArialMT", letters=("Lslash",)), b"A"), "Ł", "Arimo"),
    "Cyrillic": ((simple("Times-Roman", "Type1", flags=None, letters=("afii10018",)), b"A"), "Б", "Tinos"),
    "Cyrillic that the stand-in lacks": ((simple("Cambria", letters=("afii10018",)), b"A"), "Б", "Arimo"),
    "rupees": (by_glyphs("ArialMT", "₹"), "₹", "Arimo"),
    "Devanagari": ((simple("Mangal", letters=("uni0928",)), b"A"), "न", "Noto Sans Devanagari"),
    "Bengali": (by_glyphs("Vrinda", "ক"), "ক", "Noto Sans Bengali"),
    "Gurmukhi": (by_glyphs("Raavi", "ਕ"), "ਕ", "Noto Sans Gurmukhi"),
    "Gujarati": (by_glyphs("Shruti", "ક"), "ક", "Noto Sans Gujarati"),
    "Oriya": (by_glyphs("Kalinga", "କ"), "କ", "Noto Sans Oriya"),
    "Tamil": (by_glyphs("Latha", "க"), "க", "Noto Sans Tamil"),
    "Telugu": (by_glyphs("Gautami", "క"), "క", "Noto Sans Telugu"),
    "Kannada": (by_glyphs("Tunga", "ಕ"), "ಕ", "Noto Sans Kannada"),
    "Malayalam": (by_glyphs("Kartika", "ക"), "ക", "Noto Sans Malayalam"),
    "Arabic": (by_glyphs("ArabicTypesetting", "ح"), "ح", "Noto Sans Arabic"),
    "Korean": (KOREAN, "처", "Noto Sans KR"),
    "Korean, UCS-2": ((wide("Batang", "UniKS-UCS2-H", "Korea1"), "처".encode("utf-16-be")), "처", "Noto Sans KR"),
    "Korean, EUC": ((wide("HYGoThic-Medium", "KSC-EUC-H", "Korea1"), "처".encode("euc_kr")), "처", "Noto Sans KR"),
    "Korean, Windows": ((wide("Gulim", "KSCms-UHC-H", "Korea1"), "똠".encode("cp949")), "똠", "Noto Sans KR"),
    "Korean, by glyphs": (by_glyphs("MalgunGothic", "처"), "처", "Noto Sans KR"),
    "Chinese": ((wide("STSong-Light", "UniGB-UTF16-H", "GB1"), "处".encode("utf-16-be")), "处", "Noto Sans SC"),
    "Chinese, GBK": ((wide("SimSun", "GBK-EUC-H", "GB1"), "笺".encode("gbk")), "笺", "Noto Sans SC"),
    "Chinese, GB 18030": ((wide("SimSun", "GBK2K-H", "GB1"), "笺".encode("gb18030")), "笺", "Noto Sans SC"),
    "Taiwan": ((wide("MSung-Light", "UniCNS-UTF16-H", "CNS1"), "處".encode("utf-16-be")), "處", "Noto Sans TC"),
    "Taiwan, Big5": ((wide("MingLiU", "ETen-B5-H", "CNS1"), "處".encode("big5")), "處", "Noto Sans TC"),
    "Japanese": ((wide("HeiseiMin-W3", "UniJIS-UTF16-H", "Japan1"), "処".encode("utf-16-be")), "処", "Noto Sans JP"),
    "Japanese, EUC": ((wide("GothicBBB-Medium", "EUC-H", "Japan1"), "か".encode("euc_jp")), "か", "Noto Sans JP"),
    "Japanese, Windows": ((wide("MS-Gothic", "90ms-RKSJ-H", "Japan1"), "処".encode("cp932")), "処", "Noto Sans JP"),
}


def regular(family: str) -> Path:
    return next(file for file in files.FILES if file.stem == f"{family.replace(' ', '')}_400Regular")


@cache
def embedded(family: str, letter: str) -> Image.Image:
    """The letter with its font in the PDF."""
    made = fpdf.FPDF(unit="pt", format=PAGE)
    made.add_page()
    made.add_font("F", fname=regular(family))
    made.set_font("F", size=20)
    made.text(10, PAGE[1] - 20, letter)
    return pixels(bytes(made.output()), SPEC)


@pytest.mark.parametrize("case", DRAWN)
def test_a_letter_looks_as_if_its_font_were_in_the_pdf(case: str) -> None:
    (font, codes), letter, family = DRAWN[case]

    drawn, wanted = pixels(document(font, codes), SPEC), embedded(family, letter)

    box = wanted.point(lambda level: 255 - level).getbbox()
    assert box is not None
    # A stand-in may be squeezed into the width that the file says: what is left of it is compared by its height.
    found = drawn.point(lambda level: 255 - level).getbbox()
    assert found is not None
    assert [abs(found[side] - box[side]) <= 2 for side in (1, 3)] == [True, True]
    one, other = (image.crop(edge).resize((100, 100)) for image, edge in ((drawn, found), (wanted, box)))
    assert ImageStat.Stat(ImageChops.difference(one, other)).mean[0] < 20


JOB: Final = RenderJob(SourceType.PDF, 1, Stored.parse("full/400,267/0/gray.png"), Size(400, 267))


@pytest.mark.parametrize(
    "engine",
    ["pdfium", pytest.param("poppler", marks=pytest.mark.skipif(not poppler.available(), reason="not installed"))],
)
def test_renderers_may_read_our_fonts(engine: str) -> None:
    sandbox = Sandbox(pdf_engines=(engine,))
    try:
        if engine == "poppler" and not sandbox.capabilities().poppler:
            pytest.skip("this machine cannot confine poppler")
        letter, nothing = (
            sandbox.render(document(KOREAN[0], codes), JOB, owner="a") for codes in (KOREAN[1], " ".encode("utf-16-be"))
        )
    finally:
        sandbox.close()

    assert letter.data != nothing.data
    if engine == "pdfium":
        direct = pixels(document(*KOREAN), SPEC)
        assert direct.tobytes() == pixels_of(letter.data).tobytes()


def pixels_of(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("L")


def test_without_our_fonts_pdfiums_own_stand_in_and_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "installed", frozenset)

    latin, korean = (pixels(document(*text), SPEC) for text in ((simple("Georgia"), b"Rp"), KOREAN))

    assert latin.getextrema()[0] < 100
    assert korean.getextrema() == (255, 255)
