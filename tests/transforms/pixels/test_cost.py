"""What is large is told from the row alone: by what has to be decoded, and by what has to be written."""

import io

import pytest
from PIL import Image, ImageFile

from transforms.formats import SourceType
from transforms.geometry import Box, Size
from transforms.limits import LIMITS, MIB
from transforms.pixels import steps
from transforms.pixels.cost import estimate
from transforms.pixels.flatten import Flat
from transforms.request.paper import Paper
from transforms.request.presets import preset
from transforms.request.spec import Stored

PHONE, HUGE = Size(3000, 4000), Size(6928, 9248)


@pytest.mark.parametrize(
    ("source", "page", "stored", "large"),
    [
        # A JPEG is shrunk while it is decoded; other formats cannot be.
        (SourceType.JPEG, HUGE, "full/809,1080/0/default.webp", False),
        (SourceType.PNG, HUGE, "full/809,1080/0/default.webp", True),
        (SourceType.JPEG, HUGE, "full/809,1080/0/enhanced.webp", True),
        (SourceType.JPEG, HUGE, "0,0,2048,2048/2048,2048/0/default.webp", True),
        (SourceType.JPEG, PHONE, "full/3000,4000/0/default.avif", False),
        (SourceType.PNG, PHONE, "full/3000,4000/0/default.webp", False),
        # A PDF is drawn at the size that is asked for, however large its page.
        (SourceType.PDF, Size(5000, 5000), "full/200,200/0/default.webp", False),
        (SourceType.PDF, Size(5000, 5000), "full/5000,5000/0/default.webp", True),
    ],
)
def test_large_work_is_told_from_small(source: SourceType, page: Size, stored: str, large: bool) -> None:
    assert estimate(source, page, Stored.parse(stored)).is_large is large


@pytest.mark.parametrize(
    ("stored", "peak"),
    [
        ("full/6928,9248/0/default.jpg", 694),
        ("full/6928,9248/90/default.webp", 607),
        ("full/3000,4004/0/default.avif", 377),
    ],
)
def test_the_guess_is_near_what_was_measured_and_not_below(stored: str, peak: int) -> None:
    guessed = estimate(SourceType.JPEG, HUGE, Stored.parse(stored)).bytes

    assert peak * MIB <= guessed <= 1.5 * peak * MIB


@pytest.mark.parametrize("stored", ["full/6928,9248/0/default.avif", "full/6928,9248/0/enhanced.png"])
def test_what_ran_out_of_memory_is_guessed_to(stored: str) -> None:
    assert estimate(SourceType.JPEG, HUGE, Stored.parse(stored)).bytes > LIMITS.child_memory_bytes


def sheet(width: int, height: int) -> Paper:
    return Paper(
        ((500, 500), (500 + width, 500), (500 + width, 500 + height), (500, 500 + height)), Size(width, height)
    )


@pytest.fixture(scope="module")
def huge() -> bytes:
    out = io.BytesIO()
    Image.new("L", (HUGE.width, HUGE.height), 255).save(out, "JPEG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("paper", "name", "large"),
    [
        # However small the sheet, it is the whole photo that is decoded.
        (sheet(2800, 4000), "review", True),
        (sheet(2800, 4000), "print", True),
        (sheet(1200, 5000), "review", True),
        (sheet(1200, 5000), "print", True),
        (sheet(2800, 4000), "preview", False),
        (sheet(1200, 5000), "thumb", False),
    ],
)
def test_of_a_sheet_it_is_what_the_renderer_decodes(huge: bytes, paper: Paper, name: str, large: bool) -> None:
    stored = preset(name, paper.size)
    guessed = estimate(SourceType.JPEG, HUGE, stored, paper=paper)

    assert guessed.is_large is large
    with Image.open(io.BytesIO(huge)) as opened:
        assert isinstance(opened, ImageFile.ImageFile)
        steps.decode(opened, Flat(HUGE, 1, paper, Box(0, 0, paper.size.width, paper.size.height), stored.size))
        assert guessed.pixels == opened.width * opened.height


def test_of_a_sheet_in_a_pdf_it_is_what_is_drawn() -> None:
    page, paper = Size(5000, 5000), sheet(4000, 4400)
    whole = Stored.parse("full/4000,4400/0/default.avif")
    thumb = estimate(SourceType.PDF, page, preset("thumb", paper.size), paper=paper)
    own = estimate(SourceType.PDF, page, whole, paper=paper)

    assert not thumb.is_large
    assert preset("thumb", paper.size).size.area < thumb.pixels < 4 * preset("thumb", paper.size).size.area
    assert own.is_large
    assert whole.size.area <= own.pixels <= page.area
