"""What clients are told: written with what happens, never what can still be undone, in an order that loses nothing."""

import json
import threading
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from prescriptions.audit.actors import CUSTOMER
from prescriptions.audit.actors import staff as actor_of
from prescriptions.events import feed, outbox, placing
from prescriptions.infra.problems import Problem
from prescriptions.models import Event, EventHead, EventType, Prescription, Review
from prescriptions.review import clarifications, decisions, orders, queue, undo
from prescriptions.upkeep import erasure
from tests.databases import on_each_database
from tests.prescriptions.reviewing import Staff, agreement, approval, looked
from tests.prescriptions.staff import Clock, Make

pytestmark = [on_each_database, pytest.mark.django_db]
CANARY = "KANARIENVOGEL"


def told(**wanted: Any) -> list[str]:
    return [event.type.partition(".")[2] for event in feed.read(Event.objects.filter(**wanted), after=0, limit=100)]


def approved(review: Review, user: Any) -> Review:
    return decisions.decide(review.pk, approval(), actor=actor_of(user), version=looked(review, user).version)


def test_the_story_of_a_review_is_told_in_order_by_ids_and_codes_alone(make: Make, staff: Staff) -> None:
    review = make(order_ref="A-1")
    lines = [{"name": CANARY, "quantity_ordered": 3}]
    orders.replace(review.pk, lines, actor=CUSTOMER)
    review = queue.claim(review.pk, staff["pharmacist"])
    actor = actor_of(staff["pharmacist"])
    review = clarifications.ask(review.pk, f"Is it {CANARY}?", actor=actor, version=review.version)
    clarifications.answer(review.pk, f"Yes, {CANARY}", actor=CUSTOMER)
    review = queue.claim(review.pk, staff["pharmacist"])
    rejection = {"outcome": "rejected", "reason": "image_blurry", "customer_text": CANARY}
    decisions.decide(review.pk, rejection, actor=actor, version=review.version)

    events = feed.read(Event.objects.all(), after=0, limit=100)

    bodies = [feed.as_told(event) for event in events]
    assert [body["type"] for body in bodies] == [
        "prescription.received",
        "order.lines_changed",
        "prescription.in_review",
        "prescription.question",
        "prescription.answered",
        "prescription.in_review",
        "prescription.rejected",
    ]
    assert CANARY not in json.dumps(bodies)
    assert bodies[-1]["data"] == {
        "prescription": review.pk,
        "url": f"http://testserver/api/v1/prescriptions/{review.pk}",
        "order_ref": "A-1",
        "status": "rejected",
        "version": 7,
        "reason": "image_blurry",
    }
    positions = [body["position"] for body in bodies]
    assert positions == sorted(set(positions))


def test_a_decision_is_told_when_it_can_no_longer_be_undone(
    make: Make, staff: Staff, settings: Settings, clock: Clock
) -> None:
    settings.RX_REVIEW_UNDO = 8
    user = staff["pharmacist"]
    review = approved(queue.claim(make().pk, user), user)
    assert told() == ["received", "in_review"]

    clock.forward(seconds=7)
    assert told() == ["received", "in_review"]
    clock.forward(seconds=1)
    assert told() == ["received", "in_review", "approved"]
    assert Event.objects.get(type=EventType.APPROVED).data["version"] == review.version


def test_what_was_undone_is_never_told(make: Make, staff: Staff, settings: Settings, clock: Clock) -> None:
    settings.RX_REVIEW_UNDO = 8
    user = staff["pharmacist"]
    review = approved(queue.claim(make().pk, user), user)

    undo.undo(review.pk, actor=actor_of(user), version=review.version)

    clock.forward(seconds=60)
    assert told() == ["received", "in_review"]


def test_what_was_told_is_never_undone(make: Make, staff: Staff, settings: Settings, clock: Clock) -> None:
    """However close the two come: here the feed was faster by the time of one statement."""
    settings.RX_REVIEW_UNDO = 8
    user = staff["pharmacist"]
    review = approved(queue.claim(make().pk, user), user)
    Event.objects.filter(type=EventType.APPROVED).update(due_at=timezone.now())
    assert told()[-1] == "approved"

    with pytest.raises(Problem) as late:
        undo.undo(review.pk, actor=actor_of(user), version=review.version)

    assert (late.value.status, late.value.code) == (409, "invalid-transition")
    assert Review.objects.get().status == "approved"


