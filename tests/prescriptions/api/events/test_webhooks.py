"""/api/v1/webhooks: a client's own, their secrets shown once, and every input bounded."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from prescriptions.audit.actors import SYSTEM
from prescriptions.events import outbox, placing, webhooks
from prescriptions.infra.problems import Problem
from prescriptions.models import USUAL, AuditEvent, EventType, Webhook
from tests.prescriptions.conftest import assert_problem

pytestmark = pytest.mark.django_db
URL = "https://shop.example.org/hook"
Bearer = Callable[..., dict[str, str]]


@pytest.fixture
def api(http: Client, bearer: Bearer) -> Callable[..., Any]:
    headers = bearer("webhooks:write")

    def call(method: str, path: str, body: Any = None, **more: str) -> Any:
        sent = {"data": body, "content_type": "application/json"} if body is not None else {}
        return getattr(http, method)(f"/api/v1/webhooks{path}", headers={**headers, **more}, **sent)

    return call


def test_it_is_made_looked_at_rotated_and_taken_away(api: Any) -> None:
    made = api("post", "", {"url": URL, "types": ["prescription.approved"]})
    body = made.json()
    secret = body.pop("secret")

    assert (made.status_code, body["url"], body["types"]) == (201, URL, ["prescription.approved"])
    assert secret.startswith("whsec_")
    assert api("get", "").json() == [body]
    assert api("get", f"/{body['id']}").json() == body
    rotated = api("post", f"/{body['id']}/rotate").json()
    assert rotated["secret"] != secret
    assert rotated["old_secret_until"] is not None
    assert api("delete", f"/{body['id']}").status_code == 204
    assert_problem(api("get", f"/{body['id']}"), 404)
    verbs = AuditEvent.objects.filter(rx=f"webhook-{body['id']}").values_list("verb", flat=True)
    assert list(verbs) == ["webhook.made", "webhook.rotated", "webhook.removed"]


def test_without_types_it_is_told_of_all_but_variants(api: Any) -> None:
    assert set(api("post", "", {"url": URL}).json()["types"]) == set(USUAL)


def test_what_is_sent_again_makes_one_and_the_secret_is_shown_once(api: Any) -> None:
    first, again = (api("post", "", {"url": URL}, **{"Idempotency-Key": "k"}) for _ in range(2))

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["secret"].startswith("whsec_")
    assert (again.json()["secret"], again.json()["id"]) == (None, first.json()["id"])


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/url"),
        ({"url": "http://shop.example.org/"}, "/url"),
        ({"url": "https://169.254.169.254/latest"}, "/url"),
        ({"url": "https://a.org/" + "a" * 500}, "/url"),
        ({"url": URL, "types": []}, "/types"),
        ({"url": URL, "types": ["webhook.test"]}, "/types/0"),
        ({"url": URL, "secret": "mine"}, "/secret"),
    ],
)
def test_a_wrong_one_is_refused_by_name(body: Any, pointer: str, api: Any) -> None:
    problem = assert_problem(api("post", "", body), 400, "invalid")

    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert not Webhook.objects.exists()


def test_there_is_an_end_to_them(api: Any) -> None:
    for _ in range(webhooks.MOST):
        webhooks.make(client="shop", url=URL, by=SYSTEM)

    assert_problem(api("post", "", {"url": URL}), 409, "too-many-webhooks")


@pytest.mark.parametrize(
    "act",
    [
        webhooks.rotate,
        webhooks.enable,
        webhooks.remove,
        lambda hook, by: webhooks.test(hook),
        lambda hook, by: webhooks.replay(hook, after=0, by=by),
    ],
)
def test_one_that_was_taken_away_meanwhile_is_not_there(act: Callable[..., Any]) -> None:
    hook, _secret = webhooks.make(client="shop", url=URL, by=SYSTEM)
    webhooks.remove(Webhook.objects.get(), by=SYSTEM)

    with pytest.raises(Problem) as refused:
        act(hook, by=SYSTEM)

    assert refused.value.status == 404


def test_another_clients_is_not_there(api: Any) -> None:
    theirs, _secret = webhooks.make(client="rival", url=URL, by=SYSTEM)

    assert api("get", "").json() == []
    for method, path in (
        *(("get", ""), ("delete", ""), ("get", "/deliveries"), ("post", "/rotate")),
        *(("post", "/enable"), ("post", "/test"), ("post", "/replay")),
    ):
        assert_problem(api(method, f"/{theirs.pk}{path}"), 404, "not-found")


def test_deliveries_come_by_pages_and_say_what_was_tried(api: Any) -> None:
    hook, _secret = webhooks.make(client="shop", url=URL, by=SYSTEM)
    uids = [outbox.write(EventType.RECEIVED, client="shop", rx=rx * 32).uid for rx in "abc"]
    placing.place()
    log = [{"at": "2026-11-30T00:00:00+00:00", "status": None, "ms": 12, "error": "timeout"}]
    hook.deliveries.filter(event__uid=uids[2]).update(attempts=1, log=log)

    first = api("get", f"/{hook.pk}/deliveries?limit=2").json()
    rest = api("get", f"/{hook.pk}/deliveries?limit=2&before={first['next']}").json()

    assert [row["event"] for row in first["deliveries"] + rest["deliveries"]] == uids[::-1]
    assert rest["next"] is None
    assert first["deliveries"][0]["log"][0]["error"] == "timeout"
    assert api("get", f"/{hook.pk}/deliveries?state=delivered").json()["deliveries"] == []


@pytest.mark.parametrize(
    "body",
    [{}, {"after": 0, "events": ["evt_" + "0" * 32]}, {"after": 5, "until": 5}, {"events": ["x"]}, {"after": -1}],
)
def test_what_to_replay_is_said_in_one_way(body: Any, api: Any) -> None:
    hook, _secret = webhooks.make(client="shop", url=URL, by=SYSTEM)

    assert_problem(api("post", f"/{hook.pk}/replay", body), 400, "invalid")


def test_one_that_is_switched_off_is_enabled_before_anything_is_sent(api: Any) -> None:
    hook, _secret = webhooks.make(client="shop", url=URL, by=SYSTEM)
    Webhook.objects.update(disabled_at=hook.created_at, disabled_because="failing")

    for path, body in (("test", None), ("replay", {"after": 0})):
        assert_problem(api("post", f"/{hook.pk}/{path}", body), 409, "webhook-disabled")
    enabled = api("post", f"/{hook.pk}/enable").json()
    assert (enabled["disabled_at"], enabled["disabled_because"]) == (None, "")
    assert api("post", f"/{hook.pk}/test").status_code == 202


def test_without_keys_no_secret_is_kept(api: Any, settings: Settings) -> None:
    settings.RX_AUDIT_KEYS = ""

    assert_problem(api("post", "", {"url": URL}), 503, "no-keys")
