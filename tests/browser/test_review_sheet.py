"""The paper in a photo on the pharmacist's page, on the real stack: shown flat, set, refused, blacked out."""

import io
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from bench import papers
from tests.browser.conftest import DESKTOP, PHONE, check_accessible
from tests.browser.review_site import OpenAs, rx_of
from tests.conftest import Site

# Nothing was fitted to these; of the second the finder is not sure.
SURE, LIKELY = (2003, "wood"), (3046, "")
Sent = Callable[[tuple[int, str]], str]


@pytest.fixture
def photo(site: Site) -> Sent:
    """A fresh prescription of one photo; its address on the site."""

    def send(kind: tuple[int, str]) -> str:
        seed, table = kind
        shown = papers.photo(seed, 1.5, table=table, effects=frozenset() if table else None)
        out = io.BytesIO()
        shown.image.save(out, "JPEG", quality=92)
        rx = site.prescription(("photo.jpg", out.getvalue()))["id"]
        return f"{site.stack.base_url}/admin/prescriptions/review/{rx}/"

    return send


def page_of(site: Site, address: str) -> dict[str, Any]:
    answer = site.http.get(f"/api/v1/prescriptions/{rx_of(address)}", headers=site.bearer)
    body: dict[str, Any] = answer.json()["pages"][0]
    return body


def shows(page: Page, name: str) -> None:
    """The picture of this image, painted."""
    image = page.locator("[data-main] [data-stage] > img")
    expect(image).to_have_attribute("src", re.compile(rf"_{name}/full/"))
    page.wait_for_function("document.querySelector('[data-main] img').naturalWidth > 0")


def verbs(site: Site, address: str) -> list[str]:
    query = "SELECT verb FROM prescriptions_auditevent WHERE rx = ? AND verb LIKE 'page.sheet%' ORDER BY seq"
    return [verb for [verb] in site.rows(query, rx_of(address))]


