"""Decide, check a second time, reopen. What is written is written with the transition, or not at all."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from prescriptions.audit.actors import SYSTEM, Actor
from prescriptions.infra.problems import Problem
from prescriptions.models import LineDecision, OrderLine, ReasonCode, Review, ReviewStatus
from prescriptions.review import payload
from prescriptions.review.payload import Case, Decision
from prescriptions.review.rules import OUTCOMES, Action
from prescriptions.review.transitions import check, load, transition, undo_since

_BATCH = 200


def decide(rx: str, sent: Mapping[str, Any], *, actor: Actor, version: int) -> Review:
    """Approve, approve in part, or reject: see `payload.parse` for what to send.

    Leads to `second_check` where a line of RX_SECOND_CHECK_SCHEDULES is supplied. Raises Problem: 403, 404, 409, 410,
    422; then nothing is written.
    """
    review = load(rx)
    # First whether this person may decide on this version at all: the answer must not depend on what they typed.
    action = payload.OUTCOMES.get(str(sent.get("outcome", "")), Action.REJECT)
    check(review, action, actor=actor, version=version, now=timezone.now())
    decision = payload.parse(sent, case_of(review))
    lines = list(OrderLine.objects.filter(prescription=rx))
    second = _needs_second_check(decision, lines)
    columns = {**decision.columns, "valid_until": _valid_until(decision, lines)}
    with transaction.atomic():
        decided = transition(
            review,
            decision.action,
            actor=actor,
            version=version,
            target=ReviewStatus.SECOND_CHECK if second else OUTCOMES[decision.action],
            changes=columns,
            data={"outcome": OUTCOMES[decision.action].value, "reasons": list(decision.reasons)},
        )
        by_position = {line.position: line for line in lines}
        for verdict in decision.lines:
            line = by_position[verdict.position]
            line.decision, line.quantity_allowed = verdict.decision, verdict.allowed
            line.reason_id = verdict.reason
        OrderLine.objects.bulk_update(lines, ["decision", "quantity_allowed", "reason"])
    return decided


def case_of(review: Review) -> Case:
    """What a decision on this review is checked against; screens use it to offer reasons and lines."""
    return Case(
        pages=review.prescription.pages.count(),
        lines=list(review.prescription.order_lines.all()),
        reasons={reason.code: reason for reason in ReasonCode.objects.all()},
        schedules=settings.RX_SECOND_CHECK_SCHEDULES,
        today=timezone.localdate(),
    )


def confirm(rx: str, *, actor: Actor, version: int) -> Review:
    """The second person agrees: the first one's outcome stands. Raises Problem 403, 409."""
    review = load(rx)
    return transition(review, Action.CONFIRM, actor=actor, version=version, data={"outcome": review.outcome})


def disagree(rx: str, *, actor: Actor, version: int, note: str) -> Review:
    """The second person does not agree: back into the queue, to the front, with a note for whoever takes it next."""
    return _back(rx, Action.DISAGREE, actor=actor, version=version, note=note)


def reopen(rx: str, *, actor: Actor, version: int, note: str) -> Review:
    """A senior takes a decision back, and says why. Raises Problem 403, 409, 422."""
    return _back(rx, Action.REOPEN, actor=actor, version=version, note=note)


def expire_due() -> int:
    """Approvals whose validity is over become `expired`; returns how many. For the beat."""
    rows = Review.objects.filter(
        status__in=(ReviewStatus.APPROVED, ReviewStatus.PARTIALLY_APPROVED),
        valid_until__lt=timezone.localdate(),
        decided_at__lte=undo_since(timezone.now()),
        prescription__erased_at=None,
    ).select_related("prescription")
    return sum(_expire(review) for review in rows[:_BATCH])


def _expire(review: Review) -> bool:
    try:
        transition(review, Action.EXPIRE, actor=SYSTEM)
    except Problem:
        return False  # reopened at this very moment
    return True


def _back(rx: str, action: Action, *, actor: Actor, version: int, note: str) -> Review:
    text = payload.clean(note)
    if not text or len(text) > 2000:
        errors = [{"pointer": "/note", "detail": _("Say why, in at most 2000 characters.")}]
        raise Problem(422, "invalid", _("The request is not valid"), errors[0]["detail"], errors=errors)
    with transaction.atomic():
        changes = {"internal_note": text, "reason_id": None, "reason_page": None, "customer_text": ""}
        review = transition(load(rx), action, actor=actor, version=version, changes=changes)
        OrderLine.objects.filter(prescription=rx).update(
            decision=LineDecision.PENDING, quantity_allowed=None, reason=None
        )
    return review


def _needs_second_check(decision: Decision, lines: list[OrderLine]) -> bool:
    return decision.action is not Action.REJECT and any(
        line.schedule in settings.RX_SECOND_CHECK_SCHEDULES and decision.supplies(line.position) for line in lines
    )


def _valid_until(decision: Decision, lines: list[OrderLine]) -> date | None:
    """The shortest validity of what is supplied decides; policy is a setting (RX_VALIDITY_DAYS)."""
    issued = decision.columns.get("prescribed_on")
    if decision.action is Action.REJECT or issued is None:
        return None
    days, rest = settings.RX_VALIDITY_DAYS, settings.RX_VALIDITY_DAYS["*"]
    supplied = [days.get(line.schedule, rest) for line in lines if decision.supplies(line.position)]
    return date.fromordinal(issued.toordinal()) + timedelta(days=min(supplied, default=rest))
