"""Webhooks in the admin: made and rotated by who may and has confirmed it; a secret is on one page, once."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from prescriptions.models import AuditEvent, Webhook
from tests.prescriptions.staff import confirm

ADD = reverse("admin:prescriptions_webhook_add")
FORM = {"client": "shop", "url": "https://shop.example.org/hook", "types": ["prescription.approved"]}
Bearer = Any


@pytest.fixture
def keeper(staff: dict[str, Any], bearer: Bearer) -> Client:
    """May set up webhooks; there is a client called "shop"."""
    bearer("rx:read")
    staff["ops"].user_permissions.add(Permission.objects.get(codename="change_webhook"))
    client = Client()
    client.force_login(staff["ops"])
    return client


def secret_on(page: Any) -> str:
    (secret,) = re.findall(r"whsec_[\w+/=-]+", page.content.decode())
    assert page["Cache-Control"].startswith("no-store")
    return str(secret)


def act(client: Client, hook: Webhook, what: str) -> Any:
    return client.post(reverse(f"admin:rx-webhook-{what}", args=[hook.pk]))


def test_a_secret_is_shown_once_when_it_is_made_and_when_it_is_replaced(keeper: Client) -> None:
    unconfirmed = keeper.post(ADD, FORM)
    assert unconfirmed["Location"].startswith("/accounts/confirm/")
    assert not Webhook.objects.exists()

    confirm(keeper)
    first = secret_on(keeper.post(ADD, FORM))

    hook = Webhook.objects.get()
    assert (hook.client, hook.url, hook.types) == (FORM["client"], FORM["url"], FORM["types"])
    page = keeper.get(reverse("admin:prescriptions_webhook_change", args=[hook.pk])).content.decode()
    assert hook.url in page
    assert "whsec_" not in page
    assert secret_on(act(keeper, hook, "rotate")) != first
    assert first not in str(list(AuditEvent.objects.values_list("data", flat=True)))


def test_it_is_switched_off_and_on(keeper: Client) -> None:
    confirm(keeper)
    keeper.post(ADD, FORM)
    hook = Webhook.objects.get()

    for what, is_off in (("disable", True), ("enable", False)):
        assert act(keeper, hook, what).status_code == 302
        hook.refresh_from_db()
        assert (hook.disabled_at is not None) is is_off


@pytest.mark.parametrize(
    "url", ["http://shop.example.org/", "https://127.0.0.1/", "https://u:p@shop.example.org/", "x"]
)
def test_an_address_that_nobody_is_told_at_is_refused_on_the_form(keeper: Client, url: str) -> None:
    confirm(keeper)

    page = keeper.post(ADD, FORM | {"url": url})

    assert page.status_code == 200
    assert 'class="errorlist' in page.content.decode()
    assert not Webhook.objects.exists()


def test_who_only_looks_sets_up_nothing(staff: dict[str, Any], keeper: Client) -> None:
    confirm(keeper)
    keeper.post(ADD, FORM)
    auditor = Client()
    auditor.force_login(staff["auditor"])
    confirm(auditor)

    assert auditor.post(ADD, FORM).status_code == 403
    assert act(auditor, Webhook.objects.get(), "rotate").status_code == 403
