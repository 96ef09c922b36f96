"""CMYK in JPEG: read as browsers do, which take every one for inverted, unless a page of paper would come out black."""

import itertools

import pytest
from PIL import Image, ImageChops, ImageCms, ImageDraw, ImageStat

from tests.transforms import fixtures
from tests.transforms.rendering import pixels
from transforms.geometry import Box

ADOBE = 0xEE
SIDE = 320
NEAR = 12  # levels, with hard edges between strong colours; the wrong reading is 200 off
QUALITIES = ("default", "color", "gray", "enhanced", "bitonal", "redacted")


def paper() -> Image.Image:
    """A light page with black print and a red and a blue stamp."""
    page = Image.new("RGB", (SIDE, SIDE), (244, 240, 228))
    draw = ImageDraw.Draw(page)
    for row in range(40, 280, 20):
        draw.rectangle((30, row, 200, row + 5), fill=(20, 20, 24))
    draw.ellipse((220, 40, 300, 120), fill=(190, 30, 40))
    draw.ellipse((220, 180, 300, 260), fill=(30, 40, 170))
    return page


def separated(page: Image.Image) -> Image.Image:
    """As a press wants it: what the three inks have in common is printed in black."""
    cyan, magenta, yellow = ImageChops.invert(page).split()
    black = ImageChops.darker(ImageChops.darker(cyan, magenta), yellow)
    return Image.merge("CMYK", (*(ImageChops.subtract(ink, black) for ink in (cyan, magenta, yellow)), black))


def stored(*, inverted: bool, marker: bytes | None, icc: bytes = b"") -> bytes:
    """Pillow inverts what it writes, and writes no Adobe marker for CMYK by itself."""
    page = separated(paper())
    data = fixtures.jpeg(page if inverted else ImageChops.invert(page), quality=95, icc_profile=icc)
    data = fixtures.without_segment(data, ADOBE)
    return data if marker is None else fixtures.with_segment(data, ADOBE, marker)


SOURCES = {
    "Adobe's": stored(inverted=True, marker=b"Adobe\0\x64\0\0\0\0\0"),
    "inverted without a marker": stored(inverted=True, marker=None),
    "as it is, without a marker": stored(inverted=False, marker=None),
    "with a profile that cannot be read": stored(inverted=True, marker=None, icc=b"CMYK?" * 40),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("size", ["max", "200,200", "160,160", "80,80", "40,40", "31,31"])
def test_a_page_is_light_at_every_size(source: bytes, size: str) -> None:
    found = pixels(source, f"full/{size}/0/default.png").convert("RGB")

    expected = paper().resize(found.size, Image.Resampling.LANCZOS)
    assert max(ImageStat.Stat(ImageChops.difference(found, expected)).mean) < NEAR


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("quality", QUALITIES)
def test_all_tiles_agree_with_their_page_even_those_of_nothing_but_ink(source: bytes, quality: str) -> None:
    spec, boxes = f"0/{quality}.png", (Box(0, 0, 8, 8),)
    whole = pixels(source, f"full/max/{spec}", redactions=boxes).convert("RGB")

    joined = Image.new("RGB", whole.size)
    for x, y in itertools.product(range(0, SIDE, 80), range(0, SIDE, 80)):
        tile = pixels(source, f"{x},{y},80,80/max/{spec}", redactions=boxes)
        joined.paste(tile.convert("RGB"), (x, y))

    assert max(high for _, high in ImageChops.difference(whole, joined).getextrema()) <= 2
    assert pixels(source, f"225,60,40,40/max/{spec}", redactions=boxes).convert("L").getextrema()[1] < 160
    if quality == "redacted":
        assert whole.crop((0, 0, 8, 8)).getextrema() == ((0, 0),) * 3


def test_a_dark_picture_is_read_as_browsers_read_it() -> None:
    """Which of two dark readings is right, nobody knows."""
    page = Image.new("CMYK", (64, 64), (90, 60, 60, 120))
    data = fixtures.without_segment(fixtures.jpeg(page), ADOBE)

    found = pixels(data, "full/max/0/default.png")

    assert found.getpixel((9, 9)) == pytest.approx(page.convert("RGB").getpixel((9, 9)), abs=3)


def test_ycck_is_what_its_marker_says() -> None:
    """Luminance and black, as Photoshop stores it: transform 2."""
    cyan, magenta, yellow, black = separated(paper()).split()
    luma = Image.merge("RGB", (cyan, magenta, yellow)).convert("YCbCr")
    # Pillow inverts all four; only black is stored so.
    page = Image.merge("CMYK", (*ImageChops.invert(luma).split(), black))
    data = fixtures.without_segment(fixtures.jpeg(page, quality=95), ADOBE)
    data = fixtures.with_segment(data, ADOBE, b"Adobe\0\x64\0\0\0\0\2")

    found = pixels(data, "full/160,160/0/default.png").convert("RGB")

    expected = paper().resize(found.size, Image.Resampling.LANCZOS)
    assert max(ImageStat.Stat(ImageChops.difference(found, expected)).mean) < NEAR


def test_a_profile_of_another_colour_space_is_not_applied() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    found = pixels(stored(inverted=True, marker=None, icc=profile), "full/max/0/default.png")

    assert max(ImageStat.Stat(ImageChops.difference(found, paper())).mean) < NEAR
