"""Positions in the feed, so that `after=` loses nothing.

An id is given when a row is inserted, and rows are seen when their transaction commits: who asks for what comes after
the last id that they saw would miss a row of a slow transaction for ever. So a committed row gets its position later,
in a transaction that holds the lock of one row (`EventHead`) from before it looks until it commits. Therefore whoever
sees a position sees all that are lower, or never will: there are none. It does not matter who does it, or how many at
once: beat does, and whoever reads the feed.

Positions only grow, also over a restore of the database: none is lower than the time in milliseconds at which it was
given. Where a back-up was brought back, readers go on with the position that they had, and miss nothing that comes.

Of one prescription events are written under the lock of its review, one transaction after the other, so that the
order of ids, in which positions are given, is the order in which things happened.
"""

from typing import Final

from django.db import transaction
from django.db.models import F

from prescriptions.events import deliveries
from prescriptions.infra.database import agreed
from prescriptions.models import Event, EventHead

AT_ONCE: Final = 500


def place() -> int:
    """Give their positions to those that are due, up to `AT_ONCE`; returns how many that were.

    Costs one query by a small index where there are none.
    """
    due = Event.objects.filter(position=None, due_at__lte=agreed.now())
    if not due.exists():
        return 0
    with transaction.atomic():
        head = _locked_head()
        # Locked: what is being undone at this moment is waited for, and is gone then.
        events = list(due.select_for_update().order_by("pk")[:AT_ONCE])
        if not events:
            return 0
        first = max(head.position + 1, int(agreed.now().timestamp() * 1000))
        before = first - events[0].pk
        Event.objects.filter(pk__in=[event.pk for event in events]).update(position=F("pk") + before)
        for event in events:
            event.position = event.pk + before
        deliveries.fan_out(events)
        EventHead.objects.filter(pk=head.pk).update(position=events[-1].pk + before)
    return len(events)


def _locked_head() -> EventHead:
    """SQLite's transactions lock out all other writers from their beginning."""
    EventHead.objects.get_or_create(pk=1)
    return EventHead.objects.select_for_update().get(pk=1)
