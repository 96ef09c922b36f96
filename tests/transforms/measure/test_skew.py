"""The slope of a page's lines: found to half a degree on photos and scans, and not made up where there are none."""

import io

import pytest
from PIL import Image, ImageOps

from rxproject.local import samples
from transforms.measure import skew


def grey(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        page = ImageOps.exif_transpose(image).convert("L")
    page.thumbnail((640, 640))
    return page


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("make", [samples.a4_scan, lambda seed: samples.phone_photo(seed, megapixels=1)])
def test_turning_a_page_turns_its_slope_by_as_much(make: object, seed: int) -> None:
    page = grey(make(seed))  # type: ignore[operator]
    as_it_is = skew.slope(page)
    assert as_it_is is not None

    for degrees in (-5, 2, 4.5):
        turned = page.rotate(-degrees, Image.Resampling.BICUBIC, fillcolor=128)  # clockwise
        assert skew.slope(turned) == pytest.approx(as_it_is + degrees, abs=0.5)


@pytest.mark.parametrize("image", [Image.new("L", (480, 640), 240), Image.linear_gradient("L").resize((480, 640))])
def test_a_page_without_lines_has_no_slope(image: Image.Image) -> None:
    assert skew.slope(image) is None
