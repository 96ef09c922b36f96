"""Debian's Chromium, driven by Playwright. Every page is watched: an error in a script or a violation of the content
security policy fails the test that caused it."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from rxproject.local.shots.screenshots import find_chromium
from tests.browser.order_site import files, order  # noqa: F401
from tests.browser.review_site import open_as, pharmacist, pharmacists, uploaded  # noqa: F401
from tests.waiting import until

CHROMIUM = find_chromium()
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESKTOP = {"width": 1280, "height": 720}
PHONE = {"width": 390, "height": 844}
# Where a page is looked at. axe takes long, so it looks at every size once, and at every scheme once.
SCREENS = ((DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "dark"), (PHONE, "light"))
AXE_SCREENS = ((DESKTOP, "dark"), (PHONE, "light"))
_OPTIONS = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "resultTypes": ["violations"],
    # Of style sheets with an @import (the admin's) axe would make inline copies, which the policy refuses.
    "preload": False,
}
_AXE = Axe().axe_script
# A checkbox and a summary are pressed on their whole label or line.
_TARGETS = """least => [...document.querySelectorAll('.rx button, .rx .rx-button, summary, input[type=checkbox]')]
  .filter(e => e.offsetParent && (e.offsetHeight < 24 || (e.matches('button') && e.offsetHeight < least)))
  .map(e => e.outerHTML)"""
OpenPage = Callable[..., Page]
PATIENCE_MS = 60_000
# Liveness, not speed: a busy machine may take its time.
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests; each page has a profile of its own."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    # Playwright keeps an event loop in this thread, which Django would take for an asynchronous view's.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield chromium
        chromium.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens a page in a fresh profile: `open_page(url, viewport=…, color_scheme=…, java_script_enabled=…)`."""
    contexts: list[BrowserContext] = []
    trouble: list[str] = []

    def new(url: str = "", **options: Any) -> Page:
        context = browser.new_context(**{"viewport": DESKTOP, "reduced_motion": "reduce", **options})
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("pageerror", lambda error: trouble.append(f"script: {error}"))
        page.on("console", lambda said: "Content Security" in said.text and trouble.append(said.text))
        if url:
            page.goto(url)
        return page

    yield new
    for context in contexts:
        context.close()
    assert trouble == []


def check_accessible(page: Page) -> None:
    """No violation of WCAG 2.2 A and AA that axe-core can find; on every screen no cut words, no small target."""
    for size, scheme in SCREENS:
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        if (size, scheme) in AXE_SCREENS:
            assert violations(page) == [], f"{size['width']} px, {scheme}"
        check_layout(page)
        least = 44 if size is PHONE else 24
        assert page.evaluate(_TARGETS, least) == []


def violations(page: Page) -> list[tuple[str, list[str]]]:
    """What axe-core finds on the page as it is now: rules, and the elements that break them."""
    if not page.evaluate("!!window.axe"):
        page.evaluate(_AXE)
    found = page.evaluate("options => axe.run(document, options)", _OPTIONS)["violations"]
    return [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found]


def check_layout(page: Page) -> None:
    """Nothing is wider than the window, and no button, chip or step cuts off its words."""
    # The window has just changed its size, and scripts may still be drawing.
    until(lambda: page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))
    cut = page.evaluate(
        """[...document.querySelectorAll('.rx-button, .rx-chip, h1, h2, label, .steps li')]
        .filter(e => e.offsetParent && !e.matches('.rx-hidden'))
        .filter(e => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display != 'inline')
        .map(e => e.outerHTML)"""
    )
    assert cut == []
