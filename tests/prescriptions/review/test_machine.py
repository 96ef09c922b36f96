"""Any sequence of calls by anybody: the machine never goes where the specification has no arrow, and audits every step.

Given to Hypothesis as random walks over all entry points, with stale versions and people who do not hold the lease.
"""

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from prescriptions import audit
from prescriptions.audit.actors import CUSTOMER, staff
from prescriptions.infra.problems import Problem
from prescriptions.models import AuditEvent, Prescription, Review, ReviewStatus
from prescriptions.review import clarifications, decisions, opening, queue, undo
from prescriptions.upkeep import reviews
from tests.depth import examples
from tests.prescriptions.review.test_transitions import ARROWS, CLOSING
from tests.prescriptions.reviewing import approval
from tests.prescriptions.staff import make_review

S = ReviewStatus
ROLES = ("pharmacist", "other", "senior", "senior2", "auditor", "ops")
# Whoever holds the lease, or made the decision: without them a random walk seldom gets anywhere.
HOLDER, DECIDER = "holder", "decider"
PARTIAL = {
    "outcome": "partially_approved",
    "lines": [{"line": 1, "decision": "accepted"}, {"line": 2, "decision": "refused", "reason": "other"}],
}
REJECT = {"outcome": "rejected", "reason": "image_blurry"}

Call = Callable[[Review, Any, int], object]
BY_STAFF: dict[str, Call] = {
    "claim": lambda review, user, _: queue.claim(review.pk, user),
    "claim_next": lambda _, user, __: queue.claim_next(user),
    "heartbeat": lambda review, user, _: queue.heartbeat(review.pk, user),
    "release": lambda review, user, version: queue.release(review.pk, user, version=version),
    "skip": lambda review, user, version: queue.skip(review.pk, user, version=version),
    "ask": lambda review, user, version: clarifications.ask(review.pk, "?", actor=staff(user), version=version),
    "approve": lambda review, user, version: decide(review, user, version, approval()),
    "approve_some": lambda review, user, version: decide(review, user, version, {**approval(), **PARTIAL}),
    "reject": lambda review, user, version: decide(review, user, version, REJECT),
    "confirm": lambda review, user, version: decisions.confirm(review.pk, actor=staff(user), version=version),
    "disagree": lambda review, user, version: decisions.disagree(
        review.pk, actor=staff(user), version=version, note="no"
    ),
    "reopen": lambda review, user, version: decisions.reopen(review.pk, actor=staff(user), version=version, note="no"),
    "undo": lambda review, user, version: undo.undo(review.pk, actor=staff(user), version=version),
    "answer_as_staff": lambda review, user, _: clarifications.answer(review.pk, "yes", actor=staff(user)),
    "withdraw_as_staff": lambda review, user, _: clarifications.withdraw(review.pk, actor=staff(user)),
}
BY_OTHERS: dict[str, Callable[[Review], object]] = {
    "answer": lambda review: clarifications.answer(review.pk, "yes", actor=CUSTOMER),
    "withdraw": lambda review: clarifications.withdraw(review.pk, actor=CUSTOMER),
    "a day passes": lambda review: pass_time(review),
    "erase": lambda review: erase(review),
}
ALLOWED = {
    "claim": {"pharmacist", "other", "senior", "senior2"},
    "claim_next": {"pharmacist", "other", "senior", "senior2"},
    "heartbeat": {"pharmacist", "other", "senior", "senior2"},
    "release": {"pharmacist", "other", "senior", "senior2"},
    "skip": {"pharmacist", "other", "senior", "senior2"},
    "ask": {"pharmacist", "other", "senior", "senior2"},
    "approve": {"pharmacist", "other", "senior", "senior2"},
    "approve_some": {"pharmacist", "other", "senior", "senior2"},
    "reject": {"pharmacist", "other", "senior", "senior2"},
    "confirm": {"senior", "senior2"},
    "disagree": {"senior", "senior2"},
    "reopen": {"senior", "senior2"},
    "undo": {"pharmacist", "other", "senior", "senior2"},
    "answer_as_staff": set(),
    "withdraw_as_staff": set(),
}


def decide(review: Review, user: Any, version: int, sent: dict[str, Any]) -> Review:
    return decisions.decide(review.pk, sent, actor=staff(user), version=version)


def pass_time(review: Review) -> None:
    """Leases run out, questions expire, decisions can no longer be undone, approvals end."""
    past = timezone.now() - timedelta(days=1)
    Review.objects.filter(pk=review.pk, decided_at__isnull=False).update(decided_at=past)
    Review.objects.filter(pk=review.pk, claimed_until__isnull=False).update(claimed_until=past)
    Review.objects.filter(pk=review.pk, valid_until__isnull=False).update(valid_until=past.date() - timedelta(days=1))
    review.messages.filter(expires_at__isnull=False).update(expires_at=past)
    queue.lapse_expired()
    clarifications.time_out_due()
    decisions.expire_due()


def erase(review: Review) -> None:
    with transaction.atomic():
        Prescription.objects.filter(pk=review.pk).update(erased_at=timezone.now())
        opening.close_for_erasure(review.pk)


