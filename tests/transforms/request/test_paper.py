"""The sheet in a page: which four points can be its corners, how large it is, and its name."""

import math
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from transforms.geometry import Size
from transforms.request.paper import CornersRefused, Paper, Wrong, turned

PAGE = Size(3000, 4000)
CORNERS = ((300.0, 400.0), (2700.0, 420.0), (2650.0, 3600.0), (350.0, 3550.0))
NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.integers() | st.booleans() | st.text(max_size=2)
SOME = st.integers(-600, 4600) | st.floats(-600, 4600) | NUMBERS


def refused(corners: Any, page: Size = PAGE) -> Wrong:
    with pytest.raises(CornersRefused) as caught:
        Paper.of(corners, page)
    return caught.value.why


def test_a_sheet_is_as_large_as_its_longest_sides_and_named_by_corners_and_size() -> None:
    paper = Paper.of([[10, 20], [110, 20], [110, 220], [10, 220]], Size(120, 300))

    assert paper == Paper(((10.0, 20.0), (110.0, 20.0), (110.0, 220.0), (10.0, 220.0)), Size(100, 200))
    assert paper.digest == "eea49ed7"


def test_a_tenth_of_a_pixel_is_another_sheet_and_less_is_the_same() -> None:
    (x, y), *rest = CORNERS
    paper = Paper.of(CORNERS, PAGE)

    assert Paper.of([(x + 0.04, y - 0.04), *rest], PAGE) == paper
    assert Paper.of([(x + 0.1, y), *rest], PAGE).digest != paper.digest
    assert Paper.of([(-0.04, -0.0), *rest], PAGE).digest == Paper.of([(0, 0), *rest], PAGE).digest


def test_a_sheet_turned_four_times_is_the_same_and_each_turn_has_a_name() -> None:
    papers = [Paper.of(turned(CORNERS, quarters), PAGE) for quarters in range(4)]

    assert len({paper.digest for paper in papers}) == 4
    assert turned(turned(CORNERS, 1), 3) == CORNERS
    assert papers[1].corners[0] == CORNERS[3]  # what was left is on top
    assert papers[1].size == Size(papers[0].size.height, papers[0].size.width)


@pytest.mark.parametrize(
    ("corners", "why"),
    [
        (None, Wrong.POINTS),
        ("abcd", Wrong.POINTS),
        (CORNERS[:3], Wrong.POINTS),
        ((*CORNERS, CORNERS[0]), Wrong.POINTS),
        (((1, 2, 3), *CORNERS[1:]), Wrong.POINTS),
        (((True, 0), *CORNERS[1:]), Wrong.POINTS),
        (((math.nan, 0), *CORNERS[1:]), Wrong.POINTS),
        (((math.inf, 0), *CORNERS[1:]), Wrong.POINTS),
        (((10**400, 0), *CORNERS[1:]), Wrong.POINTS),
        (((-401, 400), *CORNERS[1:]), Wrong.OUTSIDE),
        (((300, 400), (2700, 420), (2650, 4401), (350, 3550)), Wrong.OUTSIDE),
        ((CORNERS[0], CORNERS[0], CORNERS[2], CORNERS[3]), Wrong.CROSSED),
        ((CORNERS[0], CORNERS[2], CORNERS[1], CORNERS[3]), Wrong.CROSSED),
        (CORNERS[::-1], Wrong.CROSSED),
        (((0, 0), (1000, 0), (2000, 0), (0, 2000)), Wrong.CROSSED),
        (((0, 0), (1000, 0), (300, 300), (0, 1000)), Wrong.CROSSED),
        (((0, 0), (31, 0), (31, 400), (0, 400)), Wrong.SMALL),
        (((0, 500), (1500, 350), (3000, 500), (1500, 650)), Wrong.STEEP),
        (((1000, 0), (1100, 0), (2500, 3000), (0, 3000)), Wrong.STEEP),
    ],
)
def test_what_is_no_sheet_is_refused_and_says_why(corners: Any, why: Wrong) -> None:
    assert refused(corners) is why


@given(
    corners=st.lists(st.lists(SOME, max_size=3), max_size=5),
    sides=st.tuples(st.integers(1, 4000), st.integers(1, 4000)),
)
def test_whatever_is_sent_is_a_sheet_or_is_refused(corners: Any, sides: tuple[int, int]) -> None:
    try:
        paper = Paper.of(corners, Size(*sides))
    except CornersRefused:
        return
    assert Paper.of(paper.corners, Size(*sides)) == paper
    assert min(paper.size.width, paper.size.height) >= 1


@given(st.lists(st.tuples(st.integers(-400, 600), st.integers(-400, 600)), min_size=4, max_size=4))
def test_a_sheet_that_is_turned_is_as_large_as_before(moved: Any) -> None:
    around = ((300, 400), (2700, 400), (2700, 3600), (300, 3600))
    points = [(x + across, y + down) for (x, y), (across, down) in zip(around, moved, strict=True)]
    try:
        paper = Paper.of(points, PAGE)
    except CornersRefused:
        assume(False)
        raise
    size = paper.size
    for quarters in range(1, 4):
        again = Paper.of(turned(paper.corners, quarters), PAGE).size.rotated(90 * quarters)
        assert abs(size.width - again.width) <= 1
        assert abs(size.height - again.height) <= 1


@pytest.mark.parametrize("page", [Size(3000, 4000), Size(4000, 3000), Size(2160, 3840)])
@pytest.mark.parametrize("axis", [0.0, 0.7, 1.6])
def test_a_tilted_sheet_of_a4_has_the_shape_of_a4(page: Size, axis: float) -> None:
    """By the corners of a pinhole camera whose focal length nobody tells."""
    focal, tilt = 0.75 * max(page.width, page.height), math.radians(20)
    seen = []
    for x, y in ((-105, -148.5), (105, -148.5), (105, 148.5), (-105, 148.5)):
        # About an axis in the plane of the sheet.
        across, along = x * math.cos(axis) + y * math.sin(axis), -x * math.sin(axis) + y * math.cos(axis)
        deep = along * math.sin(tilt)
        along *= math.cos(tilt)
        x, y = across * math.cos(axis) - along * math.sin(axis), across * math.sin(axis) + along * math.cos(axis)
        scale = focal / (460 * max(1.0, 0.75 * max(page.width, page.height) / min(page.width, page.height)) + deep)
        seen.append((page.width / 2 + x * scale, page.height / 2 + y * scale))

    size = Paper.of(seen, page).size

    assert abs(size.width / size.height / (210 / 297) - 1) < 0.01
    (a, b, c, d) = seen
    sides = (math.dist(a, b) + math.dist(d, c)) / (math.dist(a, d) + math.dist(b, c))
    assert abs(sides / (210 / 297) - 1) > 0.01, "its sides alone would not tell"


def test_where_a_photo_was_cropped_its_sides_are_all_there_is() -> None:
    corners = ((100, 100), (900, 150), (850, 1100), (120, 1000))
    size = Paper.of(corners, Size(1000, 1210)).size
    a, b, c, d = corners
    sides = (math.dist(a, b) + math.dist(d, c)) / (math.dist(a, d) + math.dist(b, c))

    assert abs(size.width / size.height / sides - 1) < 0.002
