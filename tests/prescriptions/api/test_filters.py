"""Finding prescriptions: by what people outside are told of them, and by when that changed; each by its index."""

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from prescriptions.audit.actors import SYSTEM
from prescriptions.audit.actors import staff as actor_of
from prescriptions.models import Prescription, Review
from prescriptions.review import clarifications, decisions, orders, pages, publication, queue, undo
from tests.databases import on_each_database
from tests.prescriptions.conftest import assert_problem
from tests.prescriptions.reviewing import Staff, approval, claimed
from tests.prescriptions.staff import Clock, Make

pytestmark = [on_each_database, pytest.mark.django_db]
LIST = "/api/v1/prescriptions"
Bearer = Callable[..., dict[str, str]]


@pytest.fixture
def shop(bearer: Bearer) -> Client:
    return Client(headers=bearer("rx:read"))


def found(shop: Client, **query: str) -> list[str]:
    return [row["id"] for row in shop.get(LIST, query).json()["results"]]


def told(shop: Client, rx: str) -> tuple[str, str]:
    row = shop.get(f"{LIST}/{rx}").json()
    return row["status"], row["updated_at"]


def test_a_decision_is_found_when_it_is_told_and_not_before(
    shop: Client, make: Make, staff: Staff, settings: Any, clock: Clock
) -> None:
    settings.RX_REVIEW_UNDO = 8
    review = claimed(make, staff["pharmacist"])
    before = told(shop, review.pk)
    clock.forward(seconds=5)
    decisions.decide(review.pk, approval(), actor=actor_of(staff["pharmacist"]), version=review.version)

    clock.forward(seconds=7)
    assert told(shop, review.pk) == before == ("in_review", before[1])
    assert (found(shop, status="approved"), found(shop, status="in_review")) == ([], [review.pk])
    assert found(shop, updated_after=before[1]) == []
    clock.forward(seconds=1)
    assert told(shop, review.pk)[1] > before[1]
    assert found(shop, updated_after=before[1]) == [review.pk]
    assert (found(shop, status="approved"), found(shop, status="in_review")) == ([review.pk], [])
    assert publication.tell_due() == 0


def test_an_undone_decision_leaves_no_trace(
    shop: Client, make: Make, staff: Staff, settings: Any, clock: Clock
) -> None:
    settings.RX_REVIEW_UNDO = 8
    review, actor = claimed(make, staff["pharmacist"]), actor_of(staff["pharmacist"])
    before = told(shop, review.pk)
    decided = decisions.decide(review.pk, approval(), actor=actor, version=review.version)
    clock.forward(seconds=3)
    undo.undo(review.pk, actor=actor, version=decided.version)
    clock.forward(seconds=60)

    assert publication.tell_due() == 0
    assert told(shop, review.pk) == before
    assert found(shop, status="in_review") == [review.pk]


def test_everything_that_is_told_changes_the_moment(shop: Client, make: Make, staff: Staff, clock: Clock) -> None:
    review, person = make(order_ref="A-1"), staff["pharmacist"]
    actor, rx = actor_of(person), review.pk
    line = {"name": "Telma", "quantity_ordered": 30}
    steps: list[Callable[[], object]] = [
        lambda: orders.put("shop", "A-1", {"lines": orders.numbered([line])}, actor=SYSTEM),
        lambda: orders.put("shop", "A-1", {"patient_ref": "P-1"}, actor=SYSTEM),
        lambda: queue.claim(rx, person),
        lambda: pages.rotate(rx, 1, 90, actor=actor),
        lambda: clarifications.ask(rx, "Which?", actor=actor, version=queue.load(rx).version),
        lambda: clarifications.answer(rx, "That.", actor=SYSTEM.__class__("customer")),
        lambda: clarifications.withdraw(rx, actor=SYSTEM.__class__("customer")),
    ]
    moments = [told(shop, rx)[1]]
    for step in steps:
        clock.forward(seconds=1)
        step()
        moments.append(told(shop, rx)[1])

    assert moments == sorted(set(moments)), moments
    assert found(shop, status="withdrawn", patient_ref="P-1", order_ref="A-1") == [rx]


def test_by_when_it_came_and_by_when_it_changed_the_oldest_change_first(shop: Client, make: Make, clock: Clock) -> None:
    first, second, third = (make().pk for _ in range(3))
    start = timezone.now()
    for minutes, rx in enumerate((first, second, third)):
        moment = start + timedelta(minutes=minutes)
        changed = start + timedelta(hours=1, minutes=-minutes)
        Prescription.objects.filter(pk=rx).update(created_at=moment, updated_at=changed)
    one, hour = (start + timedelta(minutes=1)).isoformat(), (start + timedelta(minutes=59)).isoformat()

    assert found(shop, created_after=one) == [third]
    assert found(shop, created_before=one) == [first]
    assert found(shop, updated_after=start.isoformat()) == [third, second, first]
    assert found(shop, updated_before=hour) == [third]
    assert found(shop, updated_after=hour.replace("+00:00", "Z")) == [first]
    page = shop.get(LIST, {"updated_after": start.isoformat(), "page_size": "2"}).json()
    Prescription.objects.filter(pk=third).update(updated_at=start + timedelta(hours=2))
    rest = [row["id"] for row in shop.get(page["next"]).json()["results"]]
    assert [row["id"] for row in page["results"]] + rest == [third, second, first, third], "what changed comes again"


