"""What the viewer asks the image server for, and what it does when something does not come."""

import io
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import expect

from tests.browser import viewer_site
from tests.browser.viewer.shown import PLAIN, Show
from tests.browser.viewer_site import RX, SIZES
from transforms.request.presets import tiles


def advertised(number: int, quality: str = "default") -> set[str]:
    """Every tile that info.json invites viewers to ask for."""
    return {
        f"{region or 'full'}/{size}/0/{quality}.webp".replace("Box", "")
        for region, size in ((_region(box), f"{size.width},{size.height}") for box, size in tiles(SIZES[number]))
    }


def _region(box: Any) -> str | None:
    return f"{box.x},{box.y},{box.width},{box.height}" if box else None


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
