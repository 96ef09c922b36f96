"""Whole-pixel arithmetic: rounding half up, boxes, and fitting one size into another."""

from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from transforms.geometry import Box, Size, fit, half_up

sides = st.integers(1, 20_000)
sizes = st.builds(Size, sides, sides)


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        (Fraction(0), 0),
        (Fraction(1, 2), 1),
        (Fraction(3, 2), 2),
        (Fraction(5, 2), 3),  # round() would say 2
        (Fraction(249_999, 100_000), 2),
        (Fraction(10**30 + 1, 2), (10**30 + 2) // 2),  # beyond what a float can tell apart
        (7, 7),
    ],
)
def test_half_rounds_up(value, rounded):
    assert half_up(value) == rounded


@pytest.mark.parametrize(
    ("box", "page", "clipped"),
    [
        (Box(10, 10, 20, 20), Size(100, 100), Box(10, 10, 20, 20)),
        (Box(90, 95, 20, 20), Size(100, 100), Box(90, 95, 10, 5)),
        (Box(0, 0, 500, 500), Size(100, 50), Box(0, 0, 100, 50)),
        (Box(100, 0, 1, 1), Size(100, 100), None),
        (Box(0, 100, 1, 1), Size(100, 100), None),
        (Box(5, 5, 0, 5), Size(100, 100), None),
    ],
)
def test_boxes_are_clipped_at_the_edges(box, page, clipped):
    assert box.clipped(page) == clipped


def test_intersection_is_what_both_cover():
    assert Box(0, 0, 10, 10).intersection(Box(5, 6, 10, 10)) == Box(5, 6, 5, 4)
    assert Box(0, 0, 10, 10).intersection(Box(10, 0, 5, 5)) is None


@pytest.mark.parametrize(
    ("degrees", "turned"),
    [(0, Size(3, 2)), (90, Size(2, 3)), (180, Size(3, 2)), (270, Size(2, 3))],
)
def test_a_quarter_turn_swaps_the_sides(degrees, turned):
    assert Size(3, 2).rotated(degrees) == turned


@pytest.mark.parametrize(
    ("size", "within", "fitted"),
    [
        (Size(2480, 3508), Size(200, 200), Size(141, 200)),
        (Size(2480, 3508), Size(1080, 1080), Size(764, 1080)),
        (Size(4032, 3024), Size(200, 200), Size(200, 150)),
        (Size(600, 400), Size(1080, 1080), Size(600, 400)),
        (Size(8000, 2), Size(200, 200), Size(200, 1)),
        (Size(2, 8000), Size(200, 200), Size(1, 200)),
        (Size(1, 1), Size(1, 1), Size(1, 1)),
    ],
)
def test_fit_keeps_the_shape_and_never_enlarges(size, within, fitted):
    assert fit(size, within) == fitted


@pytest.mark.parametrize(
    ("size", "area", "fitted"),
    [
        (Size(4000, 3000), 12_000_000, Size(4000, 3000)),
        (Size(8000, 6000), 12_000_000, Size(4000, 3000)),
        (Size(6000, 8000), 12_000_000, Size(3000, 4000)),
        (Size(4032, 3024), 12_000_000, Size(4000, 3000)),
        (Size(16_383, 1), 100, Size(100, 1)),
    ],
)
def test_fit_keeps_to_an_area(size, area, fitted):
    assert fit(size, size, area=area) == fitted


@settings(deadline=None)
@given(sizes, sizes, st.none() | st.integers(1, 30_000_000))
@example(Size(9248, 6936), Size(9248, 6936), 12_000_000)
def test_what_fits_is_inside_every_bound_and_as_large_as_rounding_allows(size, within, area):
    fitted = fit(size, within, area=area)

    assert 1 <= fitted.width <= min(size.width, within.width)
    assert 1 <= fitted.height <= min(size.height, within.height)
    assert area is None or fitted.area <= area
    if area is None:
        touches = fitted.width == within.width or fitted.height == within.height
        assert fitted == size or touches
    # Same shape: each side is within a pixel of the other side's proportion.
    long, short = (size.width, size.height) if size.width >= size.height else (size.height, size.width)
    got_long, got_short = (fitted.width, fitted.height) if size.width >= size.height else (fitted.height, fitted.width)
    assert abs(Fraction(got_long * short, long) - got_short) <= 1
