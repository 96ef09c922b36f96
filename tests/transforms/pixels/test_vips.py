"""libvips as second scaler: the same picture as Pillow's, only faster; and nothing changes where it is missing."""

import io

import pytest
from PIL import Image, ImageChops, ImageFilter, ImageStat

from tests.transforms import fixtures
from tests.transforms.rendering import opened, pixels, variant
from transforms.errors import SourceDamaged
from transforms.formats import SourceType
from transforms.geometry import Box, Size
from transforms.pixels import images, plan, vips
from transforms.render import RenderJob, render
from transforms.request.spec import Stored

needs_vips = pytest.mark.skipif(vips.library() is None, reason="pyvips is not installed")
FULL = Size(2400, 1800)


@pytest.fixture(scope="module")
def photo() -> bytes:
    noise = Image.effect_noise((FULL.width, FULL.height), 60).filter(ImageFilter.GaussianBlur(2))
    page = fixtures.page(25).resize(noise.size)
    return fixtures.jpeg(Image.blend(page, noise.convert("RGB"), 0.3), quality=85)


def todo(stored: str, redactions: tuple[Box, ...] = ()) -> plan.Plan:
    return plan.make(Stored.parse(stored), source=FULL, redactions=redactions)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ("full/1600,1200/0/default.jpg", True),
        ("full/1080,810/0/default.jpg", True),
        ("512,512,512,512/512,512/0/default.jpg", True),  # a tile: the rest need not be decoded
        ("full/1200,900/0/default.jpg", False),  # exactly half: nothing left to scale
        ("full/200,150/0/default.jpg", False),
        ("500,500,1000,1000/777,777/0/default.jpg", False),  # neighbours' pixels are needed at the edges
    ],
)
def test_it_is_used_where_it_pays(photo, stored, expected):
    assert vips.pays(images.open_image(photo, SourceType.JPEG), todo(stored)) is expected


def test_it_is_not_used_for_redactions_grey_or_other_formats(photo):
    stored = "full/1600,1200/0/default.jpg"
    jpeg = images.open_image(photo, SourceType.JPEG)
    assert not vips.pays(jpeg, todo(stored, (Box(0, 0, 9, 9),)))
    picture = Image.open(io.BytesIO(photo))
    gray = fixtures.jpeg(picture.convert("L"))
    assert not vips.pays(images.open_image(gray, SourceType.JPEG), todo(stored))
    assert not vips.pays(images.open_image(fixtures.png(picture), SourceType.PNG), todo(stored))


@needs_vips
@pytest.mark.parametrize(
    ("spec", "mean", "most"),
    [("full/1600,/0", 0.5, 12), ("full/1080,/90", 0.5, 12), ("600,300,512,512/max/180", 0, 0)],
)
def test_the_picture_is_the_same_as_without_it(photo, monkeypatch, spec, mean, most):
    with_it = pixels(photo, f"{spec}/default.png")
    monkeypatch.setattr(vips, "library", lambda: None)
    without = pixels(photo, f"{spec}/default.png")
    difference = ImageStat.Stat(ImageChops.difference(with_it, without))
    assert max(difference.mean) <= mean
    assert max(high for _, high in difference.extrema) <= most


@needs_vips
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_and_metadata_are_ours(photo, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    source = fixtures.save(Image.open(io.BytesIO(photo)), "JPEG", quality=85, exif=exif, comment=fixtures.SCRIPT)
    turned = orientation > 4
    rendered = variant(source, f"full/{',1600' if turned else '1600,'}/0/default.jpg")
    assert (rendered.width, rendered.height) == ((1200, 1600) if turned else (1600, 1200))
    assert fixtures.SCRIPT not in rendered.data
    assert "exif" not in opened(rendered).info


@needs_vips
def test_a_truncated_photo_is_refused_by_both(photo):
    job = RenderJob(SourceType.JPEG, 1, Stored.parse("full/1600,1200/0/default.jpg"), FULL)
    with pytest.raises(SourceDamaged):
        render(photo[: len(photo) // 2], job)
