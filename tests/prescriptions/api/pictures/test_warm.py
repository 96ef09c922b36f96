"""Many variants are asked for at once, behind whatever somebody waits for; each is told what became of it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from prescriptions.models import Page, Variant
from prescriptions.variants.fairness.tickets import BULK
from tests.prescriptions.conftest import assert_problem, claim
from tests.prescriptions.staff import Make

pytestmark = pytest.mark.django_db(transaction=True)
Bearer = Callable[..., dict[str, str]]
Call = Callable[..., Any]


@pytest.fixture
def rx(make: Make) -> str:
    """A prescription of three pages that are only rows."""
    return make(pages=3, client="shop").pk


@pytest.fixture
def warm(http: Client, bearer: Bearer, rx: str) -> Call:
    headers = bearer("rx:read")

    def ask(sent: Any, **more: str) -> Any:
        given = {**headers, **{name.replace("_", "-"): value for name, value in more.items()}}
        path = f"/api/v1/prescriptions/{rx}/warm"
        return http.post(path, json.dumps(sent), content_type="application/json", headers=given)

    return ask


def test_every_variant_of_every_page_is_taken_on_in_bulk(warm: Call, recorder: list[str], ranks: list[int]) -> None:
    ready = claim(Page.objects.get(number=2), "full/150,200/0/default.webp", state="ready")

    answer = warm({"variants": ["thumb", "full/30,/0/gray.jpg", "thumb"], "pages": [1, 2]})

    body = answer.json()
    assert answer.status_code == 202
    assert (body["ready"], body["under_way"], body["refused"]) == (1, 3, 0)
    told = [(item["page"], item["variant"], item["status"]) for item in body["variants"]]
    assert told == [
        (1, "thumb", "under-way"),
        (1, "full/30,/0/gray.jpg", "under-way"),
        (2, "thumb", "ready"),
        (2, "full/30,/0/gray.jpg", "under-way"),
    ]
    rows = {row.pk: row for row in Variant.objects.exclude(pk=ready.pk)}
    assert {item["job"].rpartition("/")[2] for item in body["variants"] if "job" in item} == set(rows)
    assert (sorted(recorder), ranks) == (sorted(rows), [BULK] * 3)
    # sent again, it changes nothing
    again = warm({"variants": ["thumb", "full/30,/0/gray.jpg"], "pages": [1, 2]})
    assert (again.json()["under_way"], Variant.objects.count(), len(recorder)) == (3, 4, 3)


def test_all_pages_where_none_is_named_and_no_body_where_none_is_wanted(warm: Call, recorder: list[str]) -> None:
    answer = warm({"variants": ["thumb"]}, Prefer="return=minimal")

    assert (answer.status_code, answer.content) == (202, b"")
    assert answer["Preference-Applied"] == "return=minimal"
    assert "RateLimit-Policy" in answer
    assert Variant.objects.count() == 3


def test_one_that_cannot_be_is_told_and_others_are_made(warm: Call, recorder: list[str]) -> None:
    body = warm({"variants": ["full/max/0/redacted.jpg", "full/^99999,/0/default.jpg", "thumb"], "pages": [1]}).json()

    said = [(item["status"], item.get("problem")) for item in body["variants"]]
    assert said[0] == ("refused", "redaction-missing")
    assert said[1][0] == "refused"
    assert said[2] == ("under-way", None)


def test_a_full_queue_takes_as_many_as_it_has_room_for(warm: Call, recorder: list[str], settings: Settings) -> None:
    settings.RX_QUEUE_LIMIT = 2

    answer = warm({"variants": ["thumb"]})

    assert [item["status"] for item in answer.json()["variants"]] == ["under-way", "under-way", "refused"]
    assert answer.json()["variants"][2]["problem"] == "queue-full"
    assert int(answer["Retry-After"]) > 0
    assert_problem(warm({"variants": ["card"]}), 503, "queue-full")  # none of them
    assert Variant.objects.count() == 2


def test_as_many_are_taken_on_as_there_is_time_for(warm: Call, recorder: list[str], settings: Settings) -> None:
    settings.RX_WAIT = 0.0

    answers = [warm({"variants": ["thumb"]}).json() for _ in range(3)]

    assert [answer["under_way"] for answer in answers] == [1, 2, 3]
    assert [item.get("problem") for item in answers[0]["variants"]] == [None, "not-ready", "not-ready"]
    assert len(recorder) == 3


@pytest.mark.parametrize(
    ("sent", "at"),
    [
        ({}, "/variants"),
        ({"variants": []}, "/variants"),
        ({"variants": "thumb"}, "/variants"),
        ({"variants": ["thumb", "nonsense"]}, "/variants/1"),
        ({"variants": ["x" * 201]}, "/variants/0"),
        ({"variants": ["thumb"] * 21}, "/variants"),
        ({"variants": ["thumb"], "pages": [4]}, "/pages"),
        ({"variants": ["thumb"], "pages": []}, "/pages"),
        ({"variants": ["thumb"], "page": 1}, "/page"),
        ([], ""),
    ],
)
def test_what_makes_no_sense_makes_nothing(sent: Any, at: str, warm: Call) -> None:
    body = assert_problem(warm(sent), 400, "invalid")

    assert at in [error["pointer"] for error in body["errors"]]
    assert not Variant.objects.exists()


def test_a_hundred_at_most(warm: Call, rx: str) -> None:
    first = Page.objects.get(prescription=rx, number=1)
    for number in range(4, 8):
        Page.objects.create(
            prescription=first.prescription, document=first.document, number=number, index=number, width=9, height=9
        )
    many = [f"full/{width},/0/default.jpg" for width in range(1, 16)]

    body = assert_problem(warm({"variants": many}), 400, "invalid")

    assert body["errors"] == [
        {"pointer": "/variants", "detail": "7 pages times 15 variants; at most 100 in one request."}
    ]
    assert not Variant.objects.exists()


def test_another_clients_prescription_is_absent(http: Client, bearer: Bearer, rx: str) -> None:
    path = f"/api/v1/prescriptions/{rx}/warm"
    sent = {"data": json.dumps({"variants": ["thumb"]}), "content_type": "application/json"}

    assert_problem(http.post(path, **sent, headers=bearer(client="rival")), 404, "not-found")
    assert_problem(http.post(path, **sent, headers=bearer("orders:write")), 403)
    assert not Variant.objects.exists()