def test_what_a_release_before_has_ended_is_found_as_soon_as_the_beat_has_looked(
    shop: Client, make: Make, staff: Staff, settings: Any, clock: Clock
) -> None:
    settings.RX_REVIEW_UNDO = 8
    before = make().pk
    decided = {"status": "approved", "reviewer": staff["pharmacist"], "decided_at": clock.now, "status_at": clock.now}
    Review.objects.filter(pk=before).update(**decided)

    assert (publication.mend(), found(shop, status="approved")) == (0, []), "it may still be undone"
    clock.forward(seconds=9)
    assert (publication.mend(), found(shop, status="approved")) == (1, [before])
    assert publication.mend() == 0


def test_of_others_nothing_is_found(shop: Client, make: Make) -> None:
    make(client="rival", order_ref="A-1")

    for query in ({"status": "queued"}, {"updated_after": "2020-01-01T00:00:00Z"}, {"patient_ref": "P-1"}):
        assert found(shop, **query) == []


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("status", ("", "Approved", "approved,rejected", "erased", "done")),
        ("patient_ref", ("", "a b", "*")),
        ("created_after", ("", "yesterday", "2026-01-01", "2026-01-01T00:00:00", "1767225600", "9" * 400)),
        ("updated_before", ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-13-01T00:00:00Z", "\x00")),
    ],
)
def test_a_value_that_a_filter_cannot_have(name: str, values: tuple[str, ...], shop: Client) -> None:
    for value in values:
        body = assert_problem(shop.get(LIST, {name: value}), 400, "invalid")
        assert [error["parameter"] for error in body["errors"]] == [name], value


def test_a_plus_that_was_not_escaped_is_meant(shop: Client, make: Make) -> None:
    rx = make().pk

    answer = shop.get(f"{LIST}?created_after=2026-01-01T00:00:00+05:30")

    assert [row["id"] for row in answer.json()["results"]] == [rx]


def test_a_migration_writes_down_what_was_told_so_far(make: Make, shop: Client) -> None:
    done, open_one = make(status="approved").pk, make().pk
    Prescription.objects.create(client="shop")

    class Editor:
        pass

    Editor.connection = connection  # type: ignore[attr-defined]
    import_module("prescriptions.migrations.0033_told").fill(apps, Editor)

    assert found(shop, status="approved") == [done]
    assert open_one in found(shop, status="queued")


ALL = {
    "rx_of_status": "rx_all_of_status",
    "rx_changed": "rx_all_changed",
    "rx_of_order": "prescriptions_prescription_order_ref",
    "rx_of_patient": "rx_patient_lowered",
}


@pytest.mark.parametrize("whose", ["one client", "all clients"])
@pytest.mark.parametrize(
    ("query", "index"),
    [
        ({"status": "clarification"}, "rx_of_status"),
        ({"status": "clarification", "created_after": "2026-01-01T00:00:00Z"}, "rx_of_status"),
        ({"updated_after": "2026-01-01T00:00:00Z"}, "rx_changed"),
        ({"order_ref": "O-1"}, "rx_of_order"),
        ({"patient_ref": "P-1"}, "rx_of_patient"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_each_is_answered_by_an_index(bearer: Bearer, whose: str, query: dict[str, str], index: str) -> None:
    shop = Client(headers=bearer(*(["rx:read"] if whose == "one client" else ["rx:read", "rx:all"])))
    if whose == "all clients":
        index = ALL[index]
    now = timezone.now()
    Prescription.objects.bulk_create(
        Prescription(
            client="shop" if n % 20 == 0 else f"client-{n % 20}", order_ref=f"O-{n}", patient_ref=f"P-{n}",
            told_status="clarification" if n % 50 == 0 else "approved", created_at=now - timedelta(minutes=n),
        )
        for n in range(1500)
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE prescriptions_prescription")
    with CaptureQueriesContext(connection) as queries:
        shop.get(LIST, {**query, "page_size": "5"})

    [asked] = [q["sql"] for q in queries.captured_queries if 'JOIN "prescriptions_review"' in q["sql"]]
    explain = "EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN "
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # it reads small tables as a whole
        cursor.execute(explain + asked)
        plan = "\n".join(str(row[-1]) for row in cursor.fetchall())
    assert index in plan, plan
