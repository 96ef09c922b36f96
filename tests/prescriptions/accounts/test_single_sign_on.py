"""Signing in with the provider's account: against a real provider of OpenID Connect, in a process of its own."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from pytest_django import Settings

from prescriptions.models import AuditEvent
from tests.prescriptions.accounts.conftest import FACTORS, QUEUE, Clock
from tests.prescriptions.provider import clients_of, provider  # noqa: F401
from tests.prescriptions.staff import person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("seeded")]
START = f"/accounts/sso/sso/login/?process=login&next={QUEUE}"
SignIn = Callable[..., Any]


@pytest.fixture
def sign_in(provider: str, settings: Settings) -> SignIn:  # noqa: F811
    """Somebody with these claims comes through the provider: the last answer of ours, and their browser."""
    settings.RX_SECOND_FACTOR = ("pictures",)
    settings.RX_OIDC_URL = provider
    settings.RX_OIDC_GROUPS = {"rx-pharmacists": "pharmacist", "rx-leads": "senior"}
    settings.SOCIALACCOUNT_PROVIDERS = clients_of(provider)

    def come(sub: str, browser: Client | None = None, **claims: Any) -> tuple[Any, Client]:
        browser = browser or Client()
        httpx.put(f"{provider}/users/{sub}", json={"preferred_username": sub, **claims}).raise_for_status()
        there = browser.get(START).headers["Location"]
        assert there.startswith(f"{provider}/oauth2/authorize?")
        assert "code_challenge" in there
        back = urlsplit(httpx.post(there, data={"sub": sub}).headers["Location"])
        return browser.get(f"{back.path}?{back.query}"), browser

    return come


def told(name: str) -> list[str]:
    user = get_user_model().objects.get(username=name)
    return list(AuditEvent.objects.filter(rx=f"user-{user.pk}").order_by("seq").values_list("verb", flat=True))


def test_a_first_log_in_makes_an_account_with_the_roles_of_its_groups(sign_in: SignIn, settings: Settings) -> None:
    settings.RX_OIDC_SECOND_FACTOR = "provider"

    answer, browser = sign_in("devi", groups=["rx-pharmacists", "others"], given_name="Devi", amr=["pwd", "otp"])

    assert (answer.status_code, answer.headers["Location"]) == (302, QUEUE)
    assert browser.get(QUEUE).status_code == 200
    devi = get_user_model().objects.get(username="devi")
    assert [group.name for group in devi.groups.all()] == ["pharmacist"]
    assert (devi.first_name, devi.is_staff, devi.is_superuser) == ("Devi", True, False)
    assert not devi.has_usable_password()
    assert told("devi") == ["account.made", "account.changed", "account.login"]


@pytest.mark.parametrize(
    ("whose", "amr", "enough"),
    [("provider", ["pwd"], False), ("provider", None, False), ("provider", ["mfa"], True), ("here", ["mfa"], False)],
)
def test_the_second_factor_is_not_forgotten(
    whose: str, amr: object, enough: bool, sign_in: SignIn, settings: Settings
) -> None:
    settings.RX_OIDC_SECOND_FACTOR = whose

    _, browser = sign_in("devi", groups="rx-pharmacists", amr=amr)

    answer = browser.get(QUEUE)
    assert answer.status_code == (200 if enough else 303)
    assert enough or answer.headers["Location"] == FACTORS


def test_groups_decide_each_time(sign_in: SignIn, settings: Settings) -> None:
    sign_in("devi", groups=["rx-pharmacists"])
    devi = get_user_model().objects.get(username="devi")

    sign_in("devi", groups=["rx-leads"])
    assert [group.name for group in devi.groups.all()] == ["senior"]

    answer, browser = sign_in("devi", groups=["others"])
    assert answer.status_code == 403
    assert "may not come in here" in answer.content.decode()
    assert browser.get("/api/v1/prescriptions").status_code == 401
    assert told("devi")[-1] == "account.refused"


@pytest.mark.parametrize("groups", [[], None, "RX-PHARMACISTS", {"rx-pharmacists": 1}, ["superuser", "*"]])
def test_whoever_has_no_group_of_ours_leaves_no_account(groups: object, sign_in: SignIn) -> None:
    answer, _ = sign_in("mallory", groups=groups)

    assert answer.status_code == 403
    assert not get_user_model().objects.exists()
    assert list(AuditEvent.objects.values_list("rx", "verb")) == [("user-unknown", "account.refused")]


def test_an_account_with_a_password_is_never_taken_over(sign_in: SignIn) -> None:
    person("asha", "pharmacist")
    root = get_user_model().objects.create_superuser("root")
    root.set_unusable_password()
    root.save()

    for name in ("asha", "root"):
        answer, browser = sign_in(name, groups=["rx-leads"])
        assert answer.status_code == 403, name
        assert browser.get("/api/v1/prescriptions").status_code == 401


def test_one_that_an_administrator_made_for_it_is_used(sign_in: SignIn) -> None:
    made = person("asha", "auditor")
    made.set_unusable_password()
    made.save()

    sign_in("asha", groups=["rx-leads"])

    assert {group.name for group in made.groups.all()} == {"auditor", "senior"}, "the provider decides about its own"


def test_nor_one_that_somebody_else_there_comes_with(sign_in: SignIn) -> None:
    """Names at a provider can be changed, and addresses need not be proven."""
    sign_in("devi", groups=["rx-leads"])

    for claims in ({"preferred_username": "devi"}, {"preferred_username": None, "email": "devi"}):
        answer, browser = sign_in("mallory", groups=["rx-pharmacists"], **claims)
        assert answer.status_code == 403, claims
        assert browser.get("/api/v1/prescriptions").status_code == 401

    assert [group.name for group in get_user_model().objects.get().groups.all()] == ["senior"]


def test_an_address_decides_only_where_one_comes_back_to(sign_in: SignIn, settings: Settings) -> None:
    settings.RX_OIDC_SECOND_FACTOR = "provider"
    sign_in("devi", groups=["rx-leads"], amr=["mfa"])
    odd = "process=connect&scope=evil&auth_params=redirect_uri%3Dhttps%253A%252F%252Fevil.example%26state%3D1"
    browser = Client()

    there = browser.get(f"/accounts/sso/sso/login/?{odd}&next={QUEUE}").headers["Location"]
    back = urlsplit(httpx.post(there, data={"sub": "devi"}).headers["Location"])

    assert "evil" not in there
    assert browser.get(f"{back.path}?{back.query}").headers["Location"] == QUEUE


def test_who_has_no_password_here_confirms_at_the_provider(sign_in: SignIn, settings: Settings, clock: Clock) -> None:
    """And it has to say that it asked: whoever finds the browser open must not get through on what it remembers."""
    settings.RX_OIDC_SECOND_FACTOR = "provider"
    mine = "/accounts/factors/app/"
    _, browser = sign_in("devi", groups=["rx-leads"], amr=["mfa"], auth_time=int(time.time()))
    assert browser.get("/accounts/password/").headers["Location"] == FACTORS
    assert browser.get(mine).status_code == 200

    clock.forward(seconds=400)
    asked = browser.get(mine).headers["Location"]
    assert "prompt=login&max_age=0" in browser.get(asked).headers["Location"]
    sign_in("devi", browser, groups=["rx-leads"], amr=["mfa"], auth_time=int(time.time()) - 400)
    assert browser.get(mine).headers["Location"] == asked

    sign_in("devi", browser, groups=["rx-leads"], amr=["mfa"], auth_time=int(time.time()))
    assert browser.get(mine).status_code == 200


def test_an_answer_that_nobody_asked_for_signs_nobody_in(sign_in: SignIn) -> None:
    """Somebody else's code, sent to a victim's browser."""
    sign_in("devi", groups=["rx-leads"])
    victim = Client()

    answer = victim.get("/accounts/sso/sso/login/callback/?code=stolen&state=stolen")

    assert "Location" not in answer.headers or answer.headers["Location"] != QUEUE
    assert victim.get("/api/v1/prescriptions").status_code == 401


def test_a_provider_that_is_away_is_a_page_and_no_crash(sign_in: SignIn, settings: Settings) -> None:
    settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]["settings"]["server_url"] = "http://127.0.0.1:1"

    answer = Client(raise_request_exception=False).get(START)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert "Sign in with your password" in answer.content.decode()
