"""Any sequence of calls by anybody: the machine never goes where the specification has no arrow, and audits every step.
Nothing is approved on a date that forbids it, and nothing that its decider has not looked at.

Given to Hypothesis as random walks over all entry points, with stale versions, people who do not hold the lease, dates
of every kind, and eyes that have seen some of the pages, or the pages of an earlier claim. What was looked at, and
until when a date holds, is reckoned here a second time on purpose.
"""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from prescriptions import audit
from prescriptions.audit.actors import CUSTOMER, staff
from prescriptions.infra.problems import Problem
from prescriptions.models import AuditEvent, Prescription, Review, ReviewStatus
from prescriptions.review import clarifications, decisions, opening, proof, queue, undo
from prescriptions.upkeep import reviews
from tests.depth import examples
from tests.prescriptions.review.test_transitions import ARROWS, CLOSING
from tests.prescriptions.reviewing import agreement, approval
from tests.prescriptions.staff import make_review

S = ReviewStatus
ROLES = ("pharmacist", "other", "senior", "senior2", "auditor", "ops")
# Whoever holds the lease, or made the decision: without them a random walk seldom gets anywhere.
HOLDER, DECIDER = "holder", "decider"
PARTIAL = {
    "outcome": "partially_approved",
    "lines": [{"line": 1, "decision": "accepted"}, {"line": 2, "decision": "refused", "reason": "other"}],
}
PAGES = {1, 2}
# How many days before today, and whether somebody writes why all the same. 180 or 30 days are valid, 1826 are possible.
_AGO = (*[0] * 9, 29, 30, 31, 180, 181, 1826, 1827, -1)
DATES = (*((ago, "") for ago in _AGO), *[(31, "Why."), (181, "Why.")] * 4, (1827, "Why."))
REJECT = {"outcome": "rejected", "reason": "image_blurry"}

