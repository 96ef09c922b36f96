"""What somebody has decided today: how many, how long people had waited for it, and how many of them too long."""

from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import Any, Final

from django.utils import timezone

from prescriptions.infra.database import agreed
from prescriptions.models import Review
from prescriptions.review.transitions import undo_since

_MOST: Final = 2000  # nobody decides more in a day


@dataclass(frozen=True, slots=True)
class Day:
    """`median`: from receipt to decision; None where nothing was decided. `late`: after they were due. `may_be_undone`:
    the last one was a moment ago.
    """

    decided: int
    median: timedelta | None
    late: int
    may_be_undone: bool


def of(user: Any) -> Day:
    """Since midnight in the pharmacy's time zone; one query, which an index answers."""
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    moment = undo_since(agreed.now())
    found = list(
        Review.objects.filter(reviewer=user, decided_at__gte=min(midnight, moment))
        .order_by("-decided_at")
        .values_list("queued_at", "decided_at", "due_at")[:_MOST]
    )
    rows = [(queued, decided, due) for queued, decided, due in found if decided is not None and decided >= midnight]
    waits = [decided - queued for queued, decided, _due in rows]
    late = sum(due is not None and decided > due for _queued, decided, due in rows)
    middle = timedelta(seconds=median(wait.total_seconds() for wait in waits)) if waits else None
    latest = found[0][1] if found else None
    return Day(len(rows), middle, late, may_be_undone=latest is not None and latest >= moment)
