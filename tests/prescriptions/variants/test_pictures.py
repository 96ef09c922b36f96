"""The picture of a page: turned the way the reviewer set it, wherever it is shown."""

import pytest

from prescriptions.models import Page
from prescriptions.variants.pictures import Picture, is_advertised, picture, preset_of
from tests.prescriptions.faces import GIVING, MANIFEST, THUMB, Face, Reader, stored_forms_in, text_of
from transforms.request.presets import PRESETS
from transforms.request.spec import Spec, Stored


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("rotation", "width", "height"), [(0, 150, 200), (90, 200, 150), (180, 150, 200), (270, 200, 150)]
)
def test_a_picture_has_the_pixels_that_it_takes_on_the_screen(
    rotation: int, width: int, height: int, row: Page
) -> None:
    row.rotation = rotation

    shown = picture(row, "thumb", "t")

    assert shown == Picture(f"/iiif/3/t/{row.identifier}/full/150,200/{rotation}/default.webp", width, height)


@pytest.mark.django_db
def test_presets_of_a_turned_page_are_advertised_and_other_turns_are_not(row: Page) -> None:
    row.rotation = 90

    assert all(is_advertised(row, preset_of(row, name)) for name in PRESETS)
    assert is_advertised(row, Stored.parse("full/150,200/0/default.webp")), "info.json still names it"
    assert not is_advertised(row, Spec.parse("full/150,200/180/default.webp").resolve(row.size))


@pytest.mark.parametrize("face", [*GIVING.values(), MANIFEST], ids=[*GIVING, "manifest"])
def test_everybody_sees_a_page_the_way_its_reviewer_turned_it(face: Face, reader: Reader) -> None:
    answer = face.visit(reader)

    shown = stored_forms_in(answer, reader.rx)
    assert THUMB in shown
    assert {form.split("/")[2] for form in shown} == {"90"}
    # and where a picture is laid out, it has room for what will be seen
    text = text_of(answer)
    assert text.count(f'/{THUMB}"') == text.count(f'/{THUMB}" width="200" height="150"') or "<img" not in text
