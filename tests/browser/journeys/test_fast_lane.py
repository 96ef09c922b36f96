"""How much a person has to press for a plain approval of four lines, counted where it is pressed."""

from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests.browser.conftest import violations
from tests.browser.journeys.people import METFORMIN, TELMISARTAN, Pharmacy, rx_of, shown
from tests.conftest import Site

MOST_KEYS: Final = 14
MOST_CLICKS: Final = 10
LINES: Final = (TELMISARTAN, METFORMIN, {**TELMISARTAN, "name": "Atorvastatin"}, {**METFORMIN, "name": "Pantoprazole"})
# Ctrl counts as well as Enter, and a key that is held down once.
_COUNT: Final = """window.pressed = { keys: 0, clicks: 0 }
addEventListener('keydown', e => { if (e.isTrusted && !e.repeat) pressed.keys++ }, true)
addEventListener('pointerdown', e => { if (e.isTrusted) pressed.clicks++ }, true)"""


@pytest.fixture
def known(pharmacy: Pharmacy) -> None:
    """Dr A. Rao has been approved before; somebody else was met later."""
    for number, (name, registration) in enumerate((("Dr A. Rao", "KMC 12345"), ("Dr B. Nair", "TC 9"))):
        page, _rx = claimed(pharmacy, f"ORD-MET-{number}")
        page.fill("#prescriber", name)
        page.fill("#registration_number", registration)
        page.get_by_role("button", name="Today").click()
        for box in page.locator("[name=checklist]").all():
            box.check()
        page.keyboard.press("Escape")
        page.keyboard.press("a")
        page.get_by_role("checkbox", name="then the next one").uncheck()
        page.keyboard.press("Control+Enter")
        page.wait_for_url("**/prescriptions/review/")


def claimed(pharmacy: Pharmacy, ref: str) -> tuple[Page, str]:
    """A customer's photo with four order lines, as it stands before a pharmacist who has looked at it."""
    ref = f"{ref}-{uuid4().hex[:8]}"
    pharmacy.customer(ref, "one.jpg")
    rx = pharmacy.ordered(ref, *LINES)
    page = pharmacy.signed_in("asha")
    page.context.add_init_script(_COUNT)
    assert pharmacy.start(page) == rx
    shown(page)
    expect(page.locator("[data-page='1']")).to_have_attribute("data-seen", "")
    return page, rx


def approved(site: Site, rx: str) -> list[Any]:
    """Date, prescriber, number, ticked points, lines: what the approval rests on."""
    review = "SELECT prescribed_on, prescriber, registration_number, checklist FROM prescriptions_review "
    [row] = site.rows(review + "WHERE prescription_id = ? AND status = 'approved'", rx)
    lines = site.rows("SELECT decision FROM prescriptions_orderline WHERE prescription_id = ?", rx)
    return [str(row[0]), row[1], row[2], str(row[3]).count("true"), [decision for (decision,) in lines]]


YESTERDAY: Final = timezone.localdate() - timedelta(days=1)
EXPECTED: Final = [YESTERDAY.isoformat(), "Dr A. Rao", "KMC 12345", 5, ["accepted"] * 4]


def test_by_keys(pharmacy: Pharmacy, known: None) -> None:
    # given a plain order of four lines, on the screen
    page, rx = claimed(pharmacy, "ORD-KEYS")

    # when it is approved without a mouse
    for key in ("a", "1", "2", "3", "4", "5", "d", "-", "1", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#echo")).to_have_text(f"{YESTERDAY:%a, %-d %B %Y}")
    expect(page.locator("#prescriber")).to_be_focused()
    page.keyboard.press("r")
    page.keyboard.press("Enter")
    expect(page.locator("#registration_number")).to_have_value("KMC 12345")
    expect(page.locator("[data-met]")).to_contain_text("Compare it with the page.")
    expect(page.locator("[data-main] [data-stage]")).to_be_focused()
    expect(page.locator("[data-submit]")).to_have_attribute("aria-disabled", "false")
    page.keyboard.press("Control+Enter")
    pressed = page.evaluate("pressed")
    page.wait_for_url(lambda url: rx not in url or "decided" in url)

    # then it took so many keys, and everything that an approval needs was said
    assert pressed["keys"] <= MOST_KEYS
    assert pressed["clicks"] == 0
    assert approved(pharmacy.site, rx) == EXPECTED


def test_by_the_mouse(pharmacy: Pharmacy, known: None) -> None:
    page, rx = claimed(pharmacy, "ORD-CLICKS")
    page.locator(".outcomes label", has_text="Approve").first.click()
    for label in page.locator("#checklist label").all():
        label.click()
    page.get_by_role("button", name="Yesterday").click()
    page.locator("#prescriber").click()
    suggestions = page.locator("#prescribers [role=option]")
    expect(suggestions).to_have_text(["Dr B. NairTC 9", "Dr A. RaoKMC 12345"])
    suggestions.nth(1).click()
    expect(page.locator("#registration_number")).to_have_value("KMC 12345")
    page.locator("[data-submit]").click()
    pressed = page.evaluate("pressed")
    page.wait_for_url(lambda url: rx not in url or "decided" in url)

    assert pressed == {"keys": 0, "clicks": MOST_CLICKS}
    assert approved(pharmacy.site, rx) == EXPECTED


def test_a_number_belongs_to_the_name_that_it_came_with(pharmacy: Pharmacy, known: None) -> None:
    page, rx = claimed(pharmacy, "ORD-NAMES")
    page.keyboard.press("b")
    page.keyboard.type("nai")
    expect(page.locator("#prescribers [aria-selected=true]")).to_have_text("Dr B. NairTC 9")
    assert violations(page) == []
    page.keyboard.press("Enter")
    expect(page.locator("#registration_number")).to_have_value("TC 9")

    # when another name is typed over it, the number goes; Tab takes nothing that was not chosen
    page.keyboard.press("b")
    page.keyboard.type("Dr A. R")
    expect(page.locator("#prescribers [role=option]")).to_have_count(1)
    expect(page.locator("#registration_number")).to_have_value("")
    page.keyboard.press("Tab")
    expect(page.locator("#prescriber")).to_have_value("Dr A. R")
    expect(page.locator("#prescribers")).to_be_hidden()

    # Escape closes the list first, and Enter then takes the name as it was typed
    page.keyboard.press("Shift+Tab")
    page.keyboard.type("Dr N")
    expect(page.locator("#prescribers [role=option]")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("#prescriber")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#prescriber")).to_have_value("Dr N")
    expect(page.locator("#registration_number")).to_be_focused()
    assert rx_of(page) == rx
