"""Idempotency-Key: whatever is posted to the API, sent again, is answered again and not done again."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone
from pytest_django import Settings

from prescriptions.intake import once
from prescriptions.models import Prescription, Replay
from tests.prescriptions.conftest import assert_problem

pytestmark = pytest.mark.django_db
LINKS, SENT = "/api/v1/order-links", {"order_ref": "A-1", "expires_in": 600}
Bearer = Callable[..., dict[str, str]]


@pytest.fixture
def post(http: Browser, bearer: Bearer) -> Callable[..., Any]:
    """Posts JSON with a key, in a client's name."""

    def send(sent: Any = SENT, key: str = "k", *, path: str = LINKS, client: str = "shop") -> Any:
        headers = {**bearer("orders:write", "rx:read", "rx:erase", client=client), "Idempotency-Key": key}
        return http.post(path, json.dumps(sent), content_type="application/json", headers=headers)

    return send


def test_the_same_answer_comes_back_and_says_so(post: Callable[..., Any]) -> None:
    first, again, other = post(), post(dict(reversed(SENT.items()))), post(key="other")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json() != other.json()
    assert ["Idempotency-Replayed" in answer.headers for answer in (first, again, other)] == [False, True, False]
    assert again.headers["Cache-Control"] == first.headers["Cache-Control"] == "no-store"


def test_what_is_kept_opens_nothing_for_whoever_reads_the_database(
    post: Callable[..., Any], settings: Settings
) -> None:
    settings.RX_AUDIT_KEYS = f"a1:{'0' * 64}"

    url = post().json()["url"]

    assert url.rpartition("=")[2] not in json.dumps(Replay.objects.get().answer)
    assert post().json()["url"] == url
    settings.RX_AUDIT_KEYS = f"a2:{'2' * 64},{settings.RX_AUDIT_KEYS}"
    assert post().json()["url"] == url


def test_a_key_counts_for_one_client_one_address_and_one_body(post: Callable[..., Any]) -> None:
    first = post()

    assert_problem(post({**SENT, "expires_in": 700}), 422, "idempotency-key-reused")
    assert post(client="rival").json()["id"] != first.json()["id"]
    erased = post({"order_ref": "A-1"}, path="/api/v1/erasures")
    assert "Idempotency-Replayed" not in erased.headers
    assert_problem(post(key="a b"), 400, "invalid")
    assert_problem(post(key="k" * 101), 400, "invalid")


def test_a_refusal_is_not_kept(post: Callable[..., Any]) -> None:
    assert_problem(post({**SENT, "expires_in": 1}), 400, "invalid")

    assert post().status_code == 201


def test_while_it_is_under_way_it_is_told_what_it_will_become(post: Callable[..., Any]) -> None:
    post()
    later = timezone.now() + timedelta(minutes=1)
    Replay.objects.update(until=later, location="/api/v1/somewhere")

    answer = post()

    assert_problem(answer, 409, "in-flight")
    assert (answer.headers["Location"], answer.headers["Retry-After"]) == ("http://testserver/api/v1/somewhere", "2")


def test_what_the_dead_had_reserved_is_done_by_whoever_comes_next(post: Callable[..., Any]) -> None:
    dead = once.begin("s", "k", "f")
    assert isinstance(dead, once.Reservation)
    Replay.objects.update(until=timezone.now() - timedelta(seconds=1))

    heir = once.begin("s", "k", "f")

    assert isinstance(heir, once.Reservation)
    with pytest.raises(once.Problem):  # it was not dead, and comes too late
        dead.settle({})
    dead.release()
    heir.settle({"done": 1})
    assert once.begin("s", "k", "f") == {"done": 1}


def test_an_upload_says_where_it_will_be(http: Browser, bearer: Bearer) -> None:
    begun = once.begin("upload:shop", "k", "f")
    assert isinstance(begun, once.Reservation)
    begun.tell("/api/v1/prescriptions/1")

    with pytest.raises(once.Problem) as told:
        once.begin("upload:shop", "k", "f")

    assert told.value.headers == {"Location": "http://testserver/api/v1/prescriptions/1"}
    assert Prescription.objects.count() == 0


def test_every_post_of_the_document_takes_a_key(http: Browser) -> None:
    schema = http.get("/api/v1/schema", headers={"Accept": "application/vnd.oai.openapi+json"}).json()
    posts = {path: item["post"] for path, item in schema["paths"].items() if "post" in item}

    assert len(posts) >= 7
    for path, operation in posts.items():
        assert "Idempotency-Key" in [entry["name"] for entry in operation["parameters"]], path
        assert {"409", "422"} <= set(operation["responses"]), path
