"""Deliveries: which events go to whom, who sends the next, and what came of it. Rows alone say so: whoever is killed at
any point leaves a lease that runs out, and any number of processes may work on them at once.
"""

import logging
import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, Min, OuterRef, Q, QuerySet

from prescriptions import audit
from prescriptions.audit.actors import SYSTEM, Actor
from prescriptions.events import listeners
from prescriptions.events.sending.sender import Answer
from prescriptions.infra import metrics
from prescriptions.infra.database import agreed
from prescriptions.models import Delivery, DeliveryState, DisabledBecause, Event, EventType, Webhook

log = logging.getLogger("rx.events")

# At one receiver side by side; and at one where the last few tries have failed, whatever they were about.
PER_WEBHOOK: Final = 8
TROUBLED: Final = 5
_LONGEST_REST: Final = 60  # seconds; it is then tried once
# Much longer than a try takes, names that are not resolved included.
_LEASE: Final = timedelta(seconds=60)
_LOGGED: Final = 20  # tries
_JITTER: Final = 0.2
_GONE: Final = 410


# --- What goes to whom ------------------------------------------------------------------------------------------------
def fan_out(events: Sequence[Event]) -> None:
    """A row for each receiver of each event, in the transaction that gives their positions."""
    hooks: dict[str, list[Webhook]] = {}
    for hook in Webhook.objects.filter(client__in={event.client for event in events}, disabled_at=None):
        hooks.setdefault(hook.client, []).append(hook)
    rows = [new(hook, event) for event in events for hook in hooks.get(event.client, ()) if _wants(hook, event)]
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)


def new(hook: Webhook, event: Event) -> Delivery:
    now = agreed.now()
    return Delivery(
        webhook=hook,
        event=event,
        position=event.position or 0,
        subject=event.rx or (f"order {event.order_ref}" if event.order_ref else event.uid),
        created_at=now,
        next_at=now,
        leased_until=now,
    )


def _wants(hook: Webhook, event: Event) -> bool:
    if event.type == EventType.TEST:
        return bool(event.data.get("webhook") == hook.pk)
    return event.type in hook.types


# --- Who sends the next -----------------------------------------------------------------------------------------------
def claim(owner: str, *, room: int, flying: Mapping[str, int]) -> list[Delivery]:
    """Up to `room` that are due, for `owner`, each with its webhook and event. `flying`: how many of each webhook are
    under way already.

    Of one subject at one receiver the first that is open, and no other: what waits for another try holds up those
    behind it, and nobody else.
    """
    now, claimed = agreed.now(), list[Delivery]()
    due = Delivery.objects.filter(state=DeliveryState.OPEN, next_at__lte=now, leased_until__lte=now)
    hooks = Webhook.objects.filter(
        Exists(due.filter(webhook=OuterRef("pk"))), disabled_at=None, rests_until__lte=now
    ).values_list("pk", "failures")
    # Whoever has least under way comes first.
    for pk, failures in sorted(hooks, key=lambda hook: flying.get(hook[0], 0)):
        free = min((1 if failures >= TROUBLED else PER_WEBHOOK) - flying.get(pk, 0), room - len(claimed))
        if free > 0:
            claimed += _claim_of(due.filter(webhook=pk), free, owner, now)
    return claimed


def _claim_of(due: QuerySet[Delivery], free: int, owner: str, now: datetime) -> list[Delivery]:
    before = Delivery.objects.filter(
        webhook=OuterRef("webhook"),
        subject=OuterRef("subject"),
        state=DeliveryState.OPEN,
        position__lt=OuterRef("position"),
    )
    found = list(due.filter(~Exists(before)).order_by("next_at", "position").values_list("pk", flat=True)[:free])
    if not found:
        return []
    until = now + _LEASE
    Delivery.objects.filter(pk__in=found, state=DeliveryState.OPEN, next_at__lte=now, leased_until__lte=now).update(
        owner=owner, leased_until=until
    )
    mine = Delivery.objects.filter(pk__in=found, owner=owner, leased_until=until)
    return list(mine.select_related("webhook", "event").order_by("position"))


# --- What came of it --------------------------------------------------------------------------------------------------
def settle(delivery: Delivery, answer: Answer) -> None:
    """Write down one try, and what follows from it."""
    now = agreed.now()
    tried = {"at": now.isoformat(timespec="milliseconds"), "status": answer.status, "ms": answer.ms}
    tried["error"] = answer.error or None
    columns: dict[str, Any] = {
        "attempts": F("attempts") + 1,
        "first_at": delivery.first_at or now,
        "log": [*delivery.log, tried][-_LOGGED:],
        "owner": "",
        "leased_until": now,
    }
    if answer.is_good:
        _open(delivery).update(**columns, state=DeliveryState.DELIVERED, ended_at=now)
        _took(delivery.webhook_id, now)
        metrics.webhook_tried("delivered")
    else:
        _missed(delivery, answer, columns, now)


