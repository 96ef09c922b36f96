"""The viewer of the review page in a real browser, on a page of its own whose pictures say where they come from."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import Page, expect

from tests.browser import viewer_site
from tests.browser.conftest import DESKTOP, PHONE, OpenPage, check_accessible
from tests.browser.viewer_site import RX, SIZES
from transforms.request.presets import preset, tiles

OSD = "**/openseadragon.min.js"
# Two frames: one in which what was asked for is laid out, one in which it is drawn.
_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
# Of each pane the picture, and of OpenSeadragon's all tiles of the present view.
_LOADED = """() => !document.querySelector('.busy') && (pane => !pane.osd || pane.failed
  || pane.tiles && (pane.tiles.getOpacity() == 0 || pane.tiles.getFullyLoaded()))(viewer.boxLayer.pane)"""


@dataclass
class Shown:
    """The viewer in a page, and what it asked the image server for."""

    page: Page
    asked: list[str] = field(default_factory=list)

    def js(self, expression: str, argument: object = None) -> Any:
        return self.page.evaluate(expression, argument)

    def events(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.js("name => events.filter(e => e[0] == name).map(e => e[1])", name)
        return found

    def tiles(self, number: int) -> set[str]:
        """Stored forms asked for, but for the picture that is there first."""
        start = f"/iiif/3/t1/{RX}_{number}/"
        forms = {path.removeprefix(start) for path in self.asked if path.startswith(start)}
        return {form for form in forms if str(preset("review", SIZES[number]).size) not in form}

    def ready(self) -> None:
        """Nothing is on its way any more and the canvas has drawn what it has."""
        self.js(_FRAMES)  # a change of size or zoom has arrived
        self.page.wait_for_function(_LOADED)
        self.js(_FRAMES)

    def corners(self) -> list[float]:
        """Left, top, right and bottom of the picture inside the stage, in CSS pixels."""
        found: list[float] = self.js(
            """() => { const stage = document.querySelector('[data-stage]'), { x, y } = stage.getBoundingClientRect()
            const image = stage.querySelector('img').getBoundingClientRect()
            return [image.left - x, image.top - y, image.right - x, image.bottom - y] }"""
        )
        return found

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Where a page pixel is in the window, by the picture's own geometry and not by the boxes'."""
        found = self.js(
            """([x, y]) => { const stage = document.querySelector('[data-stage]').getBoundingClientRect()
            const point = viewer.mainMatrix().transformPoint(new DOMPoint(x, y))
            return [point.x + stage.x, point.y + stage.y] }""",
            [x, y],
        )
        return found[0], found[1]

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        mouse = self.page.mouse
        mouse.move(*start)
        mouse.down()
        mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        mouse.move(*end)
        mouse.up()
        self.js(_FRAMES)


Show = Callable[..., Shown]


@pytest.fixture
def show(live_server: Any, settings: Any, open_page: OpenPage) -> Iterator[Show]:
    """Opens the viewer: `show(plain=True)` without OpenSeadragon, further options as for `open_page`."""
    settings.ROOT_URLCONF = "tests.browser.viewer_site"

    def new(*, plain: bool = False, query: str = "", **options: Any) -> Shown:
        page = open_page(**options)
        shown = Shown(page)
        page.on("request", lambda request: "/iiif/" in request.url and shown.asked.append(request.url[-1000:]))
        if plain:
            page.route(OSD, lambda route: route.abort())
        page.goto(live_server.url + "/viewer/" + query)
        expect(page.locator(".viewer.ready")).to_be_visible()
        assert page.evaluate("!!window.OpenSeadragon") is not plain
        # The same geometry that the tests would otherwise have to compute from the outside.
        page.evaluate("viewer.mainMatrix = () => viewer.boxLayer.pane.matrix")
        shown.asked[:] = [url.removeprefix(live_server.url) for url in shown.asked]
        page.on("request", lambda request: _strip(shown.asked, live_server.url))
        shown.ready()
        return shown

    yield new
    viewer_site.broken.clear()


def _strip(asked: list[str], host: str) -> None:
    asked[:] = [url.removeprefix(host) for url in asked]


def advertised(number: int, quality: str = "default") -> set[str]:
    """Every tile that info.json invites viewers to ask for."""
    return {
        f"{region or 'full'}/{size}/0/{quality}.webp".replace("Box", "")
        for region, size in ((_region(box), f"{size.width},{size.height}") for box, size in tiles(SIZES[number]))
    }


def _region(box: Any) -> str | None:
    return f"{box.x},{box.y},{box.width},{box.height}" if box else None


PLAIN = pytest.mark.parametrize("plain", [False, True], ids=["tiles", "plain"])


# --- The first view ---------------------------------------------------------------------------------------------


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
    show: Show, open_page: OpenPage, live_server: Any, plain: bool
) -> None:
    still = open_page(live_server.url + "/viewer/", java_script_enabled=False)
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


