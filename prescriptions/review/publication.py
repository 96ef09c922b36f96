"""What people outside may be told of a review: nothing that can still be undone, not even that something happened."""

from datetime import datetime
from typing import Final

from django.db.models import Q
from django.utils import timezone

from prescriptions.infra.database import agreed
from prescriptions.models import Review, ReviewStatus
from prescriptions.review.rules import OUTCOMES
from prescriptions.review.transitions import undo_since

DECIDED: Final = (*OUTCOMES.values(), ReviewStatus.SECOND_CHECK)

APPROVED: Final = (ReviewStatus.APPROVED, ReviewStatus.PARTIALLY_APPROVED)


def published(review: Review, now: datetime | None = None) -> bool:
    """May people outside be told where this review stands? Not while its decision can still be undone."""
    undone_until = undo_since(now or agreed.now())
    return (
        review.status not in DECIDED
        or review.reviewer_id is None  # decided by nobody: a question timed out
        or review.second_checker_id is not None
        or review.decided_at is None
        or review.decided_at <= undone_until
    )


def standing(review: Review, now: datetime | None = None) -> ReviewStatus:
    """Where it stands for people outside. An approval ends with its last day, however late the beat comes to say so."""
    moment = now or agreed.now()
    if not published(review, moment):
        return ReviewStatus.IN_REVIEW
    over = review.valid_until is not None and review.valid_until < timezone.localdate(moment)
    return ReviewStatus.EXPIRED if over and review.status in APPROVED else ReviewStatus(review.status)


def publicly_decided(now: datetime | None = None) -> Q:
    """The same as a condition on prescriptions whose review is decided."""
    undone_until = undo_since(now or agreed.now())
    return Q(review__reviewer=None) | Q(review__second_checker__isnull=False) | Q(review__decided_at__lte=undone_until)
