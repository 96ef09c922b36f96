"""The feed: what one client has been told, in order, from any position on."""

from collections.abc import Collection, Iterator
from datetime import UTC, timedelta
from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from prescriptions.events import placing
from prescriptions.infra.addresses import absolute
from prescriptions.infra.problems import Problem
from prescriptions.models import Event, EventHead

_AT_ONCE: Final = 1000  # rows that one statement deletes


def read(rows: QuerySet[Event], *, after: int, limit: int, types: Collection[str] = ()) -> list[Event]:
    """Up to `limit` of `rows` behind a position, in order; of some types only. Each page costs the same.

    What is due and has no position is given one first, so that nobody waits for beat. Raises Problem 410: some of what
    came after that position is no longer kept.
    """
    placing.place()
    gone = EventHead.objects.filter(pk=1).values_list("gone", flat=True).first() or 0
    if 0 < after < gone:
        raise Problem(
            410,
            "events-gone",
            "Some of these events are no longer kept",
            f"Events are kept for {settings.RX_EVENTS_DAYS} days; those up to position {gone} are gone. List the "
            f"prescriptions to see where they stand, then go on with after={gone}.",
        )
    behind = rows.filter(position__gt=after).order_by("position")
    if not types:
        return list(behind[:limit])
    # One walk along an index for each type: events of a rare one are not looked for among all others.
    of_each: list[Iterator[Event]] = [iter(behind.filter(type=kind)[:limit]) for kind in types]
    return list(islice(merge(*of_each, key=attrgetter("position")), limit))


def as_told(event: Event) -> dict[str, Any]:
    """An event as clients see it, in the feed and in what is sent."""
    data: dict[str, Any] = {}
    if event.rx:
        data["prescription"] = event.rx
        of_variant = f"/pages/{event.data['page']}/variants/{event.data['variant']}" if "variant" in event.data else ""
        data["url"] = absolute(f"/api/v1/prescriptions/{event.rx}{of_variant}")
    data["order_ref"] = event.order_ref or None
    return {
        "id": event.uid,
        "type": event.type,
        "timestamp": event.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "position": event.position,
        "data": {**data, **event.data},
    }


def forget_old(most: int = 20 * _AT_ONCE) -> int:
    """Delete what is older than RX_EVENTS_DAYS, up to so many; returns how many. For the beat."""
    since = timezone.now() - timedelta(days=settings.RX_EVENTS_DAYS)
    old = Event.objects.filter(at__lt=since, position__isnull=False).order_by("at").values_list("pk", "position")
    deleted = 0
    while deleted < most and (found := list(old[:_AT_ONCE])):
        with transaction.atomic():
            last = max(position or 0 for _pk, position in found)
            Event.objects.filter(pk__in=[pk for pk, _position in found]).delete()
            EventHead.objects.filter(pk=1, gone__lt=last).update(gone=last)
        deleted += len(found)
    return deleted


def last_position() -> int:
    """Of the newest event that is due; 0 where there is none."""
    while placing.place() == placing.AT_ONCE:
        pass
    return Event.objects.aggregate(last=Max("position"))["last"] or 0
