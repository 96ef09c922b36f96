"""PDFs after public bug reports, where they are at hand: each is accepted or refused as it should be, and what is seen
of it is what is printed. Read by poppler, which is another reader than the one that drew the picture.
"""

import csv
from functools import cache
from typing import Final

import pdf2image
import pytest
from PIL import Image, ImageChops, ImageStat

from tests.transforms.likeness import ssim
from tests.transforms.pdf.test_assemble import assembled
from tests.transforms.rendering import CORPUS, opened, variant
from transforms.errors import TransformError
from transforms.formats import SourceType
from transforms.measure.notices import Notice
from transforms.measure.probe import Probe, probe
from transforms.pdf import poppler

REPORTS: Final = CORPUS / "reports"
LIKE: Final = 0.9  # no file needs an exception
SIDE: Final = 800  # pixels of the long side of what is compared
PAGES: Final = 2  # of each document

# What is refused, and with which code; everything else is accepted.
REFUSED: Final = {
    "p_0pages.pdf": "source-damaged",
    "p_51pages.pdf": "too-many-pages",
    "p_user_password.pdf": "source-locked",
}
NOTICES: Final = {
    "p_crop_outside.pdf": Notice.CROP_BOX,
    "p_portfolio.pdf": Notice.PORTFOLIO,
    "p_wingdings_notembedded.pdf": Notice.MISSING_GLYPHS,
    "p_xfa_dynamic.pdf": Notice.XFA,
}


def files() -> list[str]:
    table = REPORTS / "REPORTS.tsv"
    if not table.exists():
        return []
    with table.open(newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [row["file"] for row in rows if row["file"].startswith("p_")]


FILES: Final = files()
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not FILES, reason="the collection of inputs after bug reports is not here"),
    pytest.mark.skipif(not poppler.available(), reason="pdftoppm is not installed"),
    pytest.mark.slow,
]


@cache
def source(name: str) -> bytes:
    return (REPORTS / name).read_bytes()


@cache
def found(name: str) -> Probe:
    return probe(source(name))


def picture(name: str, page: int) -> Image.Image:
    return opened(variant(source(name), f"full/!{SIDE},{SIDE}/0/default.png", page=page)).convert("RGB")


def read(data: bytes, page: int, size: tuple[int, int]) -> Image.Image:
    (drawn,) = pdf2image.convert_from_bytes(data, first_page=page, last_page=page, size=SIDE, use_cropbox=True)
    return drawn.convert("RGB").resize(size)


@pytest.mark.parametrize("name", FILES)
def test_a_document_is_accepted_or_refused_and_people_are_told(name: str) -> None:
    if name in REFUSED:
        with pytest.raises(TransformError) as refused:
            probe(source(name))
        assert refused.value.code == REFUSED[name]
        return
    assert found(name).media_type is SourceType.PDF
    assert all(max(size.width, size.height) > 1 for size in found(name).pages)
    told = {notice for page in found(name).notices for notice in page}
    assert told == ({NOTICES[name]} if name in NOTICES else set())


@pytest.mark.parametrize("name", [name for name in FILES if name not in REFUSED])
def test_a_page_looks_as_another_reader_shows_it(name: str) -> None:
    shown = picture(name, 1)

    assert ssim(shown, read(source(name), 1, shown.size)) >= LIKE


@pytest.mark.parametrize("name", [name for name in FILES if name not in REFUSED])
def test_what_is_seen_is_what_is_printed(name: str) -> None:
    numbers = range(1, min(PAGES, len(found(name).pages)) + 1)
    printed = [variant(source(name), "full/max/0/default.pdf", page=number).data for number in numbers]
    whole = assembled(*printed)

    for number, page in zip(numbers, printed, strict=True):
        shown = picture(name, number)
        for data, place in ((page, 1), (whole, number)):
            other = read(data, place, shown.size)
            assert max(ImageStat.Stat(ImageChops.difference(shown, other)).mean) < 6
            assert min(shown.size) < 8 or ssim(shown, other) >= LIKE
