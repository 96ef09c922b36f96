"""The sheet in a photo: found where it is, however the photo is stored, and not made up where there is none."""

import pytest
from PIL import Image
from PIL.Image import Transpose

from bench import no_papers, papers
from bench.overlap import iou, proxy_of
from transforms.geometry import Size
from transforms.measure import sheet
from transforms.measure.sheet import Sheet, Verdict

SEED = 2003  # nothing was fitted to it


def found_in(picture: Image.Image) -> Sheet | None:
    return sheet.find(proxy_of(picture, 1), Size(*picture.size))


@pytest.mark.parametrize("table", ["wood", "dark", "carpet"])
def test_a_paper_on_a_table_is_found_to_a_hundredth(table: str) -> None:
    photo = papers.photo(SEED, 1.5, table=table, effects=frozenset({"falling"}))

    found = found_in(photo.image)

    assert found
    assert found.verdict is Verdict.SURE
    assert iou(found.corners, photo.corners, photo.image.size) > 0.98


def test_however_the_photo_is_stored_the_corners_are_the_same_and_so_is_every_run() -> None:
    photo = papers.photo(SEED, 1.5, table="wood", effects=frozenset())
    page, upright = Size(*photo.image.size), proxy_of(photo.image, 1)
    expected = sheet.find(upright, page)
    assert expected
    assert sheet.find(upright, page) == expected
    back = {Transpose.ROTATE_90: Transpose.ROTATE_270, Transpose.ROTATE_270: Transpose.ROTATE_90}

    for turn in Transpose:
        stored = upright.transpose(back.get(turn, turn))
        found = sheet.find(stored, page, turn)
        assert found
        assert iou(found.corners, photo.corners, photo.image.size) > 0.98
        first = min(range(4), key=lambda at: sum(found.corners[at]))
        assert first == 0


def test_a_grey_photo_has_its_sheet_too() -> None:
    photo = papers.photo(SEED, 1.5, table="wood", effects=frozenset())

    found = found_in(photo.image.convert("L"))

    assert found
    assert iou(found.corners, photo.corners, photo.image.size) > 0.98


@pytest.mark.parametrize("kind", [kind for kind in no_papers.KINDS if kind != "carton"])
def test_where_there_is_no_sheet_none_is_taken(kind: str) -> None:
    found = found_in(no_papers.picture(kind, SEED))

    assert found is None or found.verdict is not Verdict.SURE


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (63, 64), (64, 64), (1000, 70), (300, 300)])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_picture_of_nothing_has_none(size: tuple[int, int], mode: str) -> None:
    assert sheet.find(Image.new(mode, size, 0), Size(*size)) is None
    assert sheet.find(Image.effect_noise(size, 60).convert(mode), Size(*size)) is None
