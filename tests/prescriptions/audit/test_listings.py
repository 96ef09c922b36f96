"""Lists of prescriptions: one event for each, and whoever asks who saw one of them is told of it."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from prescriptions import audit
from prescriptions.audit import listings
from prescriptions.audit.actors import CUSTOMER, Actor, ActorKind
from prescriptions.models import AuditEvent, new_identifier
from tests.databases import on_each_database

pytestmark = [on_each_database, pytest.mark.django_db]
SHOP, OTHER = (Actor(ActorKind.CLIENT, n * 16, f"Till {n}") for n in "12")
END = 1_798_761_600


def listed(rxs: list[str], actor: Actor = SHOP, until: int = END, **asked: str) -> None:
    listings.record(rxs, actor=actor, until=until, asked=asked)


def test_a_list_is_one_event_and_the_same_one_is_not_told_again(django_assert_num_queries: Any) -> None:
    rxs = [new_identifier() for _ in range(200)]

    listed(rxs, status="approved")
    with django_assert_num_queries(1):
        listed(rxs, status="approved")
    listed([])

    event = AuditEvent.objects.get()
    assert (event.verb, event.actor, event.actor_name) == ("prescriptions.listed", str(SHOP), "Till 1")
    assert event.data == {"until": END, "asked": {"status": "approved"}, "count": 200, "ids": rxs}
    assert audit.verify(event.rx, bucket=False).faults == []


def test_another_actor_end_filter_or_row_is_another_list() -> None:
    rxs = [new_identifier() for _ in range(3)]
    listed(rxs)
    listed(rxs, OTHER)
    listed(rxs, until=END + 900)
    listed(rxs, status="approved")
    listed(rxs[:2])

    assert AuditEvent.objects.values("rx").distinct().count() == 5


def test_who_was_given_a_list_with_it() -> None:
    mine, others = new_identifier(), new_identifier()
    listed([mine, others])
    listed([others], OTHER)
    listed([mine], CUSTOMER, END + 900)

    assert {event.actor for event in listings.with_any([mine])} == {str(SHOP), "customer"}
    assert {event.actor for event in listings.with_any([mine, others])} == {str(SHOP), str(OTHER), "customer"}
    assert list(listings.with_any([])) == []


def test_to_whom_a_link_was_given_by_a_list() -> None:
    rxs = [new_identifier() for _ in range(150)]
    listed(rxs)
    listed(rxs[:1], OTHER)
    listed(rxs[:1], CUSTOMER, END + 900)

    found = [(link, event.actor) for link, event in listings.given({(rx, END) for rx in rxs})]

    assert len(found) == 151
    assert [actor for link, actor in found if link[0] == rxs[0]] == [str(OTHER), str(SHOP)]
    assert {actor for link, actor in found if link[0] != rxs[0]} == {str(SHOP)}
    assert list(listings.given({(rxs[0], END + 1800), (new_identifier(), END)})) == []


@pytest.mark.parametrize("asked", ["rx", "link"])
def test_an_index_answers(asked: str) -> None:
    rx = new_identifier()
    AuditEvent.objects.bulk_create(
        AuditEvent(rx=f"list-{n:010d}-0", seq=1, actor="system", verb="prescriptions.listed", hash="0", data={
            "ids": [new_identifier() for _ in range(5)], "until": n,
        })
        for n in range(3_000)
    )  # fmt: skip
    with CaptureQueriesContext(connection) as captured:
        list(listings.with_any([rx]) if asked == "rx" else listings.given({(rx, END)}))
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE prescriptions_auditevent")
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_indexscan = off")  # of another index
        explain = "EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN "
        cursor.execute(explain + captured.captured_queries[0]["sql"])
        plan = "\n".join(str(row) for row in cursor.fetchall())

    # SQLite has no index over ids: it reads the lists of the quarter of an hour, or all of them.
    index = {"rx": "audit_verb", "link": "(rx>? AND rx<?)"}[asked]
    assert ("audit_listed" if connection.vendor == "postgresql" else index) in plan, plan
