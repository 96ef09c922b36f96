"""Every outcome of a review, by one switch: decide, ask, check a second time, reopen.

What is written is written in one transaction with the change of status, or not at all.
"""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from prescriptions.audit.actors import SYSTEM, Actor
from prescriptions.infra.database import agreed
from prescriptions.infra.problems import Problem
from prescriptions.models import LineDecision, OrderLine, ReasonCode, Review, ReviewStatus
from prescriptions.review import clarifications, payload, proof
from prescriptions.review.desk import prescribers
from prescriptions.review.payload import Decision
from prescriptions.review.proof import Calendar, Case
from prescriptions.review.rules import OUTCOMES, Action
from prescriptions.review.transitions import check, load, transition, undo_since

_BATCH = 200


def act(rx: str, sent: Mapping[str, Any], *, actor: Actor, version: int, typed: bool = False) -> Review:
    """Do what somebody chose, by form or by API: one of the outcomes of `payload.DecisionSerializer`.

    `typed`: a form, which asks back where day and month could be swapped. Raises Problem: 403, 404, 409, 410, 422; then
    nothing is written.
    """
    match str(sent.get("outcome", "")):
        case "clarification":
            given = payload.fields(sent, "question", "reason_page")
            text, page = given.get("question", ""), given.get("reason_page")
            return clarifications.ask(rx, text, actor=actor, version=version, page=page)
        case "confirmed":
            return confirm(rx, sent, actor=actor, version=version)
        case "returned":
            note = payload.fields(sent, "note").get("note", "")
            return disagree(rx, actor=actor, version=version, note=note)
        case "reopened":
            note = payload.fields(sent, "note").get("note", "")
            return reopen(rx, actor=actor, version=version, note=note)
        case _:
            return decide(rx, sent, actor=actor, version=version, typed=typed)


def decide(rx: str, sent: Mapping[str, Any], *, actor: Actor, version: int, typed: bool = False) -> Review:
    """Approve, approve in part, or reject: see `payload.parse` for what to send.

    Leads to `second_check` where a line of RX_SECOND_CHECK_SCHEDULES is supplied. Raises Problem: 403, 404, 409, 410,
    422; then nothing is written.
    """
    review = load(rx)
    # First of all, may this person decide on this version? The answer must not depend on what they typed.
    action = payload.OUTCOMES.get(str(sent.get("outcome", "")), Action.REJECT)
    check(review, action, actor=actor, version=version, now=agreed.now())
    case = _case(review, actor, typed=typed)
    decision = payload.parse(sent, case)
    second = _needs_second_check(decision, case)
    data = {"outcome": OUTCOMES[decision.action].value, "reasons": decision.reasons}
    if overridden := decision.columns["overridden"]:
        data["overridden"] = overridden
    with transaction.atomic():
        proof.declare(review, decision.declared, actor=actor)
        decided = transition(
            review,
            decision.action,
            actor=actor,
            version=version,
            target=ReviewStatus.SECOND_CHECK if second else OUTCOMES[decision.action],
            changes=decision.columns,
            data=data,
        )
        lines = {line.position: line for line in case.lines}
        for verdict in decision.lines:
            line = lines[verdict.position]
            line.decision, line.quantity_allowed, line.reason_id = verdict.decision, verdict.allowed, verdict.reason
        OrderLine.objects.bulk_update(case.lines, ["decision", "quantity_allowed", "reason"])
        if decision.action is not Action.REJECT:  # it may be a forgery
            prescribers.remember(decided)
    return decided


def _case(review: Review, actor: Actor, *, typed: bool = False) -> Case:
    return Case(
        pages=review.prescription.pages.count(),
        lines=list(review.prescription.order_lines.all()),
        reasons={reason.code: reason for reason in ReasonCode.objects.all()},
        schedules=settings.RX_SECOND_CHECK_SCHEDULES,
        calendar=Calendar.now(),
        seen=proof.seen(review, actor.user_id),
        may_override=actor.may("override_review"),
        typed=typed,
    )


def confirm(rx: str, sent: Mapping[str, Any], *, actor: Actor, version: int) -> Review:
    """The second person agrees, after looking for themselves (`payload.agree`): the first decision stands.

    What has run out since cannot be confirmed. What was approved although it had run out holds for the day on which the
    second person answers for it. Raises Problem 403, 404, 409, 410, 422; then nothing is written.
    """
    review = load(rx)
    check(review, Action.CONFIRM, actor=actor, version=version, now=agreed.now())
    case = _case(review, actor)
    until, today = review.valid_until, case.calendar.today
    over = until if until is not None and until < today else None
    knowingly = "expired" in review.overridden
    declared = payload.agree(sent, review.prescribed_on, None if knowingly else over, case)
    with transaction.atomic():
        proof.declare(review, declared, actor=actor)
        changes = {"valid_until": today} if over else {}
        data = {"outcome": review.outcome}
        return transition(review, Action.CONFIRM, actor=actor, version=version, changes=changes, data=data)


def disagree(rx: str, *, actor: Actor, version: int, note: str) -> Review:
    """The second person does not agree: back to the front of the queue, with a note for whoever takes it next."""
    return _back(rx, Action.DISAGREE, actor=actor, version=version, note=note)


def reopen(rx: str, *, actor: Actor, version: int, note: str) -> Review:
    """A senior takes a decision back, and says why. Raises Problem 403, 409, 422."""
    return _back(rx, Action.REOPEN, actor=actor, version=version, note=note)


def expire_due() -> int:
    """Approvals whose validity is over become `expired`; returns how many. For the beat."""
    rows = Review.objects.filter(
        status__in=(ReviewStatus.APPROVED, ReviewStatus.PARTIALLY_APPROVED),
        valid_until__lt=timezone.localdate(),
        decided_at__lte=undo_since(agreed.now()),
        prescription__erased_at=None,
    ).select_related("prescription")
    return sum(_expire(review) for review in rows.order_by("valid_until")[:_BATCH])


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
        prescribers.forget(rx)
    return review


def _needs_second_check(decision: Decision, case: Case) -> bool:
    """Does it supply a line of a schedule that two people have to look at?"""
    return any(line.schedule in case.schedules and decision.supplies(line.position) for line in case.lines)