# What somebody would sensibly do next; without it a random walk seldom gets anywhere.
PEOPLE = ("pharmacist", "other", "senior", "senior2")
SENSIBLE = {
    S.QUEUED: [(name, role) for name in ("claim", "claim_next") for role in PEOPLE] + [("withdraw", "")],
    S.IN_REVIEW: [(name, HOLDER) for name in ("ask", "approve", "approve", "approve_some", "reject", "release", "skip")]
    + [("release", "senior2"), ("a day passes", "")],
    S.CLARIFICATION: [("answer", ""), ("withdraw", ""), ("a day passes", "")],
    S.SECOND_CHECK: [(name, role) for name in ("confirm", "disagree") for role in PEOPLE] + [("undo", DECIDER)],
    S.APPROVED: [("reopen", "senior"), ("undo", DECIDER), ("a day passes", ""), ("erase", "")],
    S.PARTIALLY_APPROVED: [("reopen", "senior2"), ("undo", DECIDER), ("a day passes", ""), ("erase", "")],
    S.REJECTED: [("undo", DECIDER), ("a day passes", ""), ("erase", "")],
}
WILD = [(name, role, behind) for name in BY_STAFF for role in ROLES for behind in (0, 0, 0, 1)]
WILD += [(name, "", 0) for name in BY_OTHERS] * 4


def next_step(status: str, dice: Random) -> tuple[str, str, int]:
    if dice.random() < 0.25:
        return dice.choice(WILD)
    return *dice.choice(SENSIBLE.get(ReviewStatus(status), [("erase", "")])), 0


DECIDING = ("review.approve", "review.approve_some", "review.reject")
UNDOING = {(source, S.IN_REVIEW) for source in (S.APPROVED, S.PARTIALLY_APPROVED, S.REJECTED, S.SECOND_CHECK)}
visited: set[tuple[str, str]] = set()


def walk(review: Review, people: dict[str, Any], dice: Random) -> None:
    for _ in range(15):
        before = Review.objects.get(pk=review.pk)
        name, drawn, behind = next_step(before.status, dice)
        acting = {HOLDER: before.claimed_by, DECIDER: before.reviewer}.get(drawn)
        role = acting.username if acting else "pharmacist" if drawn in (HOLDER, DECIDER) else drawn
        events = AuditEvent.objects.filter(rx=review.pk).count()
        status = 200
        try:
            if name in BY_STAFF:
                with transaction.atomic():
                    BY_STAFF[name](review, people[role], before.version - behind)
            else:
                BY_OTHERS[name](review)
        except Problem as problem:
            status = problem.status
        assert status in (200, 403, 409, 410, 422), name
        after = Review.objects.get(pk=review.pk)
        check(name, role, before, after, refused=status != 200)
        news = list(AuditEvent.objects.filter(rx=review.pk)[events:])
        for event in news:
            visited.add((event.data["from"], event.data["to"]))
            arrow = (event.data["from"], event.data["to"])
            assert arrow in ARROWS or (event.verb == "review.close" and arrow in CLOSING), (name, arrow)
        assert bool(news) == (after.version != before.version), name
        assert not news or news[-1].data["to"] == after.status


def check(name: str, role: str, before: Review, after: Review, *, refused: bool) -> None:
    changed = (before.status, before.version) != (after.status, after.version)
    if refused and name not in ("claim",):  # a claim first puts back what a lease left behind
        assert not changed, (name, role)
    if changed and role:
        assert role in ALLOWED[name], f"{role} must not {name}"
    if before.status == S.ERASED:
        assert not changed
    if after.status == S.IN_REVIEW:
        assert after.claimed_by is not None
    else:
        assert after.claimed_by is None
        assert after.claimed_until is None
    if after.status == S.SECOND_CHECK:
        assert after.outcome in (S.APPROVED, S.PARTIALLY_APPROVED)
    if before.status == S.SECOND_CHECK and after.status in (S.APPROVED, S.PARTIALLY_APPROVED):
        assert after.status == before.outcome
        assert after.second_checker is not None
        assert after.second_checker != after.reviewer
    if after.status in (S.APPROVED, S.PARTIALLY_APPROVED) and after.prescription.order_lines.filter(schedule="X"):
        assert after.second_checker is not None


@pytest.mark.parametrize("schedule", ["H", "X"])
def test_no_sequence_of_calls_leads_where_no_arrow_leads(
    staff: dict[str, Any], settings: Settings, schedule: str
) -> None:
    settings.RX_REVIEW_UNDO = 3600  # a decision can be undone until a day passes
    visited.clear()

    # One number per walk, not one draw per step: Hypothesis likes to repeat itself, and the walks must spread.
    @hypothesis_settings(max_examples=examples(20), deadline=None)
    @given(seed=st.integers(0, 2**32))
    def walks(seed: int) -> None:
        with transaction.atomic():
            review = make_review(lines=2, schedule=schedule)
            walk(review, staff, Random(seed))
            assert audit.verify(review.pk) == []
            recorded = AuditEvent.objects.filter(rx=review.pk, verb__startswith="review.")
            undone = recorded.filter(verb="review.undo").values_list("actor", flat=True)
            assert set(undone) <= set(recorded.filter(verb__in=DECIDING).values_list("actor", flat=True))
            transaction.set_rollback(True)

    walks()

    # Else the walks would prove little.
    assert len(visited & ARROWS) >= len(ARROWS) // 2, ARROWS - visited
    assert visited & UNDOING
    assert ((S.IN_REVIEW, S.SECOND_CHECK) in visited) == (schedule == "X")
    assert ((S.IN_REVIEW, S.APPROVED) in visited) <= (schedule == "H")


def test_housekeeping_finds_nothing_to_do_where_there_is_nothing(db: None) -> None:
    assert set(reviews.housekeeping().values()) == {0}