# --- Addresses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", SIZES)
def test_only_advertised_tiles_are_asked_for_and_the_canvas_draws_them(show: Show, number: int) -> None:
    shown = show()

    shown.js("number => { viewer.show(number); viewer.zoomBy(4) }", number)
    shown.ready()
    shown.js("viewer.zoomBy(20)")
    shown.ready()
    size = SIZES[number]
    for x, y in ((0, 0), (size.width, 0), (size.width, size.height), (0, size.height)):
        shown.js(
            """([x, y]) => { const at = viewer.mainMatrix().transformPoint(new DOMPoint(x, y))
            viewer.pan(-at.x, -at.y) }""",
            [x, y],
        )
        shown.ready()

    asked = shown.tiles(number)
    assert asked
    assert asked <= advertised(number)
    assert "0,0,2048,2048/2048,2048/0/default.webp" in asked
    # The coarsest level has no more pixels than the first picture: it is never asked for.
    assert not [form for form in asked if form.startswith("full/")]
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize("turns", range(4))
def test_tiles_lie_exactly_on_the_picture_beneath(show: Show, turns: int) -> None:
    shown = show()
    shown.js("turns => { for (; turns; turns--) viewer.rotate(90); viewer.toggle('straighten', true) }", turns)
    shown.js("viewer.zoomBy(0.7 / viewer.boxLayer.pane.view.scale)")
    shown.ready()
    stage = shown.page.locator("[data-stage]").first

    with_tiles = Image.open(io.BytesIO(stage.screenshot())).convert("L")
    shown.js("document.querySelector('canvas').style.visibility = 'hidden'")
    without = Image.open(io.BytesIO(stage.screenshot())).convert("L")
    shifted = ImageChops.offset(without, 4, 4)

    def differ(other: Image.Image) -> float:
        return float(ImageStat.Stat(ImageChops.difference(with_tiles, other)).mean[0])

    assert shown.tiles(1)
    assert 0 < differ(without) < differ(shifted) / 3


def test_the_enhanced_picture_has_addresses_of_its_own_and_keeps_the_view(show: Show) -> None:
    shown = show()
    shown.js("viewer.zoomBy(5)")
    shown.ready()
    before = shown.corners()

    shown.page.get_by_role("button", name="Enhanced picture").click()
    shown.ready()

    assert shown.corners() == pytest.approx(before, abs=0.6)
    assert f"/iiif/3/t1/{RX}_1/full/1448,2048/0/enhanced.webp" in shown.asked
    enhanced = {form for form in shown.tiles(1) if "enhanced" in form}
    assert enhanced
    assert enhanced <= advertised(1, "enhanced")
    expect(shown.page.get_by_role("button", name="Enhanced picture")).to_have_attribute("aria-pressed", "true")


@PLAIN
def test_renewed_tokens_are_used_by_later_requests_only(show: Show, plain: bool) -> None:
    shown = show(plain=plain)
    count = len(shown.asked)

    shown.js("id => viewer.renew({ 1: `/iiif/3/t2/${id}_1`, 2: `/iiif/3/t2/${id}_2` })", RX)
    shown.ready()
    assert len(shown.asked) == count
    shown.js("viewer.zoomBy(5)")
    shown.ready()
    shown.js("viewer.show(2)")
    shown.ready()

    later = shown.asked[count:]
    assert f"/iiif/3/t2/{RX}_2/full/2048,1365/90/default.webp" in later
    assert {path.split("/")[3] for path in later} == {"t2"}


# --- Pages, turning, adjusting ----------------------------------------------------------------------------------


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


# --- Boxes ------------------------------------------------------------------------------------------------------


@PLAIN
@pytest.mark.parametrize("turns", range(4))
def test_boxes_are_upright_page_pixels_however_the_page_is_turned_and_zoomed(
    show: Show, turns: int, plain: bool
) -> None:
    shown = show(plain=plain)
    shown.js("turns => { for (; turns; turns--) viewer.rotate(90); viewer.redact(true); viewer.zoomBy(1.3) }", turns)
    shown.ready()

    shown.drag(shown.point(900, 1500), shown.point(1600, 2100))

    [box] = shown.js("viewer.boxes")
    scale = shown.js("viewer.boxLayer.pane.view.scale")
    assert box == pytest.approx([900, 1500, 700, 600], abs=max(2, 1.01 / scale))  # a pixel of the mouse is several here
    assert shown.events("boxes") == [{"number": 1, "boxes": [box]}]
    drawn = shown.page.locator(".viewer-boxes > div").bounding_box()
    start, end = shown.point(900, 1500), shown.point(1600, 2100)
    assert drawn is not None
    assert drawn["x"] == pytest.approx(min(start[0], end[0]), abs=2)
    assert drawn["y"] == pytest.approx(min(start[1], end[1]), abs=2)


