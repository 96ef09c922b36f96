"""The state machine: what each role may do, what nobody may do, and that every step is audited with its change."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from prescriptions.audit.actors import CUSTOMER, SYSTEM, Actor, staff
from prescriptions.infra.problems import Problem
from prescriptions.models import AuditEvent, Prescription, Review, ReviewStatus
from prescriptions.review import opening, queue
from prescriptions.review.rules import RULES, Action
from prescriptions.review.transitions import load, transition
from tests.databases import on_each_database
from tests.prescriptions.staff import Make

pytestmark = on_each_database

S = ReviewStatus
# The state machine as the specification has it, written down a second time on purpose.
ARROWS = {
    (S.QUEUED, S.IN_REVIEW),
    (S.IN_REVIEW, S.QUEUED),
    (S.IN_REVIEW, S.CLARIFICATION),
    (S.CLARIFICATION, S.QUEUED),
    (S.CLARIFICATION, S.REJECTED),
    (S.IN_REVIEW, S.APPROVED),
    (S.IN_REVIEW, S.PARTIALLY_APPROVED),
    (S.IN_REVIEW, S.SECOND_CHECK),
    (S.IN_REVIEW, S.REJECTED),
    (S.SECOND_CHECK, S.APPROVED),
    (S.SECOND_CHECK, S.PARTIALLY_APPROVED),
    (S.SECOND_CHECK, S.QUEUED),
    (S.APPROVED, S.EXPIRED),
    (S.PARTIALLY_APPROVED, S.EXPIRED),
    (S.APPROVED, S.QUEUED),
    (S.PARTIALLY_APPROVED, S.QUEUED),
    (S.EXPIRED, S.QUEUED),
    *((decided, S.IN_REVIEW) for decided in (S.APPROVED, S.PARTIALLY_APPROVED, S.REJECTED, S.SECOND_CHECK)),
    (S.QUEUED, S.WITHDRAWN),
    (S.CLARIFICATION, S.WITHDRAWN),
    *((terminal, S.ERASED) for terminal in (S.APPROVED, S.PARTIALLY_APPROVED, S.REJECTED, S.EXPIRED, S.WITHDRAWN)),
}
# Only behind a tombstone: the client had it erased while somebody worked on it.
CLOSING = {(source, S.WITHDRAWN) for source in (S.QUEUED, S.IN_REVIEW, S.CLARIFICATION, S.SECOND_CHECK)}
# Which group may do what; the customer and the system have their own.
RIGHTS = {
    Action.CLAIM: {"pharmacist", "senior"},
    Action.RELEASE: {"pharmacist", "senior"},
    Action.SKIP: {"pharmacist", "senior"},
    Action.TAKE_BACK: {"senior"},
    Action.ASK: {"pharmacist", "senior"},
    Action.APPROVE: {"pharmacist", "senior"},
    Action.APPROVE_SOME: {"pharmacist", "senior"},
    Action.REJECT: {"pharmacist", "senior"},
    Action.CONFIRM: {"senior"},
    Action.DISAGREE: {"senior"},
    Action.REOPEN: {"senior"},
    Action.ANSWER: {"customer"},
    Action.WITHDRAW: {"customer"},
    Action.LAPSE: {"system"},
    Action.TIME_OUT: {"system"},
    Action.EXPIRE: {"system"},
}
TARGETS = {Action.APPROVE: S.APPROVED, Action.APPROVE_SOME: S.PARTIALLY_APPROVED}


def test_the_table_has_exactly_the_arrows_of_the_specification() -> None:
    arrows = {
        (source, target)
        for action, rule in RULES.items()
        if action is not Action.CLOSE
        for source in rule.sources
        for target in rule.targets
    }
    closing = {(source, target) for source in RULES[Action.CLOSE].sources for target in RULES[Action.CLOSE].targets}

    assert arrows == ARROWS
    assert closing == CLOSING


def actor(role: str, people: dict[str, Any]) -> Actor:
    return {"customer": CUSTOMER, "system": SYSTEM}.get(role) or staff(people[role])


@pytest.mark.parametrize("role", ["pharmacist", "senior", "auditor", "ops", "customer", "system"])
@pytest.mark.parametrize("action", RIGHTS)
def test_each_role_may_do_what_it_may_and_nothing_else(
    make: Make, staff: dict[str, Any], action: Action, role: str
) -> None:
    source = sorted(RULES[action].sources)[0]
    who = actor(role, staff)
    lease = timezone.now() + timedelta(seconds=-1 if action is Action.LAPSE else 60)
    held = {"claimed_by": who.user or staff["other"], "claimed_until": lease} if source == S.IN_REVIEW else {}
    review = make(status=source, outcome=S.APPROVED, reviewer=staff["other"], **held)

    if role in RIGHTS[action]:
        after = transition(review, action, actor=who, target=TARGETS.get(action))
        assert after.status in RULES[action].targets
        assert after.version == 2
    else:
        with pytest.raises(Problem) as refused:
            transition(review, action, actor=who, target=TARGETS.get(action))
        assert refused.value.status == 403
        review.refresh_from_db()
        assert (review.status, review.version) == (source, 1)
        assert AuditEvent.objects.filter(rx=review.pk).count() == 1, "only that it was received"


def test_an_old_version_is_refused_with_who_did_what_and_nothing_is_written(make: Make, staff: dict[str, Any]) -> None:
    review = make()
    queue.claim(review.pk, staff["pharmacist"])
    seen = load(review.pk)
    transition(seen, Action.APPROVE, actor=actor("pharmacist", staff), target=S.APPROVED)
    events = AuditEvent.objects.filter(rx=review.pk).count()

    with pytest.raises(Problem) as refused:
        transition(load(review.pk), Action.REJECT, actor=actor("pharmacist", staff), version=seen.version)
    with pytest.raises(Problem) as raced:
        transition(seen, Action.REJECT, actor=actor("pharmacist", staff))

    for problem in (refused.value, raced.value):
        assert (problem.status, problem.code) == (409, "stale-version")
        assert "pharmacist changed it at" in problem.detail
        assert "Approved" in problem.detail
    assert load(review.pk).status == S.APPROVED
    assert AuditEvent.objects.filter(rx=review.pk).count() == events


def test_a_lease_that_ran_out_decides_nothing(make: Make, staff: dict[str, Any]) -> None:
    review = make(
        status=S.IN_REVIEW,
        claimed_by=staff["pharmacist"],
        claimed_until=timezone.now() - timedelta(seconds=1),
    )

    with pytest.raises(Problem) as refused:
        transition(review, Action.REJECT, actor=actor("pharmacist", staff))

    assert (refused.value.status, refused.value.code) == (409, "not-yours")
    assert load(review.pk).status == S.IN_REVIEW


def test_who_decided_is_not_the_second_pair_of_eyes_whatever_their_rights(make: Make, staff: dict[str, Any]) -> None:
    chief = staff["senior"]
    chief.is_superuser = True
    chief.save()
    review = make(status=S.SECOND_CHECK, outcome=S.APPROVED, reviewer=chief)

    for action in (Action.CONFIRM, Action.DISAGREE):
        with pytest.raises(Problem) as refused:
            transition(review, action, actor=actor("senior", staff))
        assert refused.value.code == "same-person"
    confirmed = transition(review, Action.CONFIRM, actor=actor("senior2", staff))

    assert confirmed.status == S.APPROVED
    assert (confirmed.reviewer, confirmed.second_checker) == (chief, staff["senior2"])


@pytest.mark.parametrize("status", [S.QUEUED, S.IN_REVIEW, S.CLARIFICATION, S.SECOND_CHECK, S.REJECTED])
def test_an_erasure_ends_the_review_by_legal_steps_and_forgets_what_was_typed(
    make: Make, staff: dict[str, Any], status: str
) -> None:
    review = make(status=status, lines=2, prescriber="Dr A. Rao", customer_text="x", internal_note="y")
    Prescription.objects.filter(pk=review.pk).update(erased_at=timezone.now())

    opening.close_for_erasure(review.pk)

    review.refresh_from_db()
    assert review.status == S.ERASED
    assert (review.prescriber, review.customer_text, review.internal_note) == ("", "", "")
    assert review.prescription.order_lines.count() == 0
    verbs = list(AuditEvent.objects.filter(rx=review.pk).values_list("verb", flat=True))
    assert verbs == ["received", *(["review.close"] if status != S.REJECTED else []), "review.erase"]
    with pytest.raises(Problem) as gone:
        load(review.pk)
    assert gone.value.status == 410


def test_nothing_moves_behind_a_tombstone_and_nothing_is_erased_without_one(make: Make, staff: dict[str, Any]) -> None:
    done, waiting = make(status=S.APPROVED), make()
    Prescription.objects.filter(pk=waiting.pk).update(erased_at=timezone.now())

    with pytest.raises(Problem) as early:
        transition(done, Action.ERASE, actor=SYSTEM)
    with pytest.raises(Problem) as late:
        transition(
            Review.objects.select_related("prescription").get(pk=waiting.pk), Action.CLAIM, actor=actor("senior", staff)
        )

    assert (early.value.status, late.value.status) == (409, 410)


def test_a_new_upload_for_the_same_order_takes_over_from_the_rejected_one(make: Make) -> None:
    first = make(order_ref="O-1", lines=2, status=S.REJECTED)

    again = make(order_ref="O-1")
    third = make(order_ref="O-1", client="another shop")

    assert again.supersedes == first.prescription
    assert again.priority > 0
    assert [line.name for line in again.prescription.order_lines.all()] == ["Telmisartan", "Telmisartan"]
    assert (third.supersedes, third.priority) == (None, 0)


def test_a_new_upload_is_an_answer_to_an_open_question(make: Make) -> None:
    asked = make(order_ref="O-1", status=S.CLARIFICATION)

    again = make(order_ref="O-1")

    asked.refresh_from_db()
    assert (asked.status, asked.reason_id) == (S.WITHDRAWN, "withdrawn_by_customer")
    assert again.supersedes_id == asked.pk
