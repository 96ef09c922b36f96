"""Undo: for RX_REVIEW_UNDO seconds the person who decided can take the decision back.

Until then nobody outside may be told the outcome: see publication.py.
"""

from datetime import datetime
from typing import Any, Final

from django.db import transaction

from prescriptions.audit.actors import Actor
from prescriptions.infra.database import agreed
from prescriptions.infra.problems import Problem
from prescriptions.models import LineDecision, OrderLine, Review, ReviewStatus
from prescriptions.review import proof, queue
from prescriptions.review.desk import prescribers
from prescriptions.review.payload import LineVerdict
from prescriptions.review.publication import DECIDED
from prescriptions.review.rules import OUTCOMES, Action
from prescriptions.review.transitions import load, transition, undo_since

# Outcomes that a pharmacist chooses and that can be undone.
DECISIONS: Final = tuple(status.value for status in OUTCOMES.values())


def undo(rx: str, *, actor: Actor, version: int, claimed: str = "") -> tuple[Review, tuple[LineVerdict, ...]]:
    """Take back one's own decision: in review again, with a fresh lease, everything typed kept.

    `claimed`: the item that the decision brought to this person; it goes back into the queue. Returns the review and
    what had been said about each order line. Raises Problem: 403, 404, 409 (too late, or changed since), 410.
    """
    decided = load(rx)
    with transaction.atomic():
        review = transition(decided, Action.UNDO, actor=actor, version=version)
        proof.keep_seen(decided, review)
        prescribers.forget(rx)
        lines = OrderLine.objects.filter(prescription=rx)
        before = tuple(
            LineVerdict(line.position, line.decision, line.quantity_allowed, line.reason_id) for line in lines
        )
        lines.update(decision=LineDecision.PENDING, quantity_allowed=None, reason=None)
    if claimed and claimed != rx:
        _give_back(claimed, actor)
    # A rejection refuses every line, though nobody said so of each.
    return review, () if decided.status == ReviewStatus.REJECTED else before


def undoable(user: Any, now: datetime | None = None) -> Review | None:
    """This person's latest decision, while it can be undone."""
    moment = now or agreed.now()
    rows = Review.objects.filter(
        reviewer=user,
        second_checker=None,
        decided_at__gt=undo_since(moment),
        status__in=DECIDED,
        prescription__erased_at=None,
    )
    return rows.order_by("-decided_at").first()


def _give_back(rx: str, actor: Actor) -> None:
    try:
        review = load(rx)
        if review.held_by(actor.user_id):
            queue.release(rx, actor.user)
    except Problem:
        return  # lapsed, or taken by somebody else: nothing to give back
