"""Looking at pages: the first view, turning, adjusting, comparing, moving; for everybody."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, PHONE, OpenPage, check_accessible
from tests.browser.viewer.shown import PLAIN, Show, Shown
from tests.browser.viewer_site import RX, SIZES


@PLAIN
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_first_page_fills_its_stage_with_one_request(show: Show, size: dict[str, int], plain: bool) -> None:
    shown = show(viewport=size, plain=plain)

    left, top, right, bottom = shown.corners()
    width, height = shown.js(
        "(stage => [stage.clientWidth, stage.clientHeight])(document.querySelector('[data-stage]'))"
    )
    assert min(left, top) == pytest.approx(8, abs=0.6)
    assert (left + right, top + bottom) == (pytest.approx(width, abs=1), pytest.approx(height, abs=1))
    assert shown.asked == [f"/iiif/3/t1/{RX}_1/full/1448,2048/0/default.webp"]
    assert shown.events("shown") == [{"number": 1}]


@PLAIN
def test_nothing_jumps_when_the_script_takes_over(
    show: Show, open_page: OpenPage, viewer_host: str, plain: bool
) -> None:
    still = open_page(viewer_host + "/viewer/", java_script_enabled=False)
    box = still.locator("[data-first]").bounding_box()
    assert box is not None

    shown = show(plain=plain)

    left, top, right, bottom = shown.corners()
    stage = shown.page.locator("[data-stage]").first.bounding_box()
    assert stage is not None
    ratio = SIZES[1].width / SIZES[1].height
    assert stage["y"] + top == pytest.approx(box["y"], abs=1)
    assert bottom - top == pytest.approx(box["height"], abs=1)
    assert right - left == pytest.approx(box["height"] * ratio, abs=1)


@PLAIN
def test_the_page_keeps_fitting_until_somebody_zooms(show: Show, plain: bool) -> None:
    shown = show(plain=plain)
    assert shown.js("viewer.percent") == 19

    shown.page.set_viewport_size({"width": 1280, "height": 1000})
    expect(shown.page.locator("[data-percent]")).to_have_text("27\u202f%")
    shown.page.get_by_role("button", name="Zoom in").click()
    zoomed = shown.js("viewer.percent")
    shown.page.set_viewport_size(DESKTOP)
    shown.ready()

    assert shown.js("viewer.percent") == zoomed == 33
    assert shown.events("zoom")[-1] == {"percent": 33}
    expect(shown.page.get_by_role("status")).to_have_text("Zoom 33 %")


def test_the_page_whose_picture_is_in_the_markup_is_the_first_one(show: Show) -> None:
    shown = show(query="?shown=2")

    assert shown.events("shown") == [{"number": 2}]
    assert shown.asked == [f"/iiif/3/t1/{RX}_2/full/2048,1365/90/default.webp"]
    left, top, right, bottom = shown.corners()
    assert (bottom - top) / (right - left) == pytest.approx(1.5, abs=0.01)


@PLAIN
def test_pages_change_and_never_show_one_under_the_number_of_another(show: Show, plain: bool) -> None:
    shown = show(plain=plain)
    shown.page.route("**_2/**", lambda route: None)  # never answered

    assert shown.js("viewer.show(2)") is True
    assert shown.js("viewer.show(9)") is False

    assert shown.js("viewer.number") == 2
    assert shown.events("shown") == [{"number": 1}, {"number": 2}]
    expect(shown.page.get_by_role("img", name="Page 2 of 3")).to_be_visible()
    expect(shown.page.get_by_role("status")).to_have_text("Page 2 of 3")
    assert shown.js("document.querySelector('[data-stage] img').src") == ""
    expect(shown.page.locator("[data-main]")).to_have_class("viewer-pane busy")


@PLAIN
def test_turning_is_kept_and_told_and_the_page_fits_again(show: Show, plain: bool) -> None:
    shown = show(plain=plain)
    upright = shown.corners()

    shown.page.get_by_role("button", name="Turn right").click()
    turned = shown.corners()
    shown.js("viewer.show(2)")
    shown.ready()
    saved = shown.corners()
    shown.page.get_by_role("button", name="Turn left").click()

    assert turned[2] - turned[0] > turned[3] - turned[1]
    assert upright[2] - upright[0] < upright[3] - upright[1]
    assert saved[2] - saved[0] < saved[3] - saved[1]  # a wide page whose saved turn is 90 degrees
    assert shown.events("rotated") == [{"number": 1, "rotation": 90}, {"number": 2, "rotation": 0}]
    shown.js("viewer.show(1)")
    shown.ready()
    assert shown.corners() == pytest.approx(turned, abs=1)


def _filters(shown: Shown) -> list[str]:
    found: list[str] = shown.js("[...document.querySelectorAll('[data-stage] img, canvas')].map(e => e.style.filter)")
    return found


@PLAIN
def test_adjustments_change_the_view_and_nothing_else(show: Show, plain: bool) -> None:
    shown, page = show(plain=plain), None
    page = shown.page
    count = len(shown.asked)

    page.get_by_label("Brightness").fill("150")
    page.get_by_label("Contrast").fill("80")
    page.get_by_text("More tools").locator("..").click()
    page.get_by_role("button", name="Invert colours").click()
    page.get_by_role("button", name="Sharpen").click()
    expect(page.get_by_text("change only your view").first).to_be_visible()
    given = _filters(shown)[: 1 if plain else 2]
    page.get_by_role("button", name="Straighten by 4°").click()
    straightened = shown.js("viewer.boxLayer.pane.view.degrees")
    page.get_by_role("button", name="Reset the view").click()

    expected = 'brightness(1.5) contrast(0.8) invert(1) url("#viewer-sharpen")'
    assert given == [expected] * (1 if plain else 2)
    assert straightened == pytest.approx(-4)
    assert shown.js("viewer.boxLayer.pane.view.degrees") == pytest.approx(0)
    assert set(_filters(shown)) == {""}
    assert page.get_by_label("Brightness").input_value() == "100"
    assert len(shown.asked) == count
    assert shown.events("rotated") == []
    shown.js("viewer.show(2)")
    expect(page.locator("[data-do=straighten]")).to_be_disabled()
    expect(page.locator("[data-do=straighten]")).to_have_text("Straighten: not tilted")


@PLAIN
def test_two_pages_side_by_side(show: Show, plain: bool) -> None:
    shown = show(plain=plain)

    shown.page.get_by_role("button", name="Compare").click()
    shown.ready()

    expect(shown.page.get_by_role("img", name="Page 1 of 3")).to_be_visible()
    expect(shown.page.get_by_role("img", name="Page 2 of 3")).to_be_visible()
    left, _, right, _ = shown.corners()
    assert right - left == pytest.approx(411 - 16, abs=2)
    shown.js("viewer.compare({ ...pages[2], label: 'An earlier one' })")
    shown.ready()
    expect(shown.page.get_by_role("img", name="An earlier one")).to_be_visible()
    shown.page.get_by_role("button", name="Compare").click()
    expect(shown.page.locator("[data-second]")).to_be_hidden()
    shown.ready()
    assert shown.js("viewer.percent") == 19


@PLAIN
def test_wheel_drag_and_buttons_move_and_zoom(show: Show, plain: bool) -> None:
    shown = show(plain=plain)
    page = shown.page

    page.locator("[data-stage]").first.hover()
    page.mouse.wheel(0, -300)
    page.wait_for_function("viewer.percent > 19")
    before = shown.corners()
    shown.drag((500, 400), (560, 430))
    page.wait_for_function(
        "left => document.querySelector('[data-stage] img').getBoundingClientRect().left - 96 > left + 50",
        arg=before[0],
    )
    dragged = shown.corners()
    shown.js("viewer.pan(-60, 0)")
    panned = shown.corners()
    page.get_by_role("button", name="Page width").press("Enter")
    wide = shown.corners()
    page.get_by_role("button", name="Whole page").press("Enter")

    assert [b - a for a, b in zip(before, dragged, strict=True)] == pytest.approx([60, 30, 60, 30], abs=1)
    assert panned[0] - dragged[0] == pytest.approx(-60, abs=1)
    assert (wide[0], wide[1]) == (pytest.approx(8, abs=1), pytest.approx(8, abs=1))
    assert shown.js("viewer.percent") == 19


@PLAIN
def test_two_fingers_zoom(show: Show, plain: bool) -> None:
    shown = show(viewport=PHONE, has_touch=True, is_mobile=True, plain=plain)
    before = shown.js("viewer.percent")
    touch = shown.page.context.new_cdp_session(shown.page)

    def fingers(kind: str, *xs: int) -> None:
        points = [{"x": x, "y": 300, "id": at} for at, x in enumerate(xs)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", 170, 220)
    for gap in (40, 60, 80, 100):
        fingers("touchMove", 195 - gap, 195 + gap)
    fingers("touchEnd")

    shown.page.wait_for_function("before => viewer.percent > 2 * before", arg=before)


@pytest.mark.long
@PLAIN
def test_the_viewer_is_accessible_and_its_bar_never_wraps(show: Show, plain: bool) -> None:
    shown = show(plain=plain)
    bar = "(bar => [bar.scrollWidth <= bar.clientWidth, bar.offsetHeight < 60])(document.querySelector('[data-tools]'))"

    check_accessible(shown.page)
    shown.page.set_viewport_size(DESKTOP)
    shown.ready()
    assert shown.js(bar) == [True, True]
    shown.js("document.querySelector('summary').click()")
    check_accessible(shown.page)
    shown.js(
        "viewer.redact(true); viewer.setBoxes([[100, 100, 900, 300], [1000, 2000, 900, 300]]); viewer.compare(pages[2])"
    )
    shown.ready()
    check_accessible(shown.page)
    shown.page.set_viewport_size(PHONE)
    shown.ready()
    assert shown.js(bar) == [True, True]
    shown.js("viewer.compare(null); viewer.do('help')")
    check_accessible(shown.page)


def test_motion_is_for_those_who_want_it(show: Show) -> None:
    for motion, expected in (("reduce", 0), ("no-preference", 0.3)):
        shown = show(reduced_motion=motion)

        assert shown.js("viewer.boxLayer.pane.osd.animationTime") == expected


def test_the_script_leaves_nothing_behind_and_starts_again(show: Show) -> None:
    shown = show()
    before = "document.querySelectorAll('style, [data-openseadragon-mobile-css]').length"
    assert shown.js(before) == 0

    shown.js("viewer.redact(true); viewer.do('add'); viewer.compare(pages[1]); viewer.destroy()")

    assert shown.js("document.querySelectorAll('[data-stage] > *').length") == 2
    assert shown.js("document.querySelectorAll('canvas, .viewer-boxes, [data-boxes] li, .viewer.ready').length") == 0
    count = len(shown.events("rotated"))
    shown.js("document.querySelector('[data-do=right]').click()")
    assert len(shown.events("rotated")) == count
    shown.js("document.querySelector('[data-do=redact]').remove(); start()")  # a page may take a tool away
    shown.ready()
    expect(shown.page.locator(".viewer.ready")).to_be_visible()
    expect(shown.page.locator("[data-percent]")).to_have_text("19\u202f%")
