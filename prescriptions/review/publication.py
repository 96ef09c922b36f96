"""What people outside may be told of a review: nothing that can still be undone, not even that something happened."""

from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from prescriptions.infra.database import agreed
from prescriptions.models import ENDED, Prescription, Review, ReviewStatus
from prescriptions.review.rules import OUTCOMES
from prescriptions.review.transitions import undo_since

DECIDED: Final = (*OUTCOMES.values(), ReviewStatus.SECOND_CHECK)

_BATCH: Final = 500
_NEWEST: Final = 200
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


def tell_due() -> int:
    """Decisions that nobody can undo any more are what lists find from now on; how many. One query where there are
    none. For the beat, and for whoever asks by status or change.
    """
    now = agreed.now()
    due = Prescription.objects.filter(told_next_at__lte=now)
    if not due.exists():
        return 0
    with transaction.atomic():
        rxs = list(
            due.select_for_update(skip_locked=True).order_by("told_next_at").values_list("pk", flat=True)[:_BATCH]
        )
        told = {"told_status": F("told_next"), "told_next": "", "told_next_at": None, "updated_at": now}
        return Prescription.objects.filter(pk__in=rxs).update(**told)


def mend() -> int:
    """A release before this one ends reviews and says so in no list: the newest that ended are looked at; how many of
    them lists did not know. For the beat.
    """
    now, mended = agreed.now(), 0
    newest = Review.objects.filter(status__in=ENDED).order_by("-status_at", "-prescription")
    for row in newest.select_related("prescription")[:_NEWEST]:
        known, told = row.prescription, row.status == row.prescription.told_status
        if not told and known.told_next_at is None and known.erased_at is None and published(row, now):
            mine = Prescription.objects.filter(pk=row.pk, told_status=known.told_status, told_next_at=None)
            mended += mine.update(told_status=row.status, updated_at=now)
    return mended


def changed_at(prescription: Prescription) -> datetime:
    """When anything last changed that people outside are told of it."""
    due = prescription.told_next_at
    return max(prescription.updated_at, due) if due and due <= agreed.now() else prescription.updated_at


def publicly_decided(now: datetime | None = None) -> Q:
    """The same as a condition on prescriptions whose review is decided."""
    undone_until = undo_since(now or agreed.now())
    return Q(review__reviewer=None) | Q(review__second_checker__isnull=False) | Q(review__decided_at__lte=undone_until)