def test_it_opens_on_the_paper_and_o_shows_the_photo(site: Site, photo: Sent, open_as: OpenAs) -> None:
    address = photo(SURE)
    digest = page_of(site, address)["sheet"]["id"].rpartition("s")[2]
    page = open_as(address)

    shows(page, f"1s{digest}")
    expect(page.locator("[data-page='1']")).to_have_attribute("data-seen", "")
    page.locator("[data-main] [data-stage]").focus()
    page.keyboard.press("o")
    shows(page, "1")
    expect(page.get_by_role("button", name="The whole photo")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("o")
    shows(page, f"1s{digest}")
    page.get_by_role("group", name="Tools").get_by_role("button", name="Compare").click()
    expect(page.locator("[data-second] img")).to_have_attribute("src", re.compile("_1/full/"))
    expect(page.locator("[data-second] [data-caption]")).to_have_text("Page 1 of 1, the photo")
    check_accessible(page)


def test_what_is_drawn_on_the_paper_is_blacked_out_on_both(site: Site, photo: Sent, open_as: OpenAs) -> None:
    address = photo(SURE)
    sheet = page_of(site, address)["sheet"]
    page = open_as(address)
    shows(page, f"1s{sheet['id'].rpartition('s')[2]}")
    page.get_by_role("button", name="Redact", exact=True).click()
    stage = page.locator("[data-main] [data-stage]").bounding_box()
    assert stage
    middle, level = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2

    page.mouse.move(middle - 60, level - 20)
    page.mouse.down()
    page.mouse.move(middle + 60, level + 30, steps=4)
    page.mouse.up()
    drawn = page.locator(".viewer-boxes > div").bounding_box()
    page.get_by_role("button", name="Confirm these boxes").click()
    expect(page.locator("[data-redact]")).to_be_hidden()

    assert drawn
    # A box of the photo that covers what was drawn on the paper.
    assert drawn["x"] <= middle - 59
    assert drawn["x"] + drawn["width"] >= middle + 59
    assert drawn["y"] <= level - 19
    assert drawn["y"] + drawn["height"] >= level + 29
    joined = "prescriptions_redaction JOIN prescriptions_page p ON p.id = page_id"
    query = f"SELECT boxes FROM {joined} WHERE prescription_id = ?"  # noqa: S608 - constants
    [[boxes]] = site.rows(query, rx_of(address))
    [(x, y, width, height)] = json.loads(boxes) if isinstance(boxes, str) else boxes
    xs, ys = zip(*sheet["corners"], strict=True)
    assert min(xs) < x < x + width < max(xs)
    assert min(ys) < y < y + height < max(ys)
    # The same box, on the photo.
    page.locator("[data-main] [data-stage]").focus()
    page.keyboard.press("o")
    shows(page, "1")
    expect(page.locator(".viewer-boxes > div")).to_have_css("left", f"{x}px")


def test_corners_are_moved_by_keys_and_by_mouse_and_kept_for_everybody(
    site: Site, photo: Sent, open_as: OpenAs
) -> None:
    address = photo(SURE)
    before = page_of(site, address)["sheet"]
    page = open_as(address)
    shows(page, f"1s{before['id'].rpartition('s')[2]}")
    page.locator("[data-main] [data-stage]").focus()

    page.keyboard.press("c")
    shows(page, "1")
    corners = page.locator(".viewer-corners button")
    expect(corners.first).to_be_focused()
    page.keyboard.press("ArrowDown")
    handle = corners.nth(2).bounding_box()
    assert handle
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 30, y - 30, steps=3)
    page.mouse.up()
    check_accessible(page)
    page.get_by_role("button", name="Use these corners").click()
    expect(page.locator("[data-sheet]")).to_be_hidden()

    after = page_of(site, address)["sheet"]
    shows(page, f"1s{after['id'].rpartition('s')[2]}")
    assert (after["by"], after["confidence"]) == ("person", None)
    moved = [
        (round(now[0] - was[0]), round(now[1] - was[1]))
        for was, now in zip(before["corners"], after["corners"], strict=True)
    ]
    assert moved[0][0] == 0
    assert moved[0][1] > 0
    assert moved[1] == moved[3] == (0, 0)
    assert moved[2][0] < 0
    assert moved[2][1] < 0
    # Turned over, it is another picture of the same place.
    page.locator("[data-main] [data-stage]").focus()
    page.keyboard.press("v")
    page.wait_for_function("name => !document.querySelector('[data-main] img').src.includes(name)", arg=after["id"])
    over = page_of(site, address)["sheet"]["corners"]
    assert over == [*after["corners"][2:], *after["corners"][:2]]
    assert verbs(site, address) == ["page.sheet_set"] * 2


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_what_is_likely_is_asked_and_taken_up_by_one_key(
    site: Site, photo: Sent, open_as: OpenAs, size: dict[str, int]
) -> None:
    address = photo(LIKELY)
    assert page_of(site, address)["sheet"] is None
    page = open_as(address, viewport=size)
    shows(page, "1")
    expect(page.get_by_text("Is this the paper?")).to_be_visible()
    expect(page.locator(".viewer-corners polygon")).to_be_attached()
    check_accessible(page)

    page.locator("[data-main] [data-stage]").focus()
    page.keyboard.press("y")

    expect(page.locator("[data-sheet]")).to_be_hidden()
    sheet = page_of(site, address)["sheet"]
    shows(page, f"1s{sheet['id'].rpartition('s')[2]}")
    assert sheet["by"] == "person"
    assert verbs(site, address) == ["page.sheet_set"]


def test_no_paper_is_an_answer_for_everybody(site: Site, photo: Sent, open_as: OpenAs) -> None:
    address = photo(LIKELY)
    page = open_as(address)

    page.get_by_role("button", name="No paper").click()

    expect(page.locator("[data-sheet]")).to_be_hidden()
    shows(page, "1")
    assert verbs(site, address) == ["page.sheet_refused"]
    page.reload()
    shows(page, "1")
    expect(page.locator("[data-sheet]")).to_be_hidden()