def _took(webhook_id: str, now: datetime) -> None:
    """At a receiver that takes everything that is one write a minute."""
    stale = Q(succeeded_at=None) | Q(succeeded_at__lte=now - timedelta(minutes=1)) | Q(failures__gt=0)
    Webhook.objects.filter(stale, pk=webhook_id).update(failures=0, rests_until=now, succeeded_at=now)


def _missed(delivery: Delivery, answer: Answer, columns: dict[str, Any], now: datetime) -> None:
    hook = Webhook.objects.filter(pk=delivery.webhook_id).first()
    if hook is None:
        return  # taken away meanwhile
    rest = min(_LONGEST_REST, 2 ** max(0, hook.failures + 1 - TROUBLED)) if hook.failures + 1 >= TROUBLED else 0
    Webhook.objects.filter(pk=hook.pk).update(failures=F("failures") + 1, rests_until=now + timedelta(seconds=rest))
    over = now - columns["first_at"] >= timedelta(seconds=settings.RX_WEBHOOK_GIVE_UP)
    alone = over and hook.succeeded_at is not None and hook.succeeded_at > columns["first_at"]
    if alone:  # it takes everything else
        _open(delivery).update(**columns, state=DeliveryState.GIVEN_UP, ended_at=now)
        log.warning("given up", extra={"webhook": hook.pk, "event": delivery.event.uid, "status": answer.status})
        metrics.webhook_tried("given_up")
        return
    again = now + timedelta(seconds=_pause(delivery.attempts))
    _open(delivery).update(**columns, next_at=again)
    # Those behind it are not looked at until then.
    behind = Delivery.objects.filter(webhook=hook, subject=delivery.subject, state=DeliveryState.OPEN)
    behind.filter(position__gt=delivery.position, next_at__lt=again).update(next_at=again)
    metrics.webhook_tried("failed")
    if answer.status == _GONE:
        disable(hook, DisabledBecause.GONE)
    elif over:
        disable(hook, DisabledBecause.FAILING)


def _pause(before: int) -> float:
    """Seconds until the next try after so many, a little different each time: those that failed together part."""
    pauses: Sequence[int] = settings.RX_WEBHOOK_BACKOFF
    return pauses[min(before, len(pauses) - 1)] * (1 + random.uniform(0, _JITTER))  # noqa: S311 - no secret


def _open(delivery: Delivery) -> QuerySet[Delivery]:
    return Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.OPEN)


def disable(hook: Webhook, because: DisabledBecause, *, by: Actor = SYSTEM) -> bool:
    """Nothing is sent there any more. False if that was so already."""
    with transaction.atomic():
        disabled = Webhook.objects.filter(pk=hook.pk, disabled_at=None).update(
            disabled_at=agreed.now(), disabled_because=because
        )
        if disabled:
            data = {"client": hook.client, "why": because.value}
            audit.record(f"webhook-{hook.pk}", "webhook.disabled", actor=by, data=data)
    if disabled:
        log.error("webhook disabled", extra={"webhook": hook.pk, "client": hook.client, "because": because.value})
        listeners.ask_again()
    return bool(disabled)


# --- Once more --------------------------------------------------------------------------------------------------------
def open_again(hook: Webhook, events: Iterable[Event]) -> int:
    """Send these, whether or not they were sent before; returns how many."""
    now, chosen = agreed.now(), list(events)
    with transaction.atomic():
        rows = Delivery.objects.filter(webhook=hook, event__in=[event.pk for event in chosen])
        there = set(rows.values_list("event_id", flat=True))
        rows.update(state=DeliveryState.OPEN, next_at=now, first_at=None, ended_at=None, owner="", leased_until=now)
        missing = [new(hook, event) for event in chosen if event.pk not in there]
        Delivery.objects.bulk_create(missing, ignore_conflicts=True)
    return len(chosen)


def oldest_seconds() -> float:
    """How long the oldest that is not delivered yet has been so; 0: there is none. Who is switched off is left out."""
    waiting = Delivery.objects.filter(state=DeliveryState.OPEN, webhook__disabled_at=None)
    first = waiting.order_by().aggregate(first=Min("created_at"))["first"]
    return max(0.0, (agreed.now() - first).total_seconds()) if first else 0.0


def is_anything_open() -> bool:
    """Of those who are not switched off."""
    return Delivery.objects.filter(state=DeliveryState.OPEN, webhook__disabled_at=None).exists()
