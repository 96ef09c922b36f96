"""A claim in a real browser: kept by a heartbeat, lost to others or to the clock, and nothing typed is lost with it."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import check_layout
from tests.browser.review_site import (
    OpenAs,
    Uploaded,
    choose,
    complete,
    review_of,
    rx_of,
)
from tests.browser.staff import Member, sign_in
from tests.conftest import Site


def test_a_heartbeat_keeps_the_claim_and_renews_the_links(site: Site, uploaded: Uploaded, open_as: OpenAs) -> None:
    address = uploaded()
    page = open_as(address, clock=True)
    left = page.locator("[data-left]")
    expect(left).to_have_text(re.compile(r"yours for (9:\d\d|10:00)"))

    with page.expect_response(lambda answer: "/heartbeat/" in answer.url) as beat:
        page.clock.fast_forward(61_000)
    assert beat.value.json()["left"] > 540
    expect(left).to_have_text(re.compile(r"yours for (9:\d\d|10:00)"))

    # near its end it warns, and one button keeps it
    page.route("**/heartbeat/", lambda route: route.abort())
    page.clock.fast_forward(545_000)
    expect(page.locator("[data-notice=lost]")).to_be_visible()
    expect(page.locator("[data-notice=lease]")).to_have_text(re.compile("Your claim ends in"))
    page.unroute("**/heartbeat/")
    page.get_by_role("button", name="Extend").click()
    expect(page.locator("[data-notice]")).to_have_count(0)
    expect(left).to_have_text(re.compile(r"yours for (9:\d\d|10:00)"))


def test_who_lost_the_claim_keeps_what_was_typed(site: Site, uploaded: Uploaded, open_as: OpenAs) -> None:
    address = uploaded()
    page = open_as(address)
    opened = review_of(site, address)["version"]
    page.fill("#prescriber", "Dr B. Sen")
    site.manage("shell", "-v", "0", "-c", _LAPSE.format(rx=rx_of(address)))

    page.get_by_role("button", name="Extend").click()
    page.get_by_role("button", name="Claim it again").click()

    page.wait_for_selector("[data-submit]")
    assert page.input_value("#prescriber") == "Dr B. Sen"
    assert review_of(site, address) == {"status": "in_review", "version": opened + 2, "prescriber": ""}


def test_lines_that_change_meanwhile_are_shown_and_nothing_typed_is_lost(
    site: Site, uploaded: Uploaded, open_as: OpenAs
) -> None:
    address = uploaded()
    page = open_as(address, clock=True)
    page.fill("#prescriber", "Dr B. Sen")
    site.manage("shell", "-v", "0", "-c", _ORDER.format(rx=rx_of(address)))

    page.clock.fast_forward(61_000)  # the next heartbeat

    expect(page.locator("#summary")).to_contain_text("Line 9 is new: Novamol × 5.")
    expect(page.locator("[data-line='9']")).to_be_visible()
    expect(page.locator("#prescriber")).to_have_value("Dr B. Sen")
    check_layout(page)


_ORDER = """
from prescriptions.audit.actors import SYSTEM
from prescriptions.review import orders
orders.replace("{rx}", [dict(line=9, name="Novamol", quantity_ordered=5)], actor=SYSTEM)
"""
_LAPSE = """
from prescriptions.models import Review
from prescriptions.review import queue
queue.release("{rx}", Review.objects.get(pk="{rx}").claimed_by)
"""


def test_signed_out_in_the_middle_nothing_is_lost(
    site: Site, uploaded: Uploaded, open_as: OpenAs, pharmacist: Member
) -> None:
    # given somebody who typed, and whose session ends
    address = uploaded()
    page = open_as(address)
    choose(page, "Ask the customer")
    page.fill("#question", "Which strength?")
    page.context.clear_cookies(name="sessionid")

    # when they submit, then they are told, and the words stay
    page.locator("[data-submit]").click()
    expect(page.locator("[data-notice=session]")).to_contain_text("Your session has ended.")
    assert page.input_value("#question") == "Which strength?"
    assert review_of(site, address)["status"] == "in_review"
    check_layout(page)

    # and a reload after signing in brings them back
    with page.context.expect_page() as other:
        page.get_by_role("link", name="Sign in").click()
    sign_in(other.value, pharmacist)
    other.value.wait_for_url("**/prescriptions/review/")
    page.get_by_role("checkbox", name="then the next one").uncheck()
    page.locator("[data-submit]").click()
    page.wait_for_url(lambda url: url != address)
    assert review_of(site, address)["status"] == "clarification"


def test_a_reload_brings_back_what_was_typed_but_no_outcome(uploaded: Uploaded, open_as: OpenAs) -> None:
    page = open_as(uploaded())
    choose(page, "Approve")
    complete(page)
    page.locator("[data-line='1']").get_by_role("radio", name="Owing").check(force=True)

    page.reload()

    assert page.input_value("#prescriber") == "Dr A. Rao"
    expect(page.locator("[name=checklist]:checked")).to_have_count(5)
    expect(page.locator("[name='line-1-decision']:checked")).to_have_value("owing")
    expect(page.locator("[name=outcome]:checked")).to_have_count(0)

    page.get_by_role("button", name="Release").click()  # asks first; Playwright says no
    assert "Rao" in page.evaluate("JSON.stringify(sessionStorage)")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Release").click()
    page.wait_for_url("**/prescriptions/review/")
    assert page.evaluate("sessionStorage.length") == 0
