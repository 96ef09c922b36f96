"""The slope of a page's lines: found to half a degree on photos and scans, and not made up where there are none."""

import io

import pytest
from PIL import Image

from rxproject.local import samples
from transforms.formats import sniff
from transforms.measure import skew
from transforms.measure.probe import probe
from transforms.render import RenderJob, render
from transforms.request.spec import Spec


def small(data: bytes) -> Image.Image:
    found = probe(data)
    (size,) = found.pages
    stored = Spec.parse(skew.spec(size.width, size.height)).resolve(size)
    return Image.open(io.BytesIO(render(data, RenderJob(sniff(data), 1, stored, size)).data))


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("make", [samples.a4_scan, lambda seed: samples.phone_photo(seed, megapixels=1)])
def test_turning_a_page_turns_its_slope_by_as_much(make: object, seed: int) -> None:
    page = small(make(seed))  # type: ignore[operator]
    as_it_is = skew.slope(png(page))
    assert as_it_is is not None

    for degrees in (-5, 2, 4.5):
        turned = page.rotate(-degrees, Image.Resampling.BICUBIC, fillcolor=128)  # clockwise
        assert skew.slope(png(turned)) == pytest.approx(as_it_is + degrees, abs=0.5)


@pytest.mark.parametrize("image", [Image.new("L", (480, 640), 240), Image.linear_gradient("L").resize((480, 640))])
def test_a_page_without_lines_has_no_slope(image: Image.Image) -> None:
    assert skew.slope(png(image)) is None


def test_what_was_not_asked_for_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 640 pixels"):
        skew.slope(png(Image.new("L", (641, 8))))
    with pytest.raises(OSError, match="cannot identify"):
        skew.slope(b"no picture")


def test_it_asks_for_no_more_pixels_than_there_are() -> None:
    assert skew.spec(100, 80) == "full/!100,100/0/gray.png"
    assert skew.spec(3000, 4000) == "full/!640,640/0/gray.png"
