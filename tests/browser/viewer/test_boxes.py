"""Boxes that redact: drawn, moved and deleted, by mouse and by keyboard, and always upright page pixels."""

import pytest
from playwright.sync_api import expect

from tests.browser.viewer.shown import PLAIN, Show
from tests.browser.viewer_site import SIZES


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
