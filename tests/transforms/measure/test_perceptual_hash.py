"""The perceptual hash: nearly the same for near-copies, another for other pages, of the picture it asks for alone."""

import io

import pytest
from PIL import Image, ImageEnhance

from tests.transforms import fixtures
from tests.transforms.rendering import variant
from transforms.measure import perceptual_hash


def measured(image: Image.Image, **options: object) -> perceptual_hash.PerceptualHash:
    return perceptual_hash.measure(variant(fixtures.jpeg(image, **options), perceptual_hash.SPEC).data)


def test_near_copies_differ_in_few_bits_and_other_pages_in_many() -> None:
    page = fixtures.page(8)
    first = measured(page)
    copies = [
        measured(page, quality=60),
        measured(page.resize((500, 333))),
        measured(ImageEnhance.Brightness(page).enhance(0.8)),
    ]
    other = measured(page.transpose(Image.Transpose.ROTATE_180))

    assert len(first.bits) == 64
    assert max(perceptual_hash.distance(first.bits, copy.bits) for copy in copies) <= 12
    assert perceptual_hash.distance(first.bits, other.bits) > 12
    assert copies[2].luminance < first.luminance


def test_any_other_picture_is_refused() -> None:
    out = io.BytesIO()
    Image.new("L", (17, 17)).save(out, "PNG")
    with pytest.raises(ValueError, match="17 x 16 pixels, not 17 x 17"):
        perceptual_hash.measure(out.getvalue())
    with pytest.raises(OSError, match="cannot identify"):
        perceptual_hash.measure(b"no picture")
