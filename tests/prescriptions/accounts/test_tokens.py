"""Tokens are made, replaced and revoked by administrators who have just confirmed that it is them; each is recorded."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from prescriptions.api import tokens
from prescriptions.audit.actors import SYSTEM
from prescriptions.models import ApiToken, AuditEvent
from tests.prescriptions.accounts.conftest import Person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("seeded")]
LIST = "/admin/prescriptions/apitoken/"
FIELDS = {"name": "Till", "client": "shop", "scopes": ["rx:read"], "days": "30", "user": ""}


def shown(page: str) -> str:
    found = re.search(r'value="(rxk_[^"]+)"', page)
    assert found, page
    return found[1]


def status(text: str) -> int:
    return Client().get("/api/v1/prescriptions", headers={"Authorization": f"Bearer {text}"}).status_code


def told(token: ApiToken) -> list[tuple[str, str]]:
    return list(AuditEvent.objects.filter(rx=f"token-{token.pk}").order_by("seq").values_list("verb", "actor_name"))


def test_one_form_makes_a_token_that_is_shown_once_and_ends(chief: Person) -> None:
    chief.sign_in()

    page = chief.http.post(f"{LIST}add/", FIELDS)

    token, text = ApiToken.objects.get(), shown(page.content.decode())
    assert (token.client, token.scopes, status(text)) == ("shop", ["rx:read"], 200)
    assert token.expires_at is not None
    assert abs(token.expires_at - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)
    assert "no-store" in page.headers["Cache-Control"]
    later = chief.http.get(f"{LIST}{token.pk}/change/").content.decode()
    assert text.split("_", 2)[2] not in later
    assert told(token) == [("token.made", "chief")]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": ""}, "This field is required"),
        ({"scopes": []}, "This field is required"),
        ({"scopes": ["everything"]}, "Select a valid choice"),
        ({"scopes": ["rx:review"]}, "Decisions are made by people"),
        ({"days": "0"}, "greater than or equal to 1"),
        ({"days": "99999"}, "less than or equal to 3650"),
    ],
)
def test_what_cannot_be_made_is_said_and_makes_nothing(changes: dict[str, object], said: str, chief: Person) -> None:
    chief.sign_in()

    assert said in chief.http.post(f"{LIST}add/", {**FIELDS, **changes}).content.decode()
    assert not ApiToken.objects.exists()


def test_both_are_good_until_the_old_one_ends(chief: Person) -> None:
    old, text = tokens.make(name="Till", client="shop", scopes=["rx:read"])
    chief.sign_in()

    second = shown(chief.http.post(f"{LIST}{old.pk}/replace/").content.decode())

    assert (status(text), status(second)) == (200, 200)
    old.refresh_from_db()
    assert old.expires_at is not None
    assert timedelta(days=6) < old.expires_at - timezone.now() < timedelta(days=8)
    ApiToken.objects.filter(pk=old.pk).update(expires_at=timezone.now())
    assert (status(text), status(second)) == (401, 200)
    chief.http.post(f"{LIST}{old.pk}/replace/")
    assert ApiToken.objects.count() == 2  # an ended one is not brought back


def test_one_that_is_replaced_does_not_live_longer_for_it() -> None:
    soon = timezone.now() + timedelta(hours=1)
    old, _ = tokens.make(name="Till", client="shop", scopes=["rx:read"], expires_at=soon)

    tokens.replace(old, overlap=timedelta(days=7), expires_at=None, by=SYSTEM)

    old.refresh_from_db()
    assert old.expires_at == soon


def test_a_revoked_one_is_dead_at_once(chief: Person) -> None:
    token, text = tokens.make(name="Till", client="shop", scopes=["rx:read"])
    chief.sign_in()

    page = chief.http.post(f"{LIST}{token.pk}/revoke/", follow=True).content.decode()

    assert status(text) == 401
    assert "Revoked" in page
    assert "/revoke/" not in page
    assert told(token) == [("token.made", ""), ("token.revoked", "chief")]


@pytest.mark.parametrize("act", ["add/", "{pk}/replace/", "{pk}/revoke/"])
def test_whoever_has_not_confirmed_lately_is_asked_first(act: str, chief: Person, settings: Settings) -> None:
    token, text = tokens.make(name="Till", client="shop", scopes=["rx:read"])
    chief.sign_in()
    settings.RX_SIGNED_IN_LATELY = 0

    page = chief.http.post(f"{LIST}{act.format(pk=token.pk)}", FIELDS)

    assert page.status_code == 303
    assert "next=" in page.headers["Location"]
    assert (ApiToken.objects.count(), status(text)) == (1, 200)


@pytest.mark.parametrize("act", ["add/", "{pk}/replace/", "{pk}/revoke/"])
def test_nobody_else_may(act: str, asha: Person) -> None:
    token, text = tokens.make(name="Till", client="shop", scopes=["rx:read"])
    asha.sign_in()

    assert asha.http.post(f"{LIST}{act.format(pk=token.pk)}", FIELDS).status_code == 403
    assert (ApiToken.objects.count(), status(text)) == (1, 200)
