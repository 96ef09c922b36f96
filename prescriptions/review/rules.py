"""The state machine as a table: which action leads from where to where, who may do it, and what it needs.

Pure data. Everything that is not in the table is forbidden.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from prescriptions.audit.actors import ActorKind
from prescriptions.models import ENDED
from prescriptions.models import ReviewStatus as S


class Action(StrEnum):
    CLAIM = "claim"
    RELEASE = "release"
    SKIP = "skip"
    LAPSE = "lapse"
    TAKE_BACK = "take_back"
    ASK = "ask"
    ANSWER = "answer"
    TIME_OUT = "time_out"
    APPROVE = "approve"
    APPROVE_SOME = "approve_some"
    REJECT = "reject"
    CONFIRM = "confirm"
    DISAGREE = "disagree"
    EXPIRE = "expire"
    REOPEN = "reopen"
    UNDO = "undo"
    WITHDRAW = "withdraw"
    CLOSE = "close"
    ERASE = "erase"


STAFF: Final = frozenset({ActorKind.STAFF})
# The shop's own systems speak for the customer: they hold a token of the client that uploaded.
CUSTOMERS: Final = frozenset({ActorKind.CUSTOMER, ActorKind.CLIENT})
SYSTEM: Final = frozenset({ActorKind.SYSTEM})

TERMINAL: Final = frozenset(ENDED)
# The three outcomes of a decision; with a second check they wait for it.
OUTCOMES: Final[Mapping[Action, S]] = {
    Action.APPROVE: S.APPROVED,
    Action.APPROVE_SOME: S.PARTIALLY_APPROVED,
    Action.REJECT: S.REJECTED,
}


@dataclass(frozen=True, slots=True)
class Rule:
    """`targets`: where the action may lead. `permission`: what staff need; `holder`: only who holds the lease."""

    sources: frozenset[S]
    targets: frozenset[S]
    kinds: frozenset[ActorKind]
    permission: str = ""
    holder: bool = False


def _rule(
    sources: set[S], targets: set[S], kinds: frozenset[ActorKind], permission: str = "", *, holder: bool = False
) -> Rule:
    return Rule(frozenset(sources), frozenset(targets), kinds, permission, holder)


RULES: Final[Mapping[Action, Rule]] = {
    Action.CLAIM: _rule({S.QUEUED}, {S.IN_REVIEW}, STAFF, "claim_review"),
    Action.RELEASE: _rule({S.IN_REVIEW}, {S.QUEUED}, STAFF, "claim_review", holder=True),
    Action.SKIP: _rule({S.IN_REVIEW}, {S.QUEUED}, STAFF, "claim_review", holder=True),
    Action.LAPSE: _rule({S.IN_REVIEW}, {S.QUEUED}, SYSTEM),
    # A release by somebody else: seniors free what an absent colleague holds.
    Action.TAKE_BACK: _rule({S.IN_REVIEW}, {S.QUEUED}, STAFF, "assign_review"),
    Action.ASK: _rule({S.IN_REVIEW}, {S.CLARIFICATION}, STAFF, "decide_review", holder=True),
    Action.ANSWER: _rule({S.CLARIFICATION}, {S.QUEUED}, CUSTOMERS),
    Action.TIME_OUT: _rule({S.CLARIFICATION}, {S.REJECTED}, SYSTEM),
    Action.APPROVE: _rule({S.IN_REVIEW}, {S.APPROVED, S.SECOND_CHECK}, STAFF, "decide_review", holder=True),
    Action.APPROVE_SOME: _rule(
        {S.IN_REVIEW}, {S.PARTIALLY_APPROVED, S.SECOND_CHECK}, STAFF, "decide_review", holder=True
    ),
    Action.REJECT: _rule({S.IN_REVIEW}, {S.REJECTED}, STAFF, "decide_review", holder=True),
    Action.CONFIRM: _rule({S.SECOND_CHECK}, {S.APPROVED, S.PARTIALLY_APPROVED}, STAFF, "second_check_review"),
    Action.DISAGREE: _rule({S.SECOND_CHECK}, {S.QUEUED}, STAFF, "second_check_review"),
    Action.EXPIRE: _rule({S.APPROVED, S.PARTIALLY_APPROVED}, {S.EXPIRED}, SYSTEM),
    Action.REOPEN: _rule({S.APPROVED, S.PARTIALLY_APPROVED, S.EXPIRED}, {S.QUEUED}, STAFF, "reopen_review"),
    # A slip: only by the person who decided, within seconds, and never after a second person agreed (see undo.py).
    Action.UNDO: _rule(
        {S.APPROVED, S.PARTIALLY_APPROVED, S.REJECTED, S.SECOND_CHECK}, {S.IN_REVIEW}, STAFF, "decide_review"
    ),
    Action.WITHDRAW: _rule({S.QUEUED, S.CLARIFICATION}, {S.WITHDRAWN}, CUSTOMERS),
    # The client demands erasure while the review is under way: only behind a tombstone, and followed by `erase`.
    Action.CLOSE: _rule({S.QUEUED, S.IN_REVIEW, S.CLARIFICATION, S.SECOND_CHECK}, {S.WITHDRAWN}, SYSTEM),
    Action.ERASE: _rule(set(TERMINAL), {S.ERASED}, SYSTEM),
}
# The person who decided may not make the second check.
FOUR_EYES: Final = frozenset({Action.CONFIRM, Action.DISAGREE})
# Behind the tombstone; everything else is refused there (410).
ERASING: Final = frozenset({Action.CLOSE, Action.ERASE})
# A customer or a colleague has been waiting already: back in the queue these go first.
HURRIED: Final = frozenset({Action.ANSWER, Action.DISAGREE})


def allowed(status: str) -> list[Action]:
    """What may follow a status, whoever does it."""
    return [action for action, rule in RULES.items() if status in rule.sources]