@PLAIN
def test_a_box_drawn_at_full_size_is_exact(show: Show, plain: bool) -> None:
    shown = show(plain=plain)
    shown.js("viewer.redact(true); viewer.rotate(90); viewer.zoomBy(1 / viewer.boxLayer.pane.view.scale)")
    shown.ready()

    shown.drag(shown.point(1100, 1600), shown.point(1250, 1900))

    assert shown.js("viewer.boxes") == [pytest.approx([1100, 1600, 150, 300], abs=2)]


def test_boxes_move_grow_and_go_with_the_mouse(show: Show) -> None:
    shown = show()
    shown.js("viewer.redact(true); viewer.setBoxes([[400, 400, 800, 400]])")
    shown.ready()
    assert shown.events("boxes") == []  # the page knows what it set

    shown.drag(shown.point(800, 600), shown.point(1000, 900))
    [moved] = shown.js("viewer.boxes")
    shown.drag(shown.point(1400, 1100), shown.point(1800, 1500))
    [grown] = shown.js("viewer.boxes")
    shown.drag(shown.point(1000, 900), shown.point(9000, -3000))
    [cornered] = shown.js("viewer.boxes")

    assert moved == pytest.approx([600, 700, 800, 400], abs=8)
    assert grown == pytest.approx([600, 700, 1200, 800], abs=8)
    assert cornered == [SIZES[1].width - grown[2], 0, grown[2], grown[3]]
    shown.page.get_by_role("button", name="Delete box 1").click()
    assert shown.js("viewer.boxes") == []
    assert len(shown.events("boxes")) == 4


@PLAIN
def test_boxes_work_by_keyboard_alone(show: Show, plain: bool) -> None:
    shown = show(plain=plain)
    page = shown.page
    page.get_by_role("button", name="Redact").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Add a box").focus()
    page.keyboard.press("Enter")

    [[x, y, width, height]] = shown.js("viewer.boxes")
    expect(page.get_by_role("application")).to_be_focused()
    step = round(8 / shown.js("viewer.boxLayer.pane.view.scale"))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    assert shown.js("viewer.boxes") == [pytest.approx([x + step, y, width, height + step], abs=1)]
    shown.js("viewer.rotate(90)")
    page.keyboard.press("ArrowRight")  # to the right of the screen: up on the upright page
    [[x2, y2, *_]] = shown.js("viewer.boxes")
    assert (x2, y - y2) == (x + step, pytest.approx(round(8 / shown.js("viewer.boxLayer.pane.view.scale")), abs=1))
    expect(page.get_by_role("application")).to_have_attribute(
        "aria-label", f"Box 1: {width} × {height + step} pixels at {x2}, {y2}"
    )

    page.keyboard.press("Delete")
    assert shown.js("viewer.boxes") == []
    expect(page.locator("[data-stage]").first).to_be_focused()


def test_boxes_belong_to_their_page_and_are_clamped_to_it(show: Show) -> None:
    shown = show()

    shown.js("viewer.redact(true); viewer.setBoxes([[-50, -50, 100, 100], [2400.4, 3400, 500, 500]])")
    shown.js("viewer.show(2)")
    assert shown.js("viewer.boxes") == []
    shown.js("viewer.show(1)")

    assert shown.js("viewer.boxes") == [[0, 0, 50, 50], [2400, 3400, 80, 108]]
    shown.js("viewer.redact(false)")
    expect(shown.page.locator(".viewer-boxes > div").first).to_have_attribute("role", "img")
    shown.drag((400, 300), (500, 400))
    assert len(shown.js("viewer.boxes")) == 2
    assert shown.events("boxes") == []


# --- When something fails ---------------------------------------------------------------------------------------


def test_a_tile_that_fails_is_asked_for_three_times_and_then_said_to_be_missing(show: Show) -> None:
    shown = show()
    viewer_site.broken.append(r"0,2048,2048,1460")

    shown.js("viewer.zoomBy(4)")
    alert = shown.page.get_by_role("alert")
    expect(alert).to_contain_text("could not be loaded completely")

    missing = [path for path in shown.asked if "0,2048,2048,1460" in path]
    assert len(missing) == 3
    assert shown.events("failed") == [{"number": 1}]
    viewer_site.broken.clear()
    alert.get_by_role("button", name="Try again").click()
    shown.ready()
    expect(alert).to_be_hidden()
    assert len([path for path in shown.asked if "0,2048,2048,1460" in path]) == 4


@PLAIN
def test_a_page_that_fails_comes_back_with_a_renewed_token(show: Show, plain: bool) -> None:
    shown = show(plain=plain)
    viewer_site.broken.append("/t1/")

    shown.js("viewer.show(3)")
    expect(shown.page.get_by_role("alert")).to_be_visible()
    shown.js("id => viewer.renew({ 3: `/iiif/3/t2/${id}_3` })", RX)
    shown.ready()

    expect(shown.page.get_by_role("alert")).to_be_hidden()
    assert shown.events("failed") == [{"number": 3}]
    assert shown.js("document.querySelector('[data-stage] img').naturalWidth") == 1463


# --- For everybody ----------------------------------------------------------------------------------------------


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
