"""How a review begins, with its upload, and how it ends for good, with the erasure: in the caller's transaction."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from prescriptions import audit
from prescriptions.audit.actors import CUSTOMER, SYSTEM, Actor
from prescriptions.events import outbox
from prescriptions.models import (
    ClarificationMessage,
    EventType,
    OrderLine,
    Page,
    PageSeen,
    Prescription,
    Review,
    ReviewSkip,
    ReviewStatus,
)
from prescriptions.review import duplicates, orders
from prescriptions.review.desk import prescribers
from prescriptions.review.publication import published
from prescriptions.review.rules import TERMINAL, Action
from prescriptions.review.transitions import HURRY, due, transition
from transforms.limits import LIMITS

# What people typed. It goes with the tombstone; ids, codes and dates stay as the record that a review took place.
_TYPED: dict[str, Any] = {
    "customer_text": "",
    "internal_note": "",
    "prescriber": "",
    "registration_number": "",
    "override_reason": "",
    "prescribed_on": None,
    "checklist": {},
    "lookalikes": [],
    "lines_changes": [],
}


@transaction.atomic
def open_review(
    prescription: Prescription, pages: Sequence[Page], *, actor: Actor = CUSTOMER, rebuilt: bool = False
) -> Review:
    """Queue a new upload; or one that has been waiting, and that a restored database does not know of (`rebuilt`).

    It takes its copy of what was ordered. Where it replaces one of the same order that was rejected, or that waits for
    the customer's answer, it is not sent to the end of the queue again.
    """
    now = timezone.now()
    order = orders.locked(prescription.client, prescription.order_ref)[0] if prescription.order_ref else None
    before = _replaced(prescription)
    seen_before = duplicates.seen_before(list(prescription.documents.all()), pages)
    review = Review.objects.create(
        prescription=prescription,
        queued_at=prescription.created_at if rebuilt else now,
        status_at=now,
        due_at=(order and order.promised_by) or due(now),
        supersedes=before.prescription if before else None,
        priority=HURRY if before or rebuilt else 0,
        lookalikes=seen_before,
        is_duplicate=bool(seen_before),
        is_small=any(max(page.width, page.height) < LIMITS.small_side for page in pages),
        is_dark=any(page.luminance is not None and page.luminance < LIMITS.dark_luminance for page in pages),
    )
    verb, by = (audit.Verb.REBUILT, SYSTEM) if rebuilt else (audit.Verb.RECEIVED, actor)
    audit.record(prescription.pk, verb, actor=by, data={"pages": len(pages)})
    told = {"status": review.status, "version": review.version, "pages": len(pages)}
    outbox.write_of(prescription, EventType.RECEIVED, told | ({"replaces": before.pk} if before else {}))
    if order is not None and order.patient_ref and not prescription.patient_ref:
        prescription.patient_ref = order.patient_ref
        prescription.save(update_fields=["patient_ref", "updated_at"])
    taken = order is not None and orders.take(review, order)
    if before:
        if not taken:  # written down with it by a release before, and not with the order
            _copy_lines(before.prescription_id, prescription)
        if before.status == ReviewStatus.CLARIFICATION:
            reason = {"reason_id": "withdrawn_by_customer"}
            before.messages.filter(answered_at=None, expires_at__isnull=False).update(answered_at=now)
            transition(before, Action.WITHDRAW, actor=actor, changes=reason, data={"replaced_by": prescription.pk})
    return review


def close_for_erasure(rx: str) -> None:
    """Bring a review to `erased` by legal steps, whatever it was doing, and forget what people typed.

    After the tombstone and in the same transaction. Does nothing where there is no review.
    """
    # Locked: a decision that comes between would make this one stale, and an erasure may not fail for that.
    review = Review.objects.select_for_update(of=("self",)).select_related("prescription").filter(pk=rx).first()
    if review is None or review.status == ReviewStatus.ERASED:
        return
    if review.status not in TERMINAL:
        review = transition(review, Action.CLOSE, actor=SYSTEM)
    transition(review, Action.ERASE, actor=SYSTEM, changes=_TYPED)
    OrderLine.objects.filter(prescription=rx).delete()
    ClarificationMessage.objects.filter(review=rx).delete()
    ReviewSkip.objects.filter(review=rx).delete()
    prescribers.forget(rx)
    PageSeen.objects.filter(page__prescription=rx).delete()


def _replaced(prescription: Prescription) -> Review | None:
    """The newest upload of the same order, if it failed or waits for an answer and nothing replaced it yet."""
    if not prescription.order_ref:
        return None
    newest = (
        Review.objects.select_related("prescription")
        .filter(
            prescription__client=prescription.client,
            prescription__order_ref=prescription.order_ref,
            prescription__erased_at=None,
            prescription__superseded_by=None,
        )
        .exclude(pk=prescription.pk)
        .order_by("-prescription__created_at")
        .first()
    )
    replaceable = (ReviewStatus.REJECTED, ReviewStatus.CLARIFICATION)
    return newest if newest is not None and newest.status in replaceable and published(newest) else None


def _copy_lines(source: str, target: Prescription) -> None:
    OrderLine.objects.bulk_create(
        [
            OrderLine(
                prescription=target,
                position=line.position,
                line_ref=line.line_ref,
                name=line.name,
                strength=line.strength,
                schedule=line.schedule,
                quantity_ordered=line.quantity_ordered,
            )
            for line in OrderLine.objects.filter(prescription=source)
        ]
    )