def test_a_decision_that_a_senior_takes_back_is_told_if_it_was_told(
    make: Make, staff: Staff, settings: Settings, clock: Clock
) -> None:
    settings.RX_REVIEW_UNDO = 8
    user, senior = staff["pharmacist"], actor_of(staff["senior"])
    early, late = (approved(queue.claim(make().pk, user), user) for _ in range(2))
    decisions.reopen(early.pk, actor=senior, version=early.version, note="Look again.")
    clock.forward(seconds=9)
    assert told(rx=late.pk)[-1] == "approved"
    decisions.reopen(late.pk, actor=senior, version=late.version, note="Look again.")

    assert told(rx=early.pk) == ["received", "in_review"]
    assert told(rx=late.pk) == ["received", "in_review", "approved", "reopened"]


def test_a_second_check_is_our_own_affair_until_it_is_made(make: Make, staff: Staff, settings: Settings) -> None:
    settings.RX_REVIEW_UNDO = 8
    user, senior = staff["pharmacist"], staff["senior"]
    review = approved(queue.claim(make(lines=1, schedule="X").pk, user), user)
    assert (review.status, told()) == ("second_check", ["received", "in_review"])

    looked(review, senior)
    decisions.confirm(review.pk, agreement(), actor=actor_of(senior), version=review.version)

    assert told()[-1] == "approved"


def test_of_what_is_erased_ids_and_codes_stay_and_nothing_is_overtaken(
    make: Make, staff: Staff, settings: Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RX_REVIEW_UNDO = 8
    monkeypatch.setattr(erasure, "purge", lambda rx: True)  # of objects, which there are none of
    user = staff["pharmacist"]
    rejection = {"outcome": "rejected", "reason": "image_blurry"}
    claimed = queue.claim(make(order_ref="A-1").pk, user)
    decisions.decide(claimed.pk, rejection, actor=actor_of(user), version=claimed.version)

    erasure.erase(Prescription.objects.get())

    events = feed.read(Event.objects.all(), after=0, limit=100)
    assert [event.type.partition(".")[2] for event in events] == ["received", "in_review", "rejected", "erased"]
    assert {feed.as_told(event)["data"]["order_ref"] for event in events} == {None}


def test_nothing_is_written_of_what_did_not_happen(make: Make, staff: Staff) -> None:
    review = make()

    with transaction.atomic():
        queue.claim(review.pk, staff["pharmacist"])
        transaction.set_rollback(True)

    assert told() == ["received"]


@pytest.mark.django_db(transaction=True)
def test_a_slow_transaction_is_not_skipped() -> None:
    """Its row was written first and is seen last. SQLite has one writer at a time, and there it cannot happen."""
    if connection.vendor == "sqlite":
        outbox.write(EventType.RECEIVED, client="slow")
        assert told() == ["received"]
        return
    written, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        try:
            with transaction.atomic():
                outbox.write(EventType.RECEIVED, client="slow")
                written.set()
                assert go_on.wait(30)
        finally:
            connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    assert written.wait(30)
    outbox.write(EventType.RECEIVED, client="fast")
    (first,) = feed.read(Event.objects.all(), after=0, limit=10)
    go_on.set()
    thread.join(30)
    (second,) = feed.read(Event.objects.all(), after=first.position or 0, limit=10)

    assert (first.client, second.client) == ("fast", "slow")
    assert second.pk < first.pk


def test_positions_grow_also_after_a_restore(clock: Clock) -> None:
    """The database is an hour old again; readers have gone on since."""
    outbox.write(EventType.RECEIVED, client="shop")
    backup = EventHead.objects.get(pk=1).position if placing.place() else 0
    clock.forward(hours=1)
    outbox.write(EventType.RECEIVED, client="shop")
    placing.place()
    seen = feed.last_position()
    Event.objects.filter(position__gt=backup).delete()
    EventHead.objects.update(position=backup)

    clock.forward(minutes=1)
    outbox.write(EventType.RECEIVED, client="shop")

    assert len(feed.read(Event.objects.all(), after=seen, limit=10)) == 1
