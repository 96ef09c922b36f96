"""GET /api/v1/events: in order, by pages, of some types, one client's alone; and what is gone is said to be gone."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from prescriptions.events import feed, outbox, placing
from prescriptions.models import Event, EventType
from tests.databases import on_each_database
from tests.prescriptions.conftest import assert_problem

pytestmark = [on_each_database, pytest.mark.django_db]
Bearer = Callable[..., dict[str, str]]


def write(*kinds: EventType, client: str = "shop") -> None:
    for kind in kinds:
        outbox.write(kind, client=client, rx="a" * 32, order_ref="A-1", data={"status": "queued"})


def test_pages_go_on_where_the_one_before_ended(http: Client, bearer: Bearer) -> None:
    write(*[EventType.RECEIVED] * 5)
    write(EventType.RECEIVED, client="rival")
    headers, seen, after = bearer("rx:read"), [], 0

    while True:
        body = http.get(f"/api/v1/events?after={after}&limit=2", headers=headers).json()
        seen += [event["id"] for event in body["events"]]
        after = body["next"]
        if not body["more"]:
            break

    assert seen == list(Event.objects.filter(client="shop").order_by("pk").values_list("uid", flat=True))
    assert http.get(f"/api/v1/events?after={after}", headers=headers).json() == {
        "events": [],
        "next": after,
        "more": False,
    }
    write(EventType.ERASED)
    body = http.get(f"/api/v1/events?after={after}", headers=headers).json()
    assert [event["type"] for event in body["events"]] == ["prescription.erased"]


def test_some_types_are_told_in_the_same_order(http: Client, bearer: Bearer) -> None:
    write(EventType.RECEIVED, EventType.APPROVED, EventType.QUESTION, EventType.RECEIVED, EventType.APPROVED)

    body = http.get(
        "/api/v1/events?types=prescription.approved,prescription.received&limit=3", headers=bearer("rx:read")
    ).json()

    assert [event["type"].partition(".")[2] for event in body["events"]] == ["received", "approved", "received"]
    assert body["more"]


def test_who_may_see_all_clients_sees_all(http: Client, bearer: Bearer) -> None:
    write(EventType.RECEIVED)
    write(EventType.RECEIVED, client="rival")

    assert len(http.get("/api/v1/events", headers=bearer("rx:read", "rx:all")).json()["events"]) == 2
    assert_problem(http.get("/api/v1/events", headers=bearer("orders:write")), 403)


@pytest.mark.parametrize(
    "query", ["after=-1", "after=x", "after=1e3", f"after={'9' * 19}", "limit=0", "limit=501", "types=", "types=x"]
)
def test_a_wrong_parameter_is_named_with_what_is_allowed(query: str, http: Client, bearer: Bearer) -> None:
    body = assert_problem(http.get(f"/api/v1/events?{query}", headers=bearer("rx:read")), 400, "invalid")

    assert [error["parameter"] for error in body["errors"]] == [query.partition("=")[0]]


def test_what_is_no_longer_kept_is_not_passed_over_in_silence(http: Client, bearer: Bearer, settings: Any) -> None:
    write(*[EventType.RECEIVED] * 4)
    placing.place()
    positions = list(Event.objects.order_by("position").values_list("position", flat=True))
    Event.objects.filter(position__lte=positions[2]).update(at=timezone.now() - timedelta(days=31))

    assert feed.forget_old() == 3

    headers = bearer("rx:read")
    assert_problem(http.get(f"/api/v1/events?after={positions[0]}", headers=headers), 410, "events-gone")
    for after in (0, positions[2]):
        body = http.get(f"/api/v1/events?after={after}", headers=headers).json()
        assert [event["position"] for event in body["events"]] == [positions[3]]


def test_a_page_costs_the_same_however_many_there_are() -> None:
    """What it asks is answered by an index, from a place in it on."""
    rows = Event.objects.filter(client="shop", position__gt=5).order_by("position")
    plans = [rows[:101].explain(), rows.filter(type=EventType.APPROVED)[:101].explain()]
    plans.append(Event.objects.filter(position=None)[:100].explain())

    indexes = ("event_feed", "event_feed_of_type", "sqlite_autoindex_prescriptions_event_2")
    if connection.vendor == "sqlite":
        for plan, index in zip(plans, indexes, strict=True):
            assert f"INDEX {index} " in plan, plan
            assert "TEMP B-TREE" not in plan
