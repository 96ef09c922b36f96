"""Presets, advertised sizes and tiles: all of them servable, and known as ours when they are asked for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.geometry import Size
from transforms.limits import LIMITS
from transforms.request.presets import PRESETS, advertised_sizes, is_advertised, preset, scale_factors, tiles
from transforms.request.spec import Spec, Stored

A4 = Size(2480, 3508)
PHOTO = Size(4032, 3024)
SMALL = Size(600, 400)

pages = st.builds(Size, st.integers(1, LIMITS.source_side), st.integers(1, LIMITS.source_side)).filter(
    lambda page: page.area <= LIMITS.source_pixels
)


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (
            A4,
            {
                "thumb": "full/141,200/0/default.webp",
                "card": "full/283,400/0/default.webp",
                "preview": "full/764,1080/0/default.webp",
                "review": "full/1448,2048/0/default.webp",
                "print": "full/2480,3508/0/default.pdf",
            },
        ),
        (
            SMALL,
            {
                "thumb": "full/200,133/0/default.webp",
                "card": "full/400,267/0/default.webp",
                "preview": "full/600,400/0/default.webp",
                "review": "full/600,400/0/default.webp",
                "print": "full/600,400/0/default.pdf",
            },
        ),
    ],
)
def test_each_preset_has_its_stored_form(page, expected):
    assert {name: str(preset(name, page)) for name in PRESETS} == expected


def test_an_unknown_preset_is_a_key_error():
    with pytest.raises(KeyError):
        preset("poster", A4)


@pytest.mark.parametrize(
    ("page", "sizes"),
    [
        (A4, [(141, 200), (283, 400), (764, 1080), (1448, 2048), (2480, 3508)]),
        (SMALL, [(200, 133), (400, 267), (600, 400)]),
        (Size(1, 1), [(1, 1)]),
        (Size(8000, 2), [(200, 1), (400, 1), (1080, 1), (2048, 1), (8000, 2)]),
    ],
)
def test_advertised_sizes_ascend_without_repetition_up_to_the_page(page, sizes):
    assert advertised_sizes(page) == tuple(Size(*size) for size in sizes)


@pytest.mark.parametrize(
    ("page", "factors"),
    [
        (SMALL, (1, 2)),
        (A4, (1, 2)),
        (Size(4096, 4096), (1, 2)),
        (Size(4097, 1), (1, 2, 4)),
        (Size(8192, 6144), (1, 2, 4)),
        (Size(16_383, 3000), (1, 2, 4, 8)),
    ],
)
def test_scale_factors_go_on_until_one_tile_shows_the_page(page, factors):
    assert scale_factors(page) == factors


def test_an_a4_page_is_five_tiles():
    assert [(str(box) if box else "full", str(size)) for box, size in tiles(A4)] == [
        ("0,0,2048,2048", "2048,2048"),
        ("2048,0,432,2048", "432,2048"),
        ("0,2048,2048,1460", "2048,1460"),
        ("2048,2048,432,1460", "432,1460"),
        ("full", "1240,1754"),
    ]


def test_an_uneven_page_has_its_last_pixel_in_the_tiles():
    assert list(tiles(Size(2481, 3509)))[-1] == (None, Size(1241, 1755))


@settings(deadline=None, max_examples=60)
@given(pages, st.sampled_from(["reject", "fit"]))
def test_everything_advertised_can_be_had_under_exactly_that_name(page, oversize):
    wanted = [(None, size) for size in advertised_sizes(page)] + list(tiles(page))
    for box, size in wanted:
        text = f"{box or 'full'}/{size}/0/default.jpg"
        stored = Spec.parse(text).resolve(page, oversize=oversize)

        assert str(stored) == text
        stored.fits(page)
        assert is_advertised(stored, page)


@settings(deadline=None, max_examples=60)
@given(pages)
def test_the_tiles_of_each_factor_cover_the_page_once(page):
    boxes = list(tiles(page))
    for factor in scale_factors(page):
        step = LIMITS.tile_side * factor
        count = -(-page.width // step) * -(-page.height // step)
        level, boxes = boxes[:count], boxes[count:]
        assert sum(box.size.area if box else page.area for box, _ in level) == page.area
        assert max(max(size.width, size.height) for _, size in level) <= LIMITS.tile_side
    assert boxes == []


@pytest.mark.parametrize(
    "text",
    [
        "full/141,200/0/default.webp",
        "full/2480,3508/0/default.pdf",
        "full/764,1080/0/enhanced.webp",
        "full/764,1080/0/redacted-0123abcd.jpg",
        "2048,2048,432,1460/432,1460/0/default.jpg",
        "full/1240,1754/0/gray.webp",
    ],
)
def test_what_we_invite_viewers_to_ask_for_is_advertised(text):
    assert is_advertised(Stored.parse(text), A4)


@pytest.mark.parametrize(
    "text",
    [
        "full/142,200/0/default.webp",
        "full/141,200/90/default.webp",
        "full/141,200/0/default.png",
        "full/141,200/0/default.pdf",
        "full/2480,3508/0/gray.pdf",
        "1,0,2048,2048/2048,2048/0/default.webp",
        "0,0,2048,2048/1024,1024/0/default.webp",
        "0,0,1024,1024/1024,1024/0/default.webp",
    ],
)
def test_everything_else_counts_against_the_quota(text):
    assert not is_advertised(Stored.parse(text), A4)


def test_the_number_of_advertised_variants_of_a_page_is_bounded():
    largest = Size(8062, 8062)  # 65 MP
    assert len(set(tiles(largest)) | {(None, size) for size in advertised_sizes(largest)}) == 26
    assert len(set(tiles(PHOTO))) == 5
