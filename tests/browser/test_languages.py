"""Pages in other letters, and from right to left: chosen by plain forms, nothing cut off, nothing too wide."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, OpenPage, check_accessible, check_layout
from tests.browser.review_site import OpenAs, Uploaded
from tests.conftest import Site

NARROW = {"width": 320, "height": 640}


def language(page: Page) -> tuple[str | None, str | None]:
    html = page.locator("html")
    return html.get_attribute("lang"), html.get_attribute("dir")


def check_all_sizes(page: Page) -> None:
    for size in (DESKTOP, PHONE, NARROW):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        check_layout(page)


def sent_by(page: Page, pdf: bytes) -> None:
    """First not sent, for want of a tick, then sent."""
    page.set_input_files("#choose", {"name": "prescription.pdf", "mimeType": "application/pdf", "buffer": pdf})
    page.click("#send")
    expect(page.locator("#summary, #wait:not([hidden])")).to_be_visible()
    check_all_sizes(page)
    page.check("#consent")
    page.click("#send")
    expect(page.locator(".status")).to_be_visible()


def test_a_language_is_chosen_without_javascript_and_stays(order: str, open_page: OpenPage, pdf: bytes) -> None:
    page = open_page(order, java_script_enabled=False, locale="en-IN")
    assert language(page) == ("en", "ltr")

    page.get_by_role("button", name="اردو").click()
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.get_by_role("heading", level=1)).to_have_text("اپنا نسخہ بھیجیں")
    sent_by(page, pdf)
    assert language(page) == ("ur", "rtl")

    page.get_by_role("button", name="हिंदी").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("आपका प्रिस्क्रिप्शन हमें मिल गया है")
    assert language(page) == ("hi", "ltr")


def test_from_right_to_left_with_scripts(order: str, open_page: OpenPage, pdf: bytes) -> None:
    page = open_page(order, viewport=PHONE, locale="ur")
    page.set_input_files(
        "#choose",
        [
            {"name": "page 1 (2).pdf", "mimeType": "application/pdf", "buffer": pdf},
            {"name": "scan.bmp", "mimeType": "image/bmp", "buffer": b"BM" + b"0" * 900},
        ],
    )
    expect(page.locator(".kept")).to_have_count(1)
    expect(page.locator(".file .rx-error:not([hidden])")).to_be_visible()
    check_accessible(page)
    # a size reads "0.9 KB", not "KB 0.9": the number stands left of its unit
    places = page.locator(".file:not(.kept) .meta").evaluate(
        """meta => [...meta.firstChild.data.matchAll(/[\\d.]+|[KM]B/g)].map(found => {
          const range = document.createRange()
          range.setStart(meta.firstChild, found.index)
          range.setEnd(meta.firstChild, found.index + found[0].length)
          return range.getBoundingClientRect().left })"""
    )
    assert places[0] < places[1]

    page.locator(".file:not(.kept) [data-do=cancel]").click()
    page.check("#consent")
    page.click("#send")
    expect(page.locator(".status")).to_be_visible()
    check_accessible(page)


@pytest.mark.parametrize("code", ["hi", "ta"])
def test_other_letters_break_no_layout(order: str, open_page: OpenPage, pdf: bytes, code: str) -> None:
    page = open_page(order, locale=code)
    check_all_sizes(page)
    sent_by(page, pdf)
    check_all_sizes(page)
    assert language(page) == (code, "ltr")


def test_staff_choose_theirs_in_the_head_of_every_page(
    site: Site, uploaded: Uploaded, open_as: OpenAs, open_page: OpenPage
) -> None:
    # given somebody who signs in
    page = open_page(f"{site.stack.base_url}/accounts/login/", locale="en-IN")
    page.get_by_role("button", name="हिंदी").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("साइन इन करें")
    check_all_sizes(page)

    # when a review is open in Hindi
    review = open_as(uploaded(), claim=False, locale="hi-IN")
    review.get_by_role("button", name="इसे अपने पास लें").click()
    review.wait_for_selector("[data-submit]")
    check_accessible(review)

    # then the queue is, too, and leads back to English
    review.goto(f"{site.stack.base_url}/admin/prescriptions/review/?show=all")
    check_layout(review)
    review.get_by_role("button", name="English").click()
    expect(review).to_have_url(re.compile(r"show=all"))
    assert language(review) == ("en", "ltr")
