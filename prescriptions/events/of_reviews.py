"""Which steps of a review clients are told, and when: nothing that can still be undone.

By words, not by the table of the review: this lies below it.
"""

from datetime import datetime
from typing import Any, Final

from prescriptions.events import outbox
from prescriptions.models import EventType, Review

DECISIONS: Final = (EventType.APPROVED, EventType.PARTIALLY_APPROVED, EventType.REJECTED)
# By what was done, then by what it led to. The rest is our own affair: a claim given back, a second check begun.
_BY_ACTION: Final = {
    "claim": EventType.IN_REVIEW,
    "ask": EventType.QUESTION,
    "answer": EventType.ANSWERED,
    "expire": EventType.EXPIRED,
    "withdraw": EventType.WITHDRAWN,
    "erase": EventType.ERASED,
}
_BY_OUTCOME: Final = {kind.removeprefix("prescription."): kind for kind in DECISIONS}
_DECIDES: Final = frozenset({"approve", "approve_some", "reject", "confirm", "time_out"})


class Told(Exception):
    """It is too late to undo: somebody may have been told."""


def step(
    review: Review, action: str, *, status: str, version: int, undone_until: datetime | None, **codes: Any
) -> None:
    """One step was taken, in this transaction; `review` is as it was before. `undone_until`: until when its own maker
    can take it back. Raises Told.
    """
    prescription, rx = review.prescription, review.pk
    told = {"status": status, "version": version} | {name: value for name, value in codes.items() if value}
    if action == "undo":
        _undo(review)
        return
    if action == "reopen":
        # Within that time nobody has been told what is taken back.
        if not outbox.recall(rx, DECISIONS, only_early=True):
            outbox.write_of(prescription, EventType.REOPENED, told)
        return
    if action == "erase":
        outbox.forget(rx)
    kind = _BY_OUTCOME.get(status) if action in _DECIDES else _BY_ACTION.get(action)
    if kind is not None:
        outbox.write_of(prescription, kind, told, due_at=undone_until)


def _undo(review: Review) -> None:
    """Exactly one of two happens, however close they come: it is told, or it is undone. Both lock the event's row."""
    recalled = outbox.recall(review.pk, DECISIONS)
    if not recalled and review.decided_at and outbox.is_told(review.pk, DECISIONS, since=review.decided_at):
        raise Told
