"""Looks: the first of an hour is an event at once, the others one more when the hour is over."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from prescriptions import audit
from prescriptions.audit import looks
from prescriptions.audit.actors import CUSTOMER, LINK, SYSTEM
from prescriptions.models import AuditEvent, Look, new_identifier
from tests.databases import on_each_database
from tests.prescriptions.staff import Clock
from tests.prescriptions.test_races import at_once

pytestmark = [on_each_database, pytest.mark.django_db]


@pytest.fixture
def hour(clock: Clock) -> Clock:
    """Stands at two minutes past the hour."""
    clock.now = looks.hour_of(clock.now) + timedelta(minutes=2)
    return clock


def told(rx: str) -> list[tuple[str, dict[str, Any]]]:
    return [(event.actor, event.data) for event in AuditEvent.objects.filter(rx=rx).order_by("seq")]


def test_an_hour_of_looks_is_two_events_whoever_looks_how_often(hour: Clock) -> None:
    rx = new_identifier()
    begun = hour.now.isoformat(timespec="seconds")
    for _ in range(14):
        audit.looked(rx, audit.Verb.PAGE_OPENED, actor=CUSTOMER, data={"page": 2})
        hour.forward(minutes=4)
    assert told(rx) == [("customer", {"page": 2})], "at once"
    assert looks.close() == 0, "the hour is not over"

    hour.forward(minutes=10)

    assert looks.close() == 1
    first, last = (hour.now - timedelta(minutes=m) for m in (62, 14))
    more = {"count": 13, "first": first.isoformat(timespec="seconds"), "last": last.isoformat(timespec="seconds")}
    assert begun < more["first"] < more["last"]  # type: ignore[operator]
    assert told(rx) == [("customer", {"page": 2}), ("customer", {"page": 2, **more})]
    assert (looks.close(), Look.objects.count()) == (0, 0)
    assert audit.verify(rx, bucket=False).faults == []


def test_another_hour_page_verb_or_actor_is_another_look(hour: Clock) -> None:
    rx = new_identifier()
    audit.looked(rx, audit.Verb.PAGE_OPENED, actor=CUSTOMER, data={"page": 1})
    audit.looked(rx, audit.Verb.PAGE_OPENED, actor=CUSTOMER, data={"page": 2})
    audit.looked(rx, audit.Verb.PAGE_OPENED, actor=LINK, data={"page": 2})
    audit.looked(rx, audit.Verb.ORDER_VIEWED, actor=LINK, data={"page": 2})
    hour.forward(hours=1)
    audit.looked(rx, audit.Verb.PAGE_OPENED, actor=CUSTOMER, data={"page": 1})

    assert len(told(rx)) == 5
    assert looks.close() == 0, "none of them was repeated"


def test_many_prescriptions_are_one_statement_once_they_were_looked_at(django_assert_num_queries: Any) -> None:
    rxs = [new_identifier() for _ in range(5)]
    audit.all_looked(rxs[:4], audit.Verb.ORDER_VIEWED, actor=CUSTOMER)
    audit.all_looked(rxs, audit.Verb.ORDER_VIEWED, actor=CUSTOMER)
    with django_assert_num_queries(1 + 2):  # and what begins and ends a transaction
        audit.all_looked(rxs, audit.Verb.ORDER_VIEWED, actor=CUSTOMER)
    audit.all_looked([], audit.Verb.ORDER_VIEWED, actor=CUSTOMER)

    assert AuditEvent.objects.count() == 5
    assert sorted(Look.objects.values_list("count", flat=True)) == [1, 2, 2, 2, 2]


def test_what_would_not_fit_is_refused_before_it_is_written() -> None:
    with pytest.raises(ValueError, match="250 characters"):
        audit.looked(new_identifier(), audit.Verb.REFUSED, actor=SYSTEM, data={"what": "x" * 250})

    assert AuditEvent.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_looks_at_the_same_moment_are_all_counted() -> None:
    rx = new_identifier()

    others = [new_identifier() for _ in range(3)]
    at_once(4, lambda: audit.all_looked(others, audit.Verb.ORDER_VIEWED, actor=LINK))
    assert list(Look.objects.values_list("count", flat=True)) == [3] * 3
    Look.objects.all().delete()

    at_once(8, lambda: audit.looked(rx, audit.Verb.PAGE_OPENED, actor=LINK, data={"page": 1}))

    assert told(rx) == [("link", {"page": 1})]
    assert Look.objects.get().count == 7
    Look.objects.update(hour=looks.hour_of(timezone.now()) - timedelta(hours=1))
    assert sum(at_once(3, looks.close)) == 1
    assert [data.get("count", 1) for _actor, data in told(rx)] == [1, 7]
