"""The list of prescriptions: pages by cursor, and nothing that a query can break."""

import base64
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from prescriptions.models import AuditEvent, Prescription
from tests.prescriptions.conftest import assert_problem

pytestmark = pytest.mark.django_db
LIST = "/api/v1/prescriptions"
Bearer = Callable[..., dict[str, str]]


def make(count: int, *, ahead: int = 0) -> list[str]:
    """Newest first; every third shares its moment with its neighbours. `ahead` in seconds."""
    now = timezone.now() + timedelta(seconds=ahead)
    rows = [
        Prescription(client="shop", order_ref=f"O-{n % 2}", created_at=now - timedelta(seconds=n // 3))
        for n in range(count)
    ]
    Prescription.objects.bulk_create(rows)
    return [row.id for row in Prescription.objects.all()]


def walk(http: Client, headers: dict[str, str], url: str, way: str = "next") -> list[str]:
    found: list[str] = []
    for _ in range(50):
        body = http.get(url, headers=headers).json()
        found += [row["id"] for row in body["results"]]
        if body[way] is None:
            return found
        url = body[way]
    raise AssertionError("the pages have no end")


@pytest.mark.parametrize("page_size", [1, 2, 3, 7, 200])
def test_all_are_found_once_and_newest_first(page_size: int, http: Client, bearer: Bearer) -> None:
    ids = make(11)

    assert walk(http, bearer(), f"{LIST}?page_size={page_size}") == ids


def test_pages_stay_put_while_new_ones_arrive(http: Client, bearer: Bearer) -> None:
    ids, headers = make(6), bearer()
    first = http.get(f"{LIST}?page_size=3", headers=headers).json()
    make(4, ahead=60)

    rest = walk(http, headers, first["next"])

    assert [row["id"] for row in first["results"]] + rest == ids


def test_a_list_is_one_row_of_the_audit_log_however_long_it_is(http: Client, bearer: Bearer) -> None:
    make(30)
    headers = bearer()

    for _twice in range(2):
        found = http.get(LIST, {"order_ref": "O-1", "status": "queued", "page_size": "12"}, headers=headers).json()
    http.get(LIST, {"order_ref": "O-9"}, headers=headers)

    event = AuditEvent.objects.exclude(verb="token.made").get()
    assert (event.verb, event.actor.partition(":")[0]) == ("prescriptions.listed", "client")
    assert event.data.pop("until") > timezone.now().timestamp()
    ids = [row["id"] for row in found["results"]]
    assert event.data == {"asked": {"order_ref": "given", "status": "queued"}, "count": 12, "ids": ids}


def test_an_orders_own(http: Client, bearer: Bearer) -> None:
    make(6)

    found = http.get(LIST, {"order_ref": "O-1"}, headers=bearer()).json()["results"]

    assert [row["order_ref"] for row in found] == ["O-1"] * 3
    assert http.get(LIST, {"order_ref": "O-9"}, headers=bearer()).json()["results"] == []


def test_an_order_is_found_by_its_whole_reference_and_by_its_own_client(http: Client, bearer: Bearer) -> None:
    make(6)
    Prescription.objects.create(client="clinic", order_ref="O-1")

    def found(order_ref: str, client: str) -> int:
        headers = bearer("rx:read", client=client)
        return len(http.get(LIST, {"order_ref": order_ref}, headers=headers).json()["results"])

    assert (found("O-1", "shop"), found("O-1", "clinic"), found("O-0", "clinic")) == (3, 1, 0)
    assert [found(part, "shop") for part in ("O", "o-1", "1", "O-_", "O-11")] == [0] * 5


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("page_size", ("0", "-1", "201", "9" * 400, "x", "1.0", "01", " 1", "١", "\x00", "", "null", "true")),
        ("order_ref", ("", "\x00", "a b", " O-1", "%", "x" * 65, "*")),
    ],
)
def test_a_value_that_a_parameter_cannot_have(name: str, values: tuple[str, ...], http: Client, bearer: Bearer) -> None:
    headers = bearer()
    for value in values:
        body = assert_problem(http.get(LIST, {name: value}, headers=headers), 400, "invalid")
        assert [error["parameter"] for error in body["errors"]] == [name], value


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "é",
        encoded("p=garbage"),
        encoded("p=2026-01-01"),
        encoded("p=2026-01-01T00:00:00"),
        encoded("p=2026-13-45T99:99:99Z"),
        encoded("p=0001-01-01T00:00:00%2B14:00"),
        encoded("r=1&p=9999-12-31T23:59:59-14:00"),
        encoded("p=%00"),
        encoded("p='%3B DROP TABLE prescriptions_prescription"),
        encoded("o=x"),
        encoded("o=-1&p=1"),
        encoded("p=" + "9" * 5000),
        base64.b64encode(b"\xff\xfe").decode(),
    ],
    ids=ascii,
)
def test_a_cursor_that_we_did_not_give(cursor: str, http: Client, bearer: Bearer) -> None:
    make(2)

    body = assert_problem(http.get(LIST, {"cursor": cursor}, headers=bearer()), 400, "invalid")

    assert [error["parameter"] for error in body["errors"]] == ["cursor"]


@pytest.mark.parametrize(
    "query",
    [
        "order_ref=a&order_ref=b",
        "page_size=1&page_size=2",
        "order_ref[]=x&order_ref__in=x&client=clinic",
        "state=approved",
        "%00=%00",
        "%ed%a0%80=1",
        "&&&===",
        "format=json",
        "?page_size=1",
    ],
)
def test_what_the_list_does_not_take(query: str, http: Client, bearer: Bearer) -> None:
    assert_problem(http.get(f"{LIST}?{query}", headers=bearer()), 400)


def test_the_number_of_queries_does_not_grow_with_the_list(
    http: Client, bearer: Bearer, django_assert_num_queries: Callable[..., object]
) -> None:
    headers = bearer()
    http.get(LIST, headers=headers)
    for _ in range(2):
        make(20)
        # token, prescriptions, pages, documents, lines; the links in it: known ones, heads of the chains, one insert in
        # a savepoint of its own. (There are no reviews, whose messages would be one more.)
        with django_assert_num_queries(5 + 1 + 1 + 3):
            assert http.get(LIST, headers=headers).status_code == 200
        with django_assert_num_queries(5 + 1):
            assert http.get(LIST, headers=headers).status_code == 200
