"""What people outside may be told of a review: nothing that can still be undone, not even that something happened."""

from datetime import datetime
from typing import Final

from django.db.models import Q
from django.utils import timezone

from prescriptions.models import Review, ReviewStatus
from prescriptions.review.rules import OUTCOMES
from prescriptions.review.transitions import undo_since

DECIDED: Final = (*OUTCOMES.values(), ReviewStatus.SECOND_CHECK)


def published(review: Review, now: datetime | None = None) -> bool:
    """May people outside be told where this review stands? Not while its decision can still be undone."""
    undone_until = undo_since(now or timezone.now())
    return (
        review.status not in DECIDED
        or review.reviewer_id is None  # decided by nobody: a question timed out
        or review.second_checker_id is not None
        or review.decided_at is None
        or review.decided_at <= undone_until
    )


def publicly_decided(now: datetime | None = None) -> Q:
    """The same as a condition on prescriptions whose review is decided."""
    undone_until = undo_since(now or timezone.now())
    return Q(review__reviewer=None) | Q(review__second_checker__isnull=False) | Q(review__decided_at__lte=undone_until)
