"""PDF pages as pictures: crop box, rotation, form values, one page only, two engines; scripts never run."""

import os

import pypdfium2
import pytest
from PIL import ImageChops, ImageStat

from tests.transforms import fixtures
from tests.transforms.fixtures import BLACK, BLUE, CORNERS, GREEN, RED, WHITE
from tests.transforms.rendering import near, opened, pixels, shows, variant
from transforms.errors import EngineMissing, PageMissing, SourceDamaged, SourceLocked
from transforms.formats import SourceType
from transforms.geometry import Box, Size
from transforms.pdf import engines, pages, poppler
from transforms.render import RenderJob, render
from transforms.request.spec import Stored

needs_poppler = pytest.mark.skipif(not poppler.available(), reason="pdftoppm is not installed")
ENGINES = [("pdfium",), pytest.param(("poppler",), marks=needs_poppler)]
TURNED = {0: CORNERS, 90: (BLUE, RED, BLACK, GREEN), 180: CORNERS[::-1], 270: (GREEN, BLACK, RED, BLUE)}


@pytest.mark.parametrize("engines", ENGINES)
@pytest.mark.parametrize("make", [fixtures.vector_pdf, fixtures.scanned_pdf])
@pytest.mark.parametrize("spec", ["full/max/0", "full/96,/0", "full/48,/0"])
def test_a_page_has_its_colours_and_size(engines, make, spec):
    image = pixels(make(), f"{spec}/default.png", engines=engines)
    assert image.width in (400, 96, 48)
    assert shows(image, CORNERS, tolerance=40)
    assert near(image.getpixel((image.width // 2, image.height // 8)), WHITE)


@pytest.mark.parametrize("engines", ENGINES)
@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_a_rotated_page_comes_out_upright(engines, rotate):
    image = pixels(fixtures.edited(fixtures.vector_pdf(), Rotate=rotate), "full/max/0/default.png", engines=engines)
    assert image.size == ((400, 267) if rotate % 180 == 0 else (267, 400))
    assert shows(image, TURNED[rotate], tolerance=40)


@pytest.mark.parametrize("engines", ENGINES)
@pytest.mark.parametrize("rotate", [0, 90])
def test_only_the_crop_box_is_shown(engines, rotate):
    # The left half of the page: red above blue.
    data = fixtures.edited(fixtures.vector_pdf(text=""), CropBox=[0, 0, 48, 64], Rotate=rotate)
    image = pixels(data, "full/max/0/default.png", engines=engines)
    assert image.size == ((200, 267) if rotate == 0 else (267, 200))
    wanted = (RED, WHITE, BLUE, WHITE) if rotate == 0 else (BLUE, RED, WHITE, WHITE)
    assert shows(image, wanted, tolerance=40)


@pytest.mark.parametrize("engines", ENGINES)
@pytest.mark.parametrize(
    ("region", "colour"), [("0,0,60,60", RED), ("340,0,60,60", GREEN), ("0,207,60,60", BLUE), ("340,207,60,60", BLACK)]
)
def test_a_region_is_drawn_at_the_asked_size(engines, region, colour):
    image = pixels(fixtures.vector_pdf(), f"{region}/30,30/0/default.png", engines=engines)
    assert image.size == (30, 30)
    assert near(ImageStat.Stat(image).mean, colour, tolerance=8)


@pytest.mark.parametrize("make", [lambda: fixtures.vector_pdf(text="Amoxicillin"), fixtures.scanned_pdf])
@pytest.mark.parametrize("level", [1, 2])
def test_tiles_of_a_page_join(make, level):
    data, tile = make(), 100
    whole = pixels(data, f"full/{400 // level},{-(-267 // level)}/0/default.png")
    for x, y in ((0, 0), (100, 0), (200, 100), (300, 100)):
        part = pixels(data, f"{x},{y},{tile},{tile}/{tile // level},/0/default.png")
        box = (x // level, y // level, (x + tile) // level, (y + tile) // level)
        assert part.size == (tile // level, tile // level)
        difference = ImageStat.Stat(ImageChops.difference(whole.crop(box), part))
        # PDFium smooths a letter that the edge cuts a little differently.
        assert max(difference.mean) < 1.5, (x, y)


def test_rotation_turns_the_page_clockwise():
    assert shows(pixels(fixtures.vector_pdf(), "full/max/90/default.png"), TURNED[90])


def test_only_the_asked_page_is_drawn_and_each_is_another():
    data = fixtures.vector_pdf(50)
    first, last = (pixels(data, "full/max/0/default.png", page=number) for number in (1, 50))
    assert ImageChops.difference(first, last).getbbox() is not None
    assert ImageChops.difference(first, pixels(fixtures.vector_pdf(2), "full/max/0/default.png")).getbbox() is None


@pytest.mark.parametrize("number", [0, 4, 10_000])
def test_a_page_that_does_not_exist(number):
    stored = Stored.parse("full/400,267/0/default.png")
    with pytest.raises(PageMissing):
        render(fixtures.vector_pdf(3), RenderJob(SourceType.PDF, number, stored, Size(400, 267)))


def test_values_typed_into_a_form_are_shown():
    filled, empty = (pixels(fixtures.form_pdf(value), "full/max/0/gray.png") for value in ("XXXXXXXX", ""))
    field = (90, 85, 310, 180)
    assert empty.crop(field).getextrema() == (255, 255)
    assert ImageStat.Stat(filled.crop(field)).mean[0] < 220


def test_scripts_cannot_run_because_the_library_has_no_engine_for_them():
    assert set(pypdfium2.version.PDFIUM_INFO.flags).isdisjoint({"V8", "XFA"})


def test_a_password_asked_for_at_rendering_is_told_apart_from_damage():
    job = RenderJob(SourceType.PDF, 1, Stored.parse("full/400,267/0/default.png"), Size(400, 267))
    with pytest.raises(SourceLocked):
        render(fixtures.locked_pdf(user="secret"), job)
    assert shows(opened(render(fixtures.locked_pdf(), job)), CORNERS)


@pytest.mark.parametrize("quality", ["gray", "bitonal", "enhanced"])
def test_qualities_work_on_pages(quality):
    image = pixels(fixtures.vector_pdf(), f"full/200,/0/{quality}.png")
    assert image.size == (200, 134)
    assert near(image.convert("RGB").getpixel((100, 20)), WHITE)


def test_redaction_hides_part_of_a_page():
    image = pixels(fixtures.vector_pdf(), "full/200,/0/redacted.png", redactions=(Box(0, 0, 70, 70),))
    assert image.crop((0, 0, 35, 35)).getextrema() == ((0, 0),) * 3
    assert shows(image, (BLACK, GREEN, BLUE, BLACK), tolerance=40)


# Two engines.

_JOB = RenderJob(SourceType.PDF, 1, Stored.parse("full/400,267/0/default.png"), Size(400, 267))


@needs_poppler
def test_a_page_that_pdfium_refuses_is_drawn_by_the_second_engine():
    # given a document whose header comes later than PDFium looks for it
    late = b" " * 1030 + fixtures.vector_pdf()
    with pytest.raises(SourceDamaged):
        render(late, _JOB, engines=("pdfium",))

    assert shows(opened(render(late, _JOB)), CORNERS)


def test_without_pdftoppm_the_second_engine_is_skipped(monkeypatch):
    monkeypatch.setenv("PATH", os.devnull)
    assert shows(opened(render(fixtures.vector_pdf(), _JOB)), CORNERS)
    # and of what the first one refuses nobody says that it is damaged: where both are, it may be drawn
    with pytest.raises(EngineMissing) as caught:
        render(b"%PDF-1.4 nothing", _JOB)
    assert not caught.value.permanent
    with pytest.raises(SourceDamaged):
        render(fixtures.vector_pdf(), _JOB, engines=("poppler",))


@needs_poppler
@pytest.mark.parametrize("data", [b"%PDF-1.4 nothing", fixtures.vector_pdf()[:300]])
def test_poppler_is_believed_only_if_it_gives_a_picture(data):
    with pytest.raises(SourceDamaged):
        render(data, _JOB, engines=("poppler",))


@needs_poppler
def test_poppler_leaves_no_file_and_our_standard_input_as_it_was(monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = os.stat(0)
    render(fixtures.vector_pdf(), _JOB, engines=("poppler",))
    assert os.path.samestat(before, os.stat(0))
    assert list(tmp_path.iterdir()) == []


@needs_poppler
def test_both_engines_agree():
    data = fixtures.vector_pdf(text="Amoxicillin 500")
    one, other = (opened(render(data, _JOB, engines=(engine,))) for engine in engines.ENGINES)
    assert max(ImageStat.Stat(ImageChops.difference(one, other)).mean) < 3


@pytest.mark.parametrize(
    "boxes",
    [
        {"MediaBox": [96, 64, 0, 0]},
        {"CropBox": [96, 64, 0, 0]},
        {"CropBox": [-500, -500, 14_400, 14_400]},
        {"CropBox": [0, 0, 0, 0]},
        {"CropBox": [1000, 1000, 1200, 1200]},
        {"CropBox": [96, 64, 200, 200]},
        {"CropBox": [0, 0, 96, 0.2]},
    ],
    ids=str,
)
def test_a_box_that_says_nothing_of_the_page_leaves_it_whole_on_screen_and_in_print(boxes):
    data = fixtures.edited(fixtures.vector_pdf(), **boxes)

    assert shows(pixels(data, "full/max/0/default.png"), CORNERS)
    assert shows(pixels(variant(data, "full/max/0/default.pdf").data, "full/max/0/default.png"), CORNERS)


def test_a_page_without_extent_is_refused():
    with pytest.raises(SourceDamaged):
        variant(fixtures.edited(fixtures.vector_pdf(), MediaBox=[0, 0, 0.2, 0.2]), "full/max/0/default.png")


def test_timings_name_the_phases():
    assert list(variant(fixtures.vector_pdf(), "full/max/0/default.jpg").timings) == [
        "open", "decode", "quality", "encode",
    ]  # fmt: skip


def test_the_nominal_size_follows_the_page():
    assert pages.nominal_size(595.276, 841.89) == Size(2480, 3508)
    assert pages.nominal_size(0.001, 0.001) == Size(1, 1)
