"""The API's page for people: it can be read by everybody, and tried out there."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, OpenPage, check_layout, violations
from tests.conftest import Site


def check(page: Page) -> None:
    """Its colours follow the reader's setting a moment after that."""
    for size in (DESKTOP, PHONE):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            is_dark = "dark => document.documentElement.classList.contains('dark-mode') === dark"
            page.wait_for_function(is_dark, arg=scheme == "dark")
            assert violations(page) == [], (size, scheme)
        check_layout(page)
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]


def test_an_operation_is_read_and_tried_out(site: Site, open_page: OpenPage) -> None:
    page = open_page(f"{site.stack.base_url}/api/v1/docs")
    operation = page.locator("#operations-Discovery-me_retrieve")

    operation.locator(".opblock-summary-control").click()
    expect(operation.get_by_role("heading", name="Responses")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Authorize").click()
    page.locator(".auth-container", has_text="bearer").get_by_role("textbox").fill(site.token)
    page.locator(".auth-container", has_text="bearer").get_by_role("button", name="Apply credentials").click()
    page.get_by_role("button", name="Close").last.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()

    expect(operation.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
    expect(operation.locator(".live-responses-table")).to_contain_text('"scopes"')
    check(page)
