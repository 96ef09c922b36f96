"""The outbox: what happened is written down in the transaction in which it happens, or neither is.

What can still be undone waits for its time, and is taken out again if it is undone.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Least

from prescriptions.events import hints, listeners
from prescriptions.infra.database import agreed
from prescriptions.models import Event, EventType, Prescription


def write(
    kind: EventType,
    *,
    client: str,
    rx: str = "",
    order_ref: str = "",
    data: Mapping[str, Any] | None = None,
    due_at: datetime | None = None,
) -> Event:
    """In the caller's transaction. `data`: ids and codes only. `due_at`: nobody is told before."""
    now = agreed.now()
    event = Event.objects.create(
        client=client, type=kind, rx=rx, order_ref=order_ref, data=dict(data or {}), at=now, due_at=due_at or now
    )
    if listeners.listens(client, kind):
        transaction.on_commit(hints.wake, robust=True)
    return event


def write_of(
    prescription: Prescription, kind: EventType, data: Mapping[str, Any], *, due_at: datetime | None = None
) -> Event:
    """As `write`, about a prescription."""
    return write(
        kind,
        client=prescription.client,
        rx=prescription.pk,
        order_ref=prescription.order_ref,
        data=data,
        due_at=due_at,
    )


def recall(rx: str, kinds: tuple[EventType, ...], *, only_early: bool = False) -> int:
    """Nobody is told these: returns how many were taken out, which had no position yet. In the caller's transaction.

    `only_early`: those whose time has not come.
    """
    early = Q(due_at__gt=agreed.now()) if only_early else Q()
    deleted: int = _locked(Event.objects.filter(early, rx=rx, type__in=kinds, position=None)).delete()[0]
    return deleted


def is_told(rx: str, kinds: tuple[EventType, ...], *, since: datetime) -> bool:
    """Has anybody been told one of these, or may have been? `since`: when it happened at the earliest."""
    return Event.objects.filter(rx=rx, type__in=kinds, at__gte=since, position__isnull=False).exists()


def forget(rx: str) -> None:
    """Of an erased prescription only ids and codes stay; and what waits for its time can no longer be undone, so it is
    due, and told before what follows. In the caller's transaction.
    """
    _locked(Event.objects.filter(rx=rx)).update(order_ref="", due_at=Least("due_at", Value(agreed.now())))


def _locked(rows: QuerySet[Event]) -> QuerySet[Event]:
    """Those rows, locked in the order in which `placing` locks them: two that meet never wait for each other."""
    return Event.objects.filter(pk__in=list(rows.select_for_update().order_by("pk").values_list("pk", flat=True)))
