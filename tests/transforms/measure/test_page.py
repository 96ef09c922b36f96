"""What is measured of a page: in one pass, upright, in every format alike, and `enhanced` needs no second one."""

import io
import json
from dataclasses import replace

import pytest
from PIL import Image, ImageEnhance

from tests.transforms import fixtures
from tests.transforms.rendering import opened
from transforms.formats import sniff
from transforms.geometry import Size
from transforms.limits import LIMITS, Limits
from transforms.measure import page as paging
from transforms.measure import perceptual_hash
from transforms.measure.page import Measures
from transforms.measure.probe import measure, probe
from transforms.measure.sheet import Sheet
from transforms.render import RenderJob, render
from transforms.request.spec import Spec

MAKERS = (
    fixtures.jpeg, fixtures.png, fixtures.webp, fixtures.avif, fixtures.heic, fixtures.gray16, fixtures.cmyk,
    fixtures.vector_pdf,
)  # fmt: skip
SHEET = Sheet(((1.5, 2.0), (90.0, -3.0), (88.0, 120.5), (0.0, 119.0)), 0.97)
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def first(data: bytes, **options: bool) -> Measures:
    found = probe(data, **options).measures[0]
    assert found is not None
    return found


def test_all_turns_of_a_photo_are_one_page() -> None:
    upright = first(fixtures.oriented(1, "JPEG"))

    for orientation in range(2, 9):
        turned = first(fixtures.oriented(orientation, "JPEG"))
        assert perceptual_hash.distance(turned.likeness, upright.likeness) <= 3
        assert turned.skew == upright.skew


def test_a_dark_page_is_told_from_a_bright_one() -> None:
    page = fixtures.page(4)
    dark = first(fixtures.jpeg(ImageEnhance.Brightness(page).enhance(0.1)))

    assert dark.luminance < LIMITS.dark_luminance < first(fixtures.jpeg(page)).luminance


@pytest.mark.parametrize("quality", ["enhanced", "bitonal"])
@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_what_was_measured_at_intake_gives_the_pixels_that_measuring_anew_gives(make: object, quality: str) -> None:
    data = make()  # type: ignore[operator]
    size = probe(data).pages[0]
    stored = Spec.parse(f"pct:20,20,60,60/!150,150/0/{quality}.png").resolve(size)

    anew, known = (
        render(data, RenderJob(sniff(data), 1, stored, size, light=light)).data for light in (b"", first(data).light)
    )

    assert known == anew


def test_it_is_what_was_measured_that_counts() -> None:
    data, dark = fixtures.jpeg(), fixtures.jpeg(ImageEnhance.Brightness(fixtures.page(4)).enhance(0.3))
    stored = Spec.parse("full/max/0/enhanced.png").resolve(fixtures.PAGE)

    def rendered(light: bytes) -> bytes:
        return render(data, RenderJob(sniff(data), 1, stored, fixtures.PAGE, light=light)).data

    assert rendered(first(dark).light) != rendered(b"")
    # of another release, or not at all
    for light in (b"p0" + first(dark).light[2:], first(dark).light[:-9], b"nonsense"):
        assert rendered(light) == rendered(b"")


def test_the_thumbnail_is_the_preset_of_the_upright_page() -> None:
    data = fixtures.oriented(6, "JPEG")
    found = probe(data, thumbnail=True)

    assert probe(data).thumbnail == b""
    with Image.open(io.BytesIO(found.thumbnail)) as picture:
        stored = Spec.parse("full/!200,200/0/default.webp").resolve(found.pages[0])
        assert picture.format == "WEBP"
        assert picture.size == (stored.size.width, stored.size.height)
        assert picture.getpixel((10, 10)) == pytest.approx(
            opened(render(data, RenderJob(sniff(data), 1, stored, found.pages[0]))).getpixel((10, 10)), abs=24
        )


def test_a_long_document_is_measured_as_far_as_there_is_time() -> None:
    data = fixtures.vector_pdf(3)
    hasty = probe(data, limits=Limits(intake_seconds=0))
    patient = probe(data, limits=Limits(intake_seconds=60))

    assert [found is not None for found in hasty.measures] == [True, False, False]
    assert None not in patient.measures
    assert [found is not None for found in probe(data, first_only=True).measures] == [True, False, False]
    # and the rest of it later, with the same result
    rest = [(2, hasty.pages[1]), (3, hasty.pages[2])]
    assert measure(data, hasty.media_type, rest) == patient.measures[1:]
    assert len(measure(data, hasty.media_type, rest, limits=Limits(sweep_seconds=0))) == 1


@pytest.mark.parametrize("size", [Size(1, 1), Size(3000, 1), Size(1, 3000), Size(8, 900)])
def test_a_page_of_any_shape_can_be_measured(size: Size) -> None:
    found = paging.measure(Image.new("RGB", (size.width, size.height), "white"), size)

    assert (found.likeness, found.luminance, found.skew, found.sheet) == ("", 255, None, None)


def test_it_survives_json_and_lies_do_not() -> None:
    found = replace(first(fixtures.jpeg()), sheet=SHEET)
    fields = json.loads(json.dumps(found.as_fields()))

    assert Measures.of_fields(fields) == found
    corners = fields["sheet"]["corners"]
    older = {name: value for name, value in fields.items() if name != "sheet"}
    assert Measures.of_fields(older) == replace(found, sheet=None)
    for name, lie in (
        ("likeness", "x" * 64), ("likeness", None), ("luminance", 256), ("luminance", True), ("skew", float("nan")),
        ("skew", 180), ("skew", 10**400), ("skew", "1"), ("light", "A" * 100_000), ("light", "?"), ("light", None),
        ("sheet", {}), ("sheet", {"corners": corners, "confidence": 2}),
        ("sheet", {"corners": "0000", "confidence": 1}), ("sheet", {"corners": corners[:3], "confidence": 1}),
        ("sheet", {"corners": [*corners[:3], 0], "confidence": 1}),
        ("sheet", {"corners": [[0, float("inf")]] * 4, "confidence": 1}),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            Measures.of_fields({**fields, name: lie})
    for lie in (None, [], {}, {**fields, "more": 1}):
        with pytest.raises(ValueError):
            Measures.of_fields(lie)
