"""Deliveries: at least once, in order for each prescription, whoever dies, and however a receiver behaves."""

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from prescriptions.audit.actors import SYSTEM
from prescriptions.events import deliveries, delivering, feed, outbox, placing, webhooks
from prescriptions.events.sending import sender
from prescriptions.infra import per_process
from prescriptions.infra.problems import Problem
from prescriptions.models import AuditEvent, Delivery, DeliveryState, Event, EventType, Page, Webhook
from prescriptions.variants import claims
from tests.databases import on_each_database
from tests.prescriptions.conftest import CLOSED, claim
from tests.prescriptions.staff import Clock
from tests.receiver import Receiver, receiving

pytestmark = [on_each_database, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def alone(settings: Settings) -> Iterator[None]:
    """Nobody to be woken, and receivers on this machine, who are tried again at once."""
    settings.RX_REDIS_URL, settings.RX_WEBHOOK_ALLOW_PRIVATE = f"redis://{CLOSED}/0", True
    settings.RX_WEBHOOK_BACKOFF = (0,)
    with per_process.anew():
        yield
        sender.sender().close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def hook(receiver: Receiver) -> Webhook:
    made, secret = webhooks.make(client="shop", url=receiver.url, by=SYSTEM)
    receiver.secrets.append(secret)
    return made


def write(rx: str, *kinds: EventType, client: str = "shop") -> list[str]:
    return [outbox.write(kind, client=client, rx=rx * 32, data={"status": "x"}).uid for kind in kinds]


def run_until_done(*, most: int = 400) -> None:
    """As beat does, again and again; what rests meanwhile is over, so that nobody waits for it."""
    for _ in range(most):
        delivering.run()
        if not deliveries.is_anything_open():
            return
        Webhook.objects.update(rests_until=Webhook.objects.values_list("created_at", flat=True)[0])
    raise AssertionError(Delivery.objects.filter(state=DeliveryState.OPEN).count())


def test_it_is_told_as_the_feed_tells_it_and_signed(hook: Webhook, receiver: Receiver) -> None:
    (uid,) = write("a", EventType.RECEIVED)
    write("b", EventType.RECEIVED, client="rival")
    write("c", EventType.VARIANT_READY)  # which this one has not asked for

    delivering.run()

    (got,) = receiver.got
    assert (got.headers["webhook-id"], got.signed_by, got.headers["content-type"]) == (uid, (0,), "application/json")
    assert got.event == feed.as_told(Event.objects.get(uid=uid))
    row = Delivery.objects.get()
    assert (row.state, row.attempts, row.log[0]["status"], row.log[0]["error"]) == ("delivered", 1, 200, None)
    hook.refresh_from_db()
    assert (hook.failures, hook.succeeded_at is not None) == (0, True)


def test_of_variants_is_told_who_asked_and_only_what_came_of_it(row: Page, receiver: Receiver) -> None:
    kinds = [EventType.VARIANT_READY, EventType.VARIANT_FAILED]
    _, secret = webhooks.make(client=row.prescription.client, url=receiver.url, types=kinds, by=SYSTEM)
    receiver.secrets.append(secret)

    # when one is made, one fails for good, and one is tried again
    claimed = [claim(row, f"full/{width},9/0/default.webp") for width in (1, 2, 3)]
    begun = [claims.begin(one.pk, one.owner) for one in claimed]
    made = claims.Made(size=9, width=1, height=9, etag='"e"')
    assert begun[0]
    assert claims.finish(begun[0], made, milliseconds=1, timings={})
    assert begun[1]
    assert begun[2]
    claims.fail(begun[1], code="source-damaged", detail="")
    claims.postpone(begun[2], code=claims.TROUBLE, detail="")
    run_until_done()

    # then the first two are told, and nothing but ids and codes with them
    told = [(one.event["type"], one.event["data"]) for one in receiver.got]
    assert [kind for kind, _ in told] == kinds
    assert [(data["job"], data["page"], data.get("error")) for _, data in told] == [
        (claimed[0].pk, 1, None),
        (claimed[1].pk, 1, "source-damaged"),
    ]


def test_a_delivery_that_fails_holds_up_its_prescription_and_no_other(hook: Webhook, receiver: Receiver) -> None:
    fails = {"left": 3}

    def answer(event: dict[str, Any]) -> int:
        if event["data"]["prescription"][0] == "a" and fails["left"]:
            fails["left"] -= 1
            return 500
        return 200

    receiver.answer = answer
    first = write("a", EventType.RECEIVED, EventType.IN_REVIEW, EventType.APPROVED)
    other = write("b", EventType.RECEIVED, EventType.IN_REVIEW)

    run_until_done()

    ids = [event["id"] for event in receiver.taken]
    assert [one for one in ids if one in first] == first
    assert [one for one in ids if one in other] == other
    assert ids.index(other[1]) < ids.index(first[0])
    assert Delivery.objects.get(event__uid=first[0]).attempts == 4


def test_nothing_is_lost_and_nothing_overtakes_whoever_is_killed(
    hook: Webhook, receiver: Receiver, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receiver that fails three times in ten, and a process that dies between sending and writing it down."""
    chance = random.Random(1)
    receiver.answer = lambda _event: 503 if chance.random() < 0.3 else 200
    monkeypatch.setattr(receiver, "secrets", [])  # their time is not the test's
    uids = [uid for rx in "abcdefgh" * 5 for uid in write(rx, EventType.IN_REVIEW, EventType.QUESTION)]
    settle = deliveries.settle

    class Killed(BaseException):
        pass

    def die(*arguments: Any) -> None:
        if chance.random() < 0.1:
            raise Killed
        settle(*arguments)

    monkeypatch.setattr(deliveries, "settle", die)

    kills = 0
    for _ in range(400):
        try:
            delivering.run()
        except Killed:
            kills += 1
        clock.forward(seconds=61)  # leases and rests are over
        if not deliveries.is_anything_open():
            break

    assert kills > 2
    assert {event["id"] for event in receiver.taken} == set(uids)
    firsts = list(dict.fromkeys(event["id"] for event in receiver.taken))
    of = dict(Event.objects.values_list("uid", "rx"))
    for rx in set(of.values()):
        assert [uid for uid in firsts if of[uid] == rx] == [uid for uid in uids if of[uid] == rx]


def test_two_at_once_have_different_ones_and_of_one_prescription_the_first(hook: Webhook) -> None:
    for rx in "abc":
        write(rx, EventType.RECEIVED, EventType.IN_REVIEW)
    placing.place()

    one = deliveries.claim("one", room=2, flying={})
    two = deliveries.claim("two", room=9, flying={})

    assert [delivery.event.rx[0] for delivery in [*one, *two]] == ["a", "b", "c"]
    assert {delivery.event.type for delivery in [*one, *two]} == {"prescription.received"}
    assert deliveries.claim("three", room=9, flying={}) == []


def test_a_receiver_in_trouble_is_tried_once_in_a_while_and_takes_nobodys_place(hook: Webhook, clock: Clock) -> None:
    for number in range(20):
        outbox.write(EventType.RECEIVED, client="shop", rx=f"{number:032}")
    placing.place()
    Webhook.objects.update(failures=deliveries.TROUBLED)

    assert len(deliveries.claim("one", room=64, flying={})) == 1
    assert deliveries.claim("one", room=64, flying={hook.pk: 1}) == []
    Webhook.objects.update(failures=0)
    assert len(deliveries.claim("two", room=64, flying={})) == deliveries.PER_WEBHOOK


def test_who_takes_nothing_for_three_days_is_switched_off_and_goes_on_where_it_stopped(
    hook: Webhook, receiver: Receiver, clock: Clock
) -> None:
    receiver.answer = lambda _event: 500
    write("a", EventType.RECEIVED, EventType.IN_REVIEW)
    delivering.run()
    clock.forward(days=3, seconds=1)
    delivering.run()

    hook.refresh_from_db()
    assert (hook.disabled_because, deliveries.is_anything_open()) == ("failing", False)
    told = AuditEvent.objects.get(verb="webhook.disabled")
    assert (told.rx, told.data) == (f"webhook-{hook.pk}", {"client": "shop", "why": "failing"})
    before = len(receiver.got)
    clock.forward(days=1)
    delivering.run()
    assert len(receiver.got) == before

    receiver.answer = lambda _event: 200
    webhooks.enable(hook, by=SYSTEM)
    run_until_done()
    assert [event["type"].partition(".")[2] for event in receiver.taken] == ["received", "in_review"]


def test_one_event_that_is_never_taken_is_given_up_alone(
    hook: Webhook, receiver: Receiver, clock: Clock, settings: Settings
) -> None:
    settings.RX_WEBHOOK_BACKOFF = (3600,)
    receiver.answer = lambda event: 500 if event["type"] == "prescription.received" else 200
    bad, behind = write("a", EventType.RECEIVED, EventType.IN_REVIEW)
    delivering.run()
    clock.forward(days=1)
    write("b", EventType.IN_REVIEW)
    delivering.run()
    clock.forward(days=2, seconds=1)
    run_until_done()

    states = dict(Delivery.objects.values_list("event__uid", "state"))
    assert (states[bad], states[behind]) == ("given_up", "delivered")
    hook.refresh_from_db()
    assert hook.disabled_at is None


def test_one_that_says_that_it_is_gone_is_believed(hook: Webhook, receiver: Receiver) -> None:
    receiver.answer = lambda _event: 410
    write("a", EventType.RECEIVED)

    delivering.run()

    hook.refresh_from_db()
    assert (hook.disabled_because, len(receiver.got)) == ("gone", 1)


def test_tries_are_further_and_further_apart(
    hook: Webhook, receiver: Receiver, clock: Clock, settings: Settings
) -> None:
    settings.RX_WEBHOOK_BACKOFF = (5, 30, 7200)
    receiver.answer = lambda _event: 500
    write("a", EventType.RECEIVED)
    pauses = []
    for _ in range(4):
        delivering.run()
        row = Delivery.objects.get()
        pauses.append((row.next_at - clock.now).total_seconds())
        clock.now = row.next_at + timedelta(seconds=1)

    for pause, least in zip(pauses, (5, 30, 7200, 7200), strict=True):
        assert least <= pause <= least * 1.2
    assert [tried["status"] for tried in Delivery.objects.get().log] == [500] * 4


def test_for_a_day_both_secrets_sign(hook: Webhook, receiver: Receiver, settings: Settings) -> None:
    receiver.secrets.append(webhooks.rotate(hook, by=SYSTEM))
    write("a", EventType.RECEIVED)
    delivering.run()
    Webhook.objects.update(old_until=Webhook.objects.values_list("created_at", flat=True)[0])
    write("b", EventType.RECEIVED)
    delivering.run()

    assert [got.signed_by for got in receiver.got] == [(0, 1), (1,)]


def test_what_is_kept_of_a_secret_is_sealed(hook: Webhook, receiver: Receiver) -> None:
    secret = receiver.secrets[0].removeprefix("whsec_").encode()

    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM prescriptions_webhook")
        (row,) = cursor.fetchall()
    assert not any(secret in bytes(value) for value in row if isinstance(value, bytes | memoryview))
    assert secret.decode() not in str(row)


def test_events_are_sent_again_by_name_and_by_place(hook: Webhook, receiver: Receiver) -> None:
    uids = write("a", EventType.RECEIVED, EventType.IN_REVIEW, EventType.APPROVED)
    run_until_done()
    first = Event.objects.get(uid=uids[0])

    assert webhooks.replay(hook, events=[uids[1]], by=SYSTEM) == (1, 0)
    run_until_done()
    assert webhooks.replay(hook, after=first.position or 0, by=SYSTEM) == (2, 0)
    run_until_done()

    assert [event["id"] for event in receiver.taken] == [*uids, uids[1], uids[1], uids[2]]
    with pytest.raises(Problem) as absent:
        webhooks.replay(hook, events=["evt_" + "0" * 32], by=SYSTEM)
    assert absent.value.status == 404


def test_a_test_goes_to_the_one_that_is_tested(hook: Webhook, receiver: Receiver) -> None:
    webhooks.make(client="shop", url=f"{receiver.url}/other", by=SYSTEM)

    event = webhooks.test(hook)
    run_until_done()

    (got,) = receiver.got
    assert (got.event["type"], got.event["id"], got.signed_by) == ("webhook.test", event.uid, (0,))


def test_a_webhook_that_is_taken_away_leaves_nothing(hook: Webhook, receiver: Receiver) -> None:
    write("a", EventType.RECEIVED)
    placing.place()

    webhooks.remove(hook, by=SYSTEM)
    delivering.run()

    assert (Delivery.objects.count(), Webhook.objects.count(), receiver.got) == (0, 0, [])
