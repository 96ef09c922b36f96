"""The perceptual hash: nearly the same for near-copies, another for other pages, none where nothing can be told."""

from PIL import Image, ImageEnhance

from tests.transforms import fixtures
from transforms.measure import perceptual_hash
from transforms.measure.probe import probe


def measured(image: Image.Image, **options: object) -> str:
    (found,) = probe(fixtures.jpeg(image, **options)).measures
    assert found is not None
    return found.likeness


def test_near_copies_differ_in_few_bits_and_other_pages_in_many() -> None:
    page = fixtures.page(8)
    first = measured(page)
    copies = [
        measured(page, quality=60),
        measured(page.resize((500, 333))),
        measured(ImageEnhance.Brightness(page).enhance(0.8)),
    ]
    other = measured(page.transpose(Image.Transpose.ROTATE_90))

    assert len(first) == 64
    assert max(perceptual_hash.distance(first, copy) for copy in copies) <= 12
    assert perceptual_hash.distance(first, other) > 12


def test_a_page_with_fewer_pixels_than_bits_has_none() -> None:
    assert perceptual_hash.measure(Image.new("L", (17, 16))) == "0" * 64
    assert perceptual_hash.measure(Image.new("L", (300, 15))) == ""
