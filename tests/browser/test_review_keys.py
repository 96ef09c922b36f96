"""The review page by keys in a real browser: what each does, where none does anything, and how they are changed."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, check_accessible
from tests.browser.review_site import OpenAs, Uploaded, review_of
from tests.conftest import Site


def test_single_keys_work_from_the_start_everywhere_but_in_fields(
    site: Site, uploaded: Uploaded, open_as: OpenAs
) -> None:
    # given an item that was just claimed: the picture has the focus
    address = uploaded()
    page = open_as(address)
    stage = page.locator("[data-main] [data-stage]")
    expect(stage).to_be_focused()

    # then keys look, choose and tick; each point has its own, and a key that stays down ticks once
    page.keyboard.press("]")
    expect(page.locator("[data-page='2']")).to_have_attribute("aria-current", "page")
    page.keyboard.press("[")
    with page.expect_response(lambda answer: "/rotate/" in answer.url) as turned:
        page.keyboard.press("r")
    assert turned.value.json()["rotation"] == 90
    expect(page.locator("[data-page='1'] img")).to_have_attribute("src", re.compile("/90/default.webp"))
    for number in range(5):
        page.keyboard.down(str(number + 1))
        page.keyboard.down(str(number + 1))
        page.keyboard.up(str(number + 1))
        ticked = [box.is_checked() for box in page.locator("[name=checklist]").all()]
        assert ticked == [n <= number for n in range(5)]
    expect(page.locator("#say")).to_have_text("Medicines with strength, dose and duration: ticked")
    page.keyboard.press("2")
    expect(page.locator("[name=checklist]:checked")).to_have_count(4)
    # Caps Lock makes no other key of it
    locked = "stage => stage.dispatchEvent(new KeyboardEvent('keydown', {init}))"
    init = "{ key: 'P', code: 'KeyP', modifierCapsLock: true, bubbles: true, cancelable: true }"
    stage.evaluate(locked.replace("{init}", init))
    expect(page.get_by_role("radio", name="Approve in part")).to_be_checked()
    page.keyboard.press("l")
    expect(page.locator("[data-line] [value=accepted]:checked")).to_have_count(2)
    page.keyboard.press("a")
    expect(page.get_by_role("radio", name="Approve", exact=True)).to_be_checked()
    expect(stage).to_be_focused()

    # in a field they are letters; Enter goes on from field to field and back to the picture, as Escape does at once
    page.keyboard.press("b")
    page.keyboard.type("a?i]1")
    expect(page.locator("#prescriber")).to_have_value("a?i]1")
    expect(page.locator("[data-page='1']")).to_have_attribute("aria-current", "page")
    page.keyboard.press("Enter")
    expect(page.locator("#registration_number")).to_be_focused()
    page.keyboard.press("Escape")
    expect(stage).to_be_focused()

    # an incomplete decision is not sent, and what is not sent yet is not given up by one key
    page.keyboard.press("q")
    expect(page.locator("#question")).to_be_focused()
    page.keyboard.press("Control+Enter")
    expect(page.locator("#missing a")).to_have_text(["the question"])
    page.keyboard.press("Alt+s")
    page.locator("#prescriber").evaluate("field => { field.value = '' }")
    assert review_of(site, address)["status"] == "in_review"
    page.once("dialog", lambda dialog: dialog.accept())
    page.keyboard.press("Alt+s")
    page.wait_for_url("**/prescriptions/review/")
    assert review_of(site, address)["status"] == "queued"


def test_keys_stand_on_the_buttons_can_be_changed_and_switched_off(uploaded: Uploaded, open_as: OpenAs) -> None:
    page = open_as(uploaded())
    approve = page.get_by_role("radio", name="Approve", exact=True)
    hints = page.locator(".hint:visible")
    expect(page.locator(".bar .hint:visible")).to_have_text(["a", "p", "q", "n", "Ctrl+Enter"])
    expect(page.locator("#checklist .hint:visible")).to_have_text(list("12345"))
    expect(approve).to_have_attribute("aria-keyshortcuts", "a")

    # when keys change places, and one is given a chord
    page.keyboard.press("?")
    page.get_by_role("button", name="Approve (second check: I agree): a").click()
    page.keyboard.press("i")
    expect(page.get_by_role("button", name="Invert colours: a")).to_be_visible()
    page.get_by_role("button", name="Submit: Ctrl+Enter").click()
    page.keyboard.press("F8")
    page.get_by_role("button", name="Skip: Alt+s").click()
    page.keyboard.press("Backspace")
    page.get_by_role("button", name="Zoom in: +").click()
    page.keyboard.press("Backspace")
    check_accessible(page)
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    page.keyboard.press("Escape")

    # then they do what they are said to do, here and after a reload
    expect(page.locator(".bar .hint:visible")).to_have_text(["i", "p", "q", "n", "F8"])
    expect(page.locator(".lease .hint:visible")).to_have_count(0)
    page.keyboard.press("a")
    expect(page.locator("[data-do=invert]")).to_have_attribute("aria-pressed", "true")
    zoom = page.locator("[data-percent]").inner_text()
    page.keyboard.press("=")
    expect(page.locator("[data-percent]")).to_have_text(zoom)
    page.reload()
    page.keyboard.press("i")
    expect(approve).to_be_checked()
    page.keyboard.press("F8")
    expect(page.locator("#missing a").first).to_be_focused()

    # and without single keys only chords and function keys are left
    page.keyboard.press("?")
    page.get_by_role("checkbox", name="Single keys work").uncheck()
    page.keyboard.press("Escape")
    expect(hints).to_have_text(["F8"])
    page.keyboard.press("p")
    expect(approve).to_be_checked()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="What do you want to do?")).to_be_focused()


def test_everything_is_found_by_its_words(site: Site, uploaded: Uploaded, open_as: OpenAs) -> None:
    page = open_as(uploaded())
    page.keyboard.press("Control+k")
    page.keyboard.type("in par")
    chosen = page.locator("#palette [aria-selected=true]")
    expect(chosen).to_have_text("Approve in partp")
    check_accessible(page)
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name="Approve in part", exact=True)).to_be_checked()

    page.keyboard.press("Control+k")
    page.keyboard.type("customer")
    page.keyboard.press("ArrowDown")
    expect(chosen).to_have_text("To the customer")
    page.keyboard.press("Enter")
    expect(page.locator("#customer_text")).to_be_focused()

    page.keyboard.press("Control+k")
    page.keyboard.type("no such thing")
    page.keyboard.press("Enter")
    page.wait_for_url("**/prescriptions/review/?q=no+such+thing")
