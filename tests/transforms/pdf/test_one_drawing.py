"""What is seen on screen is what is printed: every kind of content, in picture, print PDF and the whole document.

The whole document is read by both PDF engines, which stand for the readers that people have.
"""

import io
from collections.abc import Callable
from functools import cache
from typing import Final

import pdf2image
import pikepdf
import pypdfium2
import pytest
from PIL import Image, ImageChops, ImageStat

from tests.transforms import annotated, fixtures
from tests.transforms.annotated import UNSEEN
from tests.transforms.likeness import ssim
from tests.transforms.pdf.test_assemble import assembled
from tests.transforms.rendering import opened, pixels, variant
from transforms.pdf import poppler

OTHERS: Final = {
    "vector": fixtures.vector_pdf(text="Amoxicillin 500"),
    "scanned": fixtures.scanned_pdf(),
    "cropped": fixtures.edited(fixtures.vector_pdf(), CropBox=[0, 0, 48, 64]),
    "turned": fixtures.edited(fixtures.vector_pdf(), Rotate=90),
    "locked for changes": fixtures.locked_pdf(),
    "form": fixtures.form_pdf("250 mg"),
    "in large units": fixtures.edited(fixtures.vector_pdf(), UserUnit=3),
    "behind blanks": b"\n \0\n" + fixtures.vector_pdf(),
}
BARE: Final = "without anything on it"
PAGES: Final = annotated.every() | OTHERS | {BARE: annotated.annotation("Link")}
DPI: Final = 120


@cache
def picture(name: str) -> Image.Image:
    return opened(variant(PAGES[name], "full/max/0/default.png")).convert("RGB")


@cache
def printed(name: str) -> bytes:
    return variant(PAGES[name], "full/max/0/default.pdf").data


@cache
def document() -> bytes:
    return assembled(*map(printed, PAGES))


@cache
def read_by_pdfium() -> list[Image.Image]:
    made = pypdfium2.PdfDocument(document())
    try:
        return [page.render(scale=DPI / 72).to_pil().convert("RGB") for page in made]
    finally:
        made.close()


@cache
def read_by_poppler() -> list[Image.Image]:
    return [page.convert("RGB") for page in pdf2image.convert_from_bytes(document(), dpi=DPI, use_cropbox=True)]


Reader = Callable[[], list[Image.Image]]
each_reader = pytest.mark.parametrize(
    "reader",
    [
        pytest.param(read_by_pdfium, id="pdfium"),
        pytest.param(
            read_by_poppler,
            id="poppler",
            marks=pytest.mark.skipif(not poppler.available(), reason="pdftoppm is not installed"),
        ),
    ],
)


def read(reader: Reader, name: str) -> Image.Image:
    """A page of the whole document, as somebody else draws it."""
    return reader()[list(PAGES).index(name)]


def is_lifted(name: str) -> bool:
    """Text stayed text."""
    with pikepdf.open(io.BytesIO(printed(name))) as made:
        return "/Font" in made.pages[0].obj.Resources


@each_reader
@pytest.mark.parametrize("name", PAGES)
def test_a_page_prints_as_it_is_seen(name: str, reader: Reader) -> None:
    printed = read(reader, name)

    # The letters of two engines are not the same, nor are the sides rounded alike: the whole has to be.
    shown = picture(name).resize(printed.size, Image.Resampling.LANCZOS)
    assert max(ImageStat.Stat(ImageChops.difference(shown, printed)).mean) < 8
    assert ssim(shown, printed) >= 0.9


def ink_of(page: Image.Image, bare: Image.Image) -> float:
    """How much of the area of the annotation is not as it is without it. The two pages may differ in size."""
    bare, dots = bare.resize(page.size, Image.Resampling.LANCZOS), page.height / annotated.SIZE[1]
    left, low, right, high = (round(side * dots) for side in annotated.AREA)
    area = (left, page.height - high, right, page.height - low)
    return sum(ImageStat.Stat(ImageChops.difference(page, bare).crop(area)).mean)


def ink(name: str) -> float:
    return ink_of(picture(name), picture(BARE))


@each_reader
@pytest.mark.parametrize("flags", annotated.FLAGS)
@pytest.mark.parametrize("kind", annotated.KINDS)
def test_every_kind_is_printed_if_it_is_seen(kind: str, flags: str, reader: Reader) -> None:
    name = f"{kind}, {flags}"

    printed = ink_of(read(reader, name), read(reader, BARE))

    if flags in UNSEEN:
        assert printed < 2
    else:
        assert 0.5 <= printed / ink(name) <= 1.5


@pytest.mark.parametrize("flags", annotated.FLAGS)
@pytest.mark.parametrize("kind", annotated.KINDS)
def test_every_kind_is_seen_unless_its_flags_hide_it_from_the_screen(kind: str, flags: str) -> None:
    seen = ink(f"{kind}, {flags}")

    assert (seen == 0) if flags in UNSEEN else (seen > 2)


@pytest.mark.parametrize("flags", annotated.FLAGS)
def test_flags_count_for_appearances_and_fields_too(flags: str) -> None:
    seen = [ink(f"stamp, {flags}"), ink(f"field, {flags}")]

    assert seen == [0, 0] if flags in UNSEEN else min(seen) > 10


def test_a_layer_hides_its_annotations_on_screen_and_in_print() -> None:
    assert ink("layer True, annotation True") > 100
    assert ink("layer False, annotation True") == 0


@pytest.mark.parametrize("state", ["/Yes", "/Off", None])
@pytest.mark.parametrize("value", ["/Yes", "/Off", None])
def test_a_tick_box_shows_its_state_or_else_its_value(state: str | None, value: str | None) -> None:
    ticked = (state or value) == "/Yes"

    assert (ink(f"tick {state} {value}") > 300) is ticked


def test_text_stays_text_where_another_reader_shows_the_same() -> None:
    assert is_lifted("FreeText, screen and print")
    assert is_lifted("stamp, screen and print")
    assert is_lifted("form")
    assert is_lifted("vector")
    # not what a reader would have to find a font for, nor what would stand elsewhere
    assert not is_lifted("text beyond Latin")
    assert not is_lifted("upright on a page turned by 90")


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_page_that_is_asked_for_turned_is_copied_with_what_is_on_it(turn: int) -> None:
    data = annotated.annotation("FreeText")

    made = variant(data, f"full/max/{turn}/default.pdf").data

    with pikepdf.open(io.BytesIO(made)) as document:
        assert "/Font" in document.pages[0].obj.Resources
    shown = pixels(data, f"full/max/{turn}/default.png").convert("RGB")
    read = pixels(made, "full/max/0/default.png").convert("RGB")
    assert shown.size == read.size
    assert ssim(shown, read) > 0.95


def test_long_words_of_a_correction_are_all_there() -> None:
    made = pypdfium2.PdfDocument(printed("long text"))
    words = made[0].get_textpage().get_text_range().split()
    made.close()
    assert words.count("REPLACED") == 12