Call = Callable[[Review, Any, int, Random], object]
BY_STAFF: dict[str, Call] = {
    "claim": lambda review, user, *_: queue.claim(review.pk, user),
    "claim_next": lambda _, user, *__: queue.claim_next(user),
    "heartbeat": lambda review, user, *_: queue.heartbeat(review.pk, user),
    "release": lambda review, user, version, _: queue.release(review.pk, user, version=version),
    "skip": lambda review, user, version, _: queue.skip(review.pk, user, version=version),
    "look": lambda review, user, version, dice: look(review, user, version, dice),
    "ask": lambda review, user, version, _: clarifications.ask(review.pk, "?", actor=staff(user), version=version),
    "approve": lambda review, user, version, dice: decide(review, user, version, approve(dice)),
    "approve_some": lambda review, user, version, dice: decide(review, user, version, {**approve(dice), **PARTIAL}),
    "reject": lambda review, user, version, dice: decide(review, user, version, {**approve(dice), **REJECT}),
    "confirm": lambda review, user, version, dice: confirm(review, user, version, dice),
    "disagree": lambda review, user, version, _: decisions.disagree(
        review.pk, actor=staff(user), version=version, note="no"
    ),
    "reopen": lambda review, user, version, _: decisions.reopen(
        review.pk, actor=staff(user), version=version, note="no"
    ),
    "undo": lambda review, user, version, _: undo.undo(review.pk, actor=staff(user), version=version),
    "answer_as_staff": lambda review, user, *_: clarifications.answer(review.pk, "yes", actor=staff(user)),
    "withdraw_as_staff": lambda review, user, *_: clarifications.withdraw(review.pk, actor=staff(user)),
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
    "look": set(),  # changes nothing of the review
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


def approve(dice: Random) -> dict[str, Any]:
    """An approval on some date; nobody declares anything."""
    ago, why = dice.choice(DATES)
    day = timezone.localdate() - timedelta(days=ago)
    return approval(prescribed_on=day.isoformat(), override_reason=why, pages_seen=[])


def confirm(review: Review, user: Any, version: int, dice: Random) -> None:
    """Now and then a second person confirms only a part, or another date."""
    day = Review.objects.get(pk=review.pk).prescribed_on or timezone.localdate()
    other = (day - timedelta(days=1)).isoformat()
    partly: dict[str, Any] = dice.choice(({}, {}, {}, {"confirmed_lines": [2]}, {"confirmed_date": other}))
    sent = agreement(pages_seen=[], confirmed_date=day.isoformat()) | partly
    decisions.confirm(review.pk, sent, actor=staff(user), version=version)
    assert not partly, "confirmed, though not by this person"


def look(review: Review, user: Any, version: int, dice: Random) -> set[int]:
    pages = dice.choice(({1}, {2}, PAGES, PAGES, PAGES))
    proof.look(review.pk, pages, actor=staff(user), version=version)
    return pages


def decide(review: Review, user: Any, version: int, sent: dict[str, Any]) -> Review:
    return decisions.decide(review.pk, sent, actor=staff(user), version=version)


def pass_time(review: Review) -> None:
    """Leases run out, questions expire, decisions can no longer be undone, and approvals end some day."""
    past = timezone.now() - timedelta(days=1)
    Review.objects.filter(pk=review.pk, decided_at__isnull=False).update(decided_at=past)
    Review.objects.filter(pk=review.pk, claimed_until__isnull=False).update(claimed_until=past)
    for row in Review.objects.filter(pk=review.pk, valid_until__isnull=False):
        ended = {
            "valid_until": row.valid_until - timedelta(days=30),
            "prescribed_on": row.prescribed_on and row.prescribed_on - timedelta(30),
        }
        Review.objects.filter(pk=review.pk).update(**ended)
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
    S.IN_REVIEW: [(name, HOLDER) for name in ("ask", "reject", "release")]
    + [(name, HOLDER) for name in ("look", "look", "look", "approve", "approve", "approve_some")] * 3
    + [("release", "senior2"), ("a day passes", "")],
    S.CLARIFICATION: [("answer", ""), ("withdraw", ""), ("a day passes", "")],
    S.SECOND_CHECK: [("confirm", "pharmacist"), ("disagree", "senior2"), ("undo", DECIDER), ("a day passes", "")]
    + [(name, role) for name in ("look", "confirm") for role in ("senior", "senior2")] * 3,
    S.APPROVED: [("reopen", "senior"), ("undo", DECIDER), ("a day passes", ""), ("erase", "")],
    S.PARTIALLY_APPROVED: [("reopen", "senior2"), ("undo", DECIDER), ("a day passes", ""), ("erase", "")],
    S.REJECTED: [("undo", DECIDER), ("a day passes", ""), ("erase", "")],
    S.EXPIRED: [("reopen", "senior"), ("reopen", "senior2"), ("a day passes", ""), ("erase", "")],
}
WILD = [(name, role, behind) for name in BY_STAFF for role in ROLES for behind in (0, 0, 0, 1)]
WILD += [(name, "", 0) for name in BY_OTHERS] * 4


def next_step(status: str, dice: Random) -> tuple[str, str, int]:
    if dice.random() < 0.2:
        return dice.choice(WILD)
    return *dice.choice(SENSIBLE.get(ReviewStatus(status), [("erase", "")])), 0


DECIDING = ("review.approve", "review.approve_some", "review.reject")
UNDOING = {(source, S.IN_REVIEW) for source in (S.APPROVED, S.PARTIALLY_APPROVED, S.REJECTED, S.SECOND_CHECK)}
visited: set[tuple[str, str]] = set()
proved: Counter[str] = Counter()
STEPS = 25


def walk(review: Review, people: dict[str, Any], dice: Random) -> None:
    eyes = Eyes()
    for _ in range(STEPS):
        before = Review.objects.get(pk=review.pk)
        name, drawn, behind = next_step(before.status, dice)
        acting = {HOLDER: before.claimed_by, DECIDER: before.reviewer}.get(drawn)
        role = acting.username if acting else "pharmacist" if drawn in (HOLDER, DECIDER) else drawn
        events = AuditEvent.objects.filter(rx=review.pk).exclude(verb="page.seen").count()
        status, done = 200, None
        try:
            if name in BY_STAFF:
                with transaction.atomic():
                    done = BY_STAFF[name](review, people[role], before.version - behind, dice)
            else:
                BY_OTHERS[name](review)
        except Problem as problem:
            status = problem.status
        assert status in (200, 403, 409, 410, 422), name
        after = Review.objects.get(pk=review.pk)
        check(name, role, before, after, refused=status != 200)
        eyes.follow(name, people.get(role), before, after, looked_at=done if name == "look" else None)
        check_proof(before, after, eyes)
        news = list(AuditEvent.objects.filter(rx=review.pk).exclude(verb="page.seen")[events:])
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


