"""Signing in, by people: an app, a passkey, the company's own account. On a site with a name, where passkeys work."""

import time

import httpx
import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.cache import cache
from playwright.sync_api import Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from prescriptions.accounts import people
from tests.browser.conftest import PHONE, OpenPage, check_accessible
from tests.prescriptions.provider import clients_of, provider  # noqa: F401
from tests.prescriptions.staff import person, seed

pytestmark = [pytest.mark.django_db(transaction=True)]
PASSWORD = "three words of mine"


@pytest.fixture
def site(transactional_db: None, live_server: LiveServer, settings: Settings) -> str:
    """Its address, `http://localhost:…`, with the policy as shipped."""
    seed()
    cache.clear()
    settings.BASE_URL, settings.RX_SECOND_FACTOR = live_server.url, ("pictures",)
    return str(live_server.url)


def code_of(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def with_passkeys(page: Page) -> None:
    """The browser gets a device that holds passkeys and knows its owner's finger."""
    cdp = page.context.new_cdp_session(page)
    cdp.send("WebAuthn.enable")
    device = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    cdp.send("WebAuthn.addVirtualAuthenticator", {"options": device})


def log_out(page: Page) -> None:
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def sign_in(page: Page) -> None:
    page.get_by_label("Username").fill("devi")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def heading(page: Page, words: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(words)


def test_the_first_day_an_app_and_a_passkey(site: str, open_page: OpenPage) -> None:
    # given a new colleague with an administrator's link
    devi = person("devi", "pharmacist")
    link = people.password_link(devi, by=person("chief", "ops", is_superuser=True))
    page = open_page(link)
    with_passkeys(page)

    # when they choose a password and sign in, then a second step is asked for before anything else
    check_accessible(page)
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("New password confirmation").fill(PASSWORD)
    page.get_by_role("button", name="Set password").click()
    heading(page, "Sign in")
    check_accessible(page)
    sign_in(page)
    heading(page, "Signing in")
    check_accessible(page)

    # when they set up an app, then they get codes for a rainy day, and may work
    page.get_by_role("link", name="Set up an app").click()
    secret = page.locator("#authenticator_secret").input_value()
    check_accessible(page)
    page.get_by_label("Code").fill(code_of(secret))
    page.get_by_role("button", name="Set it up").click()
    heading(page, "Recovery codes")
    expect(page.locator("#recovery_codes")).not_to_have_value("")
    check_accessible(page)
    page.goto(f"{site}/admin/prescriptions/review/")
    heading(page, "Work queue")

    # when they sign in the next time, then the app is asked for
    log_out(page)
    sign_in(page)
    heading(page, "Second step")
    check_accessible(page)
    page.get_by_label("Code").fill(code_of(secret))
    page.get_by_role("button", name="Sign in", exact=True).click()
    heading(page, "Overview")

    # when they add a passkey, then it is all they need
    page.get_by_role("link", name="Your account").click()
    page.get_by_role("link", name="Add a passkey").click()
    heading(page, "Add a passkey")
    check_accessible(page)
    page.get_by_role("button", name="Add it").click()
    heading(page, "Signing in")
    page.get_by_role("link", name="Your passkeys").click()
    expect(page.get_by_text("My passkey")).to_be_visible()
    check_accessible(page)
    log_out(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    heading(page, "Overview")
    page.goto(f"{site}/accounts/sessions/")
    heading(page, "Where you are signed in")
    check_accessible(page)


def test_without_a_script_all_but_passkeys_works(site: str, open_page: OpenPage) -> None:
    devi = person("devi", "pharmacist")
    devi.set_password(PASSWORD)
    devi.save()
    page = open_page(f"{site}/admin/", viewport=PHONE, java_script_enabled=False)
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()

    sign_in(page)
    page.get_by_role("link", name="Set up an app").click()
    page.get_by_label("Code").fill(code_of(page.locator("#authenticator_secret").input_value()))
    page.get_by_role("button", name="Set it up").click()

    heading(page, "Recovery codes")


def test_by_the_company_s_own_account(
    site: str,
    provider: str,  # noqa: F811
    settings: Settings,
    open_page: OpenPage,
) -> None:
    settings.SOCIALACCOUNT_PROVIDERS = clients_of(provider)
    settings.RX_OIDC_GROUPS, settings.RX_OIDC_SECOND_FACTOR = {"rx-pharmacists": "pharmacist"}, "provider"
    claims = {"preferred_username": "devi", "given_name": "Devi", "groups": ["rx-pharmacists"], "amr": ["mfa"]}
    httpx.put(f"{provider}/users/devi", json=claims).raise_for_status()
    page = open_page(f"{site}/admin/prescriptions/review/")

    check_accessible(page)
    page.get_by_role("link", name="Pharmacy account").click()
    page.get_by_placeholder("sub").fill("devi")
    page.get_by_role("button", name="Authorize").click()

    heading(page, "Work queue")
    expect(page.locator("#user-tools")).to_contain_text("Devi")


def test_people_and_roles(site: str, open_page: OpenPage) -> None:
    chief = person("chief", "ops", is_superuser=True)
    chief.set_password(PASSWORD)
    chief.save()
    page = open_page(f"{site}/admin/auth/user/add/")
    page.get_by_label("Username").fill("chief")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("link", name="Set up an app").click()
    page.get_by_label("Code").fill(code_of(page.locator("#authenticator_secret").input_value()))
    page.get_by_role("button", name="Set it up").click()

    page.goto(f"{site}/admin/auth/user/add/")
    check_accessible(page)
    page.get_by_label("Username").fill("devi")
    page.get_by_label("pharmacist").check()
    page.get_by_role("button", name="Save", exact=True).click()
    assert page.get_by_label("Link to choose a password").input_value().startswith(f"{site}/accounts/password/")
    check_accessible(page)
    page.goto(f"{site}/admin/auth/user/")
    check_accessible(page)
    page.goto(f"{site}/admin/roles/")
    heading(page, "Roles")
    check_accessible(page)
