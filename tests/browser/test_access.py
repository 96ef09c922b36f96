"""Tokens and people in a real browser: made on pages that everybody can use, told once."""

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from prescriptions.api import tokens
from tests.browser.conftest import SCREENS, OpenPage, check_accessible
from tests.edge.servers import standing_in
from tests.prescriptions.staff import person, seed

pytestmark = [pytest.mark.django_db(transaction=True)]
API = "/api/v1/prescriptions"
# What a page's own script is told: status and request id, or why it may not know.
FETCH = """async ([url, headers]) => {
    try {
        const answer = await fetch(url, {headers});
        return [String(answer.status), answer.headers.get("X-Request-ID") || ""];
    } catch (error) {
        return [error.name];
    }
}"""
TOKENS, PEOPLE = "/admin/prescriptions/apitoken/", "/admin/auth/user/"


def look(page: Page, name: str) -> None:
    check_accessible(page)
    if folder := os.environ.get("RX_SHOTS"):
        for size, scheme in SCREENS:
            page.set_viewport_size(size)  # type: ignore[arg-type]
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.screenshot(path=Path(folder) / f"{name}-{size['width']}-{scheme}.png", full_page=True)


@pytest.fixture
def chief(transactional_db: None, live_server: LiveServer, settings: Settings, open_page: OpenPage) -> Page:
    """The browser of an administrator who has just signed in."""
    seed()
    settings.BASE_URL, settings.RX_SECOND_FACTOR = live_server.url, ("off",)
    person("chief", "ops", is_superuser=True, first_name="Chief")
    page = open_page(f"{live_server.url}/accounts/login/")
    page.get_by_label("Username").fill("chief")
    page.get_by_label("Password").fill("p")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    return page


def test_a_token_is_made_and_told_once(chief: Page, live_server: LiveServer) -> None:
    tokens.make(name="Till 2", client="shop", scopes=["rx:read", "rx:write"])
    tokens.make(name="Old", client="shop", scopes=list(tokens.SCOPES), expires_at=timezone.now() - timedelta(days=1))
    chief.goto(f"{live_server.url}{TOKENS}")
    look(chief, "tokens")

    chief.goto(f"{live_server.url}{TOKENS}add/")
    look(chief, "token-add")
    chief.get_by_role("textbox", name="Name:").fill("Till 3")
    chief.get_by_role("textbox", name="Client:").fill("shop")
    chief.get_by_label("Upload prescriptions").check()
    chief.get_by_role("button", name="Save").click()

    expect(chief.get_by_label("Token")).to_have_value(re.compile(r"rxk_[0-9a-f]{16}_[\w-]{43}"))
    look(chief, "token-made")
    chief.get_by_role("link", name="API tokens").last.click()
    chief.get_by_role("link", name="Till 3").click()
    look(chief, "token")


def test_a_person_is_made_and_nobody_closes_the_last_administrator(chief: Page, live_server: LiveServer) -> None:
    chief.goto(f"{live_server.url}{PEOPLE}add/")
    look(chief, "person-add")
    chief.get_by_label("Username").fill("devi")
    chief.get_by_label("pharmacist").check()
    chief.get_by_role("button", name="Save").click()
    expect(chief.get_by_label("Link to choose a password")).not_to_have_value("")
    look(chief, "person-link")

    chief.get_by_role("link", name="People").last.click()
    look(chief, "people")
    chief.get_by_role("link", name="chief").click()
    chief.get_by_label("Active").uncheck()
    chief.get_by_role("button", name="Save", exact=True).click()

    expect(chief.get_by_text("This is the last administrator who can sign in")).to_be_visible()
    look(chief, "last-administrator")


def test_ones_own_account(chief: Page, live_server: LiveServer) -> None:
    for address, words in {
        "factors/app/": "Set up an app",
        "password/": "Change your password",
        "sessions/": "Where you are signed in",
        "logout/": "Log out",
    }.items():
        chief.goto(f"{live_server.url}/accounts/{address}")
        expect(chief.get_by_role("heading", level=1)).to_have_text(words)
        look(chief, words.replace(" ", "-").lower())


@pytest.fixture
def shops() -> Iterator[list[str]]:
    """Origins of two other sites, which have an empty page."""
    with standing_in() as one, standing_in() as other:
        for site in (one, other):
            site.body, site.headers = b"<title>Shop</title>", {"Content-Type": "text/html"}
        yield [f"http://{site.host}" for site in (one, other)]


def test_a_page_on_a_listed_origin_calls_and_reads_what_it_is_told(
    chief: Page, live_server: LiveServer, shops: list[str]
) -> None:
    shop, other = shops
    _token, text = tokens.make(name="Till", client="shop", scopes=["rx:read", "orders:write"])
    chief.goto(f"{live_server.url}/admin/prescriptions/client/add/")
    look(chief, "client-add")
    chief.get_by_role("textbox", name="Client:").fill("shop")
    chief.get_by_role("textbox", name="Origins:").fill(f"{shop}/")
    chief.get_by_role("button", name="Save", exact=True).click()
    expect(chief.get_by_text("is no origin as browsers write it")).to_be_visible()
    look(chief, "client-refused")
    chief.get_by_role("textbox", name="Origins:").fill(shop)
    chief.get_by_role("button", name="Save", exact=True).click()
    expect(chief.get_by_role("cell", name=shop)).to_be_visible()
    look(chief, "clients")

    def ask_from(origin: str, path: str, **headers: str) -> list[str]:
        chief.goto(f"{origin}/")
        told: list[str] = chief.evaluate(FETCH, [f"{live_server.url}{path}", headers])
        return told

    bearer = {"Authorization": f"Bearer {text}", "Prefer": "wait=1"}
    asked, nowhere = f"{API}?page_size=1", f"{API}/{'0' * 32}"
    assert ask_from(shop, asked, **bearer)[0] == "200"
    assert ask_from(shop, nowhere, **bearer)[0] == "404"  # an error can be read as well
    assert ask_from(other, asked, **bearer) == ["TypeError"]
    # pictures are for every origin, and so is what is told instead of one
    refused = ask_from(other, f"/iiif/3/x/{'0' * 32}_1/full/max/0/default.jpg", **bearer)
    assert (refused[0], len(refused[1])) == ("403", 32)