class Eyes:
    """Who has looked at which pages since the review last changed, as the walk itself remembers it."""

    def __init__(self) -> None:
        self.seen: dict[Any, set[int]] = {}
        self.before: dict[Any, set[int]] = {}

    def follow(self, name: str, user: Any, before: Review, after: Review, *, looked_at: Any) -> None:
        if looked_at:
            assert self.may_look(user, before), "a look that cannot count"
            self.seen.setdefault(user, set()).update(looked_at)
        elif before.version != after.version:
            # An undo takes back the last thing that happened, so it leads back to what was seen before that.
            undone = {user: self.before.get(user, set())} if name == "undo" else {}
            self.before, self.seen = self.seen, undone

    def may_look(self, user: Any, review: Review) -> bool:
        if review.status == S.SECOND_CHECK:
            return user.username.startswith("senior") and user != review.reviewer
        return review.status == S.IN_REVIEW and review.claimed_by == user


APPROVALS = (S.APPROVED, S.PARTIALLY_APPROVED)


def check_proof(before: Review, after: Review, eyes: Eyes) -> None:
    """Whatever led there: an approval has a date that holds, or a senior who answers for it; and was looked at."""
    if before.status == after.status or after.status not in (*APPROVALS, S.SECOND_CHECK):
        return
    today, lines = timezone.localdate(), after.prescription.order_lines.exclude(decision="refused")
    valid = min(30 if line.schedule in ("H1", "X") else 180 for line in lines)
    assert after.prescribed_on is not None
    age = (today - after.prescribed_on).days
    decider = after.reviewer if before.status == S.IN_REVIEW else after.second_checker
    assert eyes.before.get(decider) == PAGES, f"{decider} has not looked at every page"
    assert age >= 0, "the date is in the future"
    assert after.valid_until is not None
    assert after.valid_until >= today
    proved["confirmed" if before.status == S.SECOND_CHECK else "approved"] += 1
    if before.status == S.IN_REVIEW:
        assert age <= 1826, "nobody can have written that date"
    if age > valid:
        assert after.override_reason, "it had run out, and nobody says why"
        assert "expired" in after.overridden
        assert after.reviewer is not None
        assert after.reviewer.username.startswith("senior")
        assert after.valid_until == today
        proved["overridden"] += 1


@pytest.mark.parametrize("schedule", ["H", "X"])
def test_no_sequence_of_calls_leads_where_no_arrow_leads(
    staff: dict[str, Any], settings: Settings, schedule: str
) -> None:
    settings.RX_REVIEW_UNDO = 3600  # a decision can be undone until a day passes
    visited.clear()
    proved.clear()

    # One number per walk, not one draw per step: Hypothesis likes to repeat itself, and the walks must spread.
    @hypothesis_settings(max_examples=examples(12), deadline=None)
    @given(seed=st.integers(0, 2**32))
    @example(15)  # overrides
    @example(26)  # overrides, and where two have to look, confirms
    def walks(seed: int) -> None:
        with transaction.atomic():
            review = make_review(pages=2, lines=2, schedule=schedule)
            walk(review, staff, Random(seed))
            assert audit.verify(review.pk).faults == []
            recorded = AuditEvent.objects.filter(rx=review.pk, verb__startswith="review.")
            undone = recorded.filter(verb="review.undo").values_list("actor", flat=True)
            assert set(undone) <= set(recorded.filter(verb__in=DECIDING).values_list("actor", flat=True))
            transaction.set_rollback(True)

    walks()

    # Else the walks would prove little.
    assert len(visited & ARROWS) >= len(ARROWS) // 3, ARROWS - visited
    assert visited & UNDOING
    assert ((S.IN_REVIEW, S.SECOND_CHECK) in visited) == (schedule == "X")
    assert ((S.IN_REVIEW, S.APPROVED) in visited) <= (schedule == "H")
    assert proved["approved"] >= 3
    assert proved["overridden"] >= 1
    assert (proved["confirmed"] >= 1) == (schedule == "X")


def test_housekeeping_finds_nothing_to_do_where_there_is_nothing(db: None) -> None:
    assert set(reviews.housekeeping().values()) == {0}
