"""Looks: a trace of each, without a chain that grows as long as somebody's script likes.

The first look of an hour is an event at once. Those that follow it within the hour are counted in a row, and when the
hour is over one more event tells of them: how many, from when to when. So nobody looks unseen, and no hour of one
person's at one thing is more than two events.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone

from prescriptions.audit import chain
from prescriptions.audit.actors import Actor
from prescriptions.models import Look

# So many hours of somebody's are written down in one transaction: who looks meanwhile waits for it.
_CHUNK: Final = 200


@dataclass(frozen=True, slots=True)
class Tally:
    """Looks that were counted elsewhere: `count` of them from `first` to `last`, all within one hour."""

    rx: str
    verb: str
    actor: str
    detail: str
    count: int
    first: datetime
    last: datetime


def looked(rx: str, verb: str, *, actor: Actor, data: Mapping[str, Any] | None = None) -> None:
    """Somebody looked. `rx`: the chain; `data`: at what of it, the same for the same thing."""
    all_looked([rx], verb, actor=actor, data=data)


def all_looked(rxs: Collection[str], verb: str, *, actor: Actor, data: Mapping[str, Any] | None = None) -> None:
    """The same look at several prescriptions; one statement when all of them, or none, were looked at in this hour."""
    at, wanted = timezone.now(), sorted(set(rxs))
    if not wanted:
        return
    same = {"hour": hour_of(at), "verb": str(verb), "actor": str(actor)[:64], "detail": written(data or {})}
    rows = Look.objects.filter(rx__in=wanted, **same)
    try:
        with transaction.atomic() if len(wanted) > 1 else nullcontext():
            counted = _count(rows, at)
            if counted == len(wanted):
                return
            if counted:
                raise _Mixed
        with transaction.atomic():
            Look.objects.bulk_create(Look(rx=rx, actor_name=actor.name[:150], **same) for rx in wanted)
            chain.record_all(wanted, verb, actor=actor, data=data)
    except (_Mixed, IntegrityError):  # of the latter: the same look, elsewhere at this moment
        for rx in wanted:
            _look_at_one(rx, verb, actor, data, same, at)


class _Mixed(Exception):
    """Some have been looked at before. Which ones could change while we ask, so nothing was counted."""


def add(tallies: Sequence[Tally]) -> None:
    """Count what was counted elsewhere, in the caller's transaction. Nothing is told of it before the hour is over."""
    adapt = connection.ops.adapt_datetimefield_value
    rows = [
        (
            adapt(hour_of(one.first)),
            one.rx,
            one.verb,
            one.actor,
            one.detail,
            one.count,
            adapt(one.first),
            adapt(one.last),
        )
        for one in sorted(
            tallies, key=lambda one: (one.rx, one.first)
        )  # in one order: two writers wait, and never cross
    ]
    with connection.cursor() as cursor:
        cursor.executemany(_ADD, rows)


def how_many(actor: Actor, verb: str) -> int:
    """At how many things this actor has looked so within this hour."""
    return Look.objects.filter(actor=str(actor)[:64], verb=str(verb), hour=hour_of(timezone.now())).count()


def close() -> int:
    """Write down the hours that are over; how many events that took. Safe to run anywhere, any number at once."""
    told = 0
    while True:
        with transaction.atomic():
            over = Look.objects.select_for_update(skip_locked=True).filter(hour__lt=hour_of(timezone.now()))
            rows = list(over.order_by("pk")[:_CHUNK])
            # In the order of the chains, so that two writers wait for each other and never cross.
            counted = sorted((row for row in rows if row.count), key=lambda row: (row.rx, row.first))
            if counted:
                chain.append([_entry(row) for row in counted])
            Look.objects.filter(pk__in=[row.pk for row in rows]).delete()
        told += len(counted)
        if len(rows) < _CHUNK:
            return told


def hour_of(at: datetime) -> datetime:
    """The beginning of its hour, in UTC."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def written(data: Mapping[str, Any]) -> str:
    """What an event's data says, as the text that a row keeps. Raises ValueError for more than a row can hold."""
    text = json.dumps(dict(data), sort_keys=True, separators=(",", ":"))
    if len(text) > Look._meta.get_field("detail").max_length:  # type: ignore[operator]
        message = "A look has ids and numbers in its data, and not more of them than 250 characters hold."
        raise ValueError(message)
    return text


def _count(rows: Any, at: datetime) -> int:
    return int(rows.update(count=F("count") + 1, first=Coalesce("first", at), last=at))


def _look_at_one(rx: str, verb: str, actor: Actor, data: Any, same: dict[str, Any], at: datetime) -> None:
    with transaction.atomic():
        _row, first = Look.objects.get_or_create(rx=rx, **same, defaults={"actor_name": actor.name[:150]})
        if first:
            chain.record(rx, verb, actor=actor, data=data)
        else:
            _count(Look.objects.filter(rx=rx, **same), at)


def _entry(row: Look) -> chain.Entry:
    if row.first is None or row.last is None:
        message = f"look {row.pk} is counted and has no time"
        raise ValueError(message)
    span = {
        name: at.astimezone(UTC).isoformat(timespec="seconds")
        for name, at in (("first", row.first), ("last", row.last))
    }
    return chain.Entry(
        row.rx, row.verb, row.actor, row.actor_name, {**json.loads(row.detail), "count": row.count, **span}
    )


_ADD: Final = """
INSERT INTO prescriptions_look (hour, rx, verb, actor, detail, count, first, last, actor_name)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, '')
ON CONFLICT (hour, rx, verb, actor, detail) DO UPDATE SET
  count = prescriptions_look.count + excluded.count,
  first = CASE WHEN excluded.first > prescriptions_look.first THEN prescriptions_look.first ELSE excluded.first END,
  last = CASE WHEN excluded.last < prescriptions_look.last THEN prescriptions_look.last ELSE excluded.last END
"""
