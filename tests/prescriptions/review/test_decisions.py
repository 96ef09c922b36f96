"""Decisions: what they need, what they write, second checks, questions, and the end of validity."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from prescriptions.audit.actors import CUSTOMER
from prescriptions.audit.actors import staff as as_actor
from prescriptions.infra.problems import Problem
from prescriptions.models import AuditEvent, Review, ReviewStatus
from prescriptions.review import clarifications, decisions, queue
from prescriptions.review.payload import CHECKLIST
from prescriptions.upkeep import reviews
from tests.prescriptions.reviewing import TODAY, agreement, approval, claimed
from tests.prescriptions.staff import Make

S = ReviewStatus


def decide(review: Review, user: Any, sent: dict[str, Any]) -> Review:
    return decisions.decide(review.pk, sent, actor=as_actor(user), version=review.version)


SENT: dict[str, dict[str, Any]] = {
    "approved": approval(),
    "partially_approved": approval(lines=[{"line": 1, "decision": "reduced", "quantity_allowed": 10}]),
    "rejected": {"reason": "image_blurry"},
    "clarification": {"question": "Which strength?", "reason_page": 1},
    "confirmed": agreement(),
    "returned": {"note": "The date is wrong."},
    "reopened": {"note": "The doctor called back."},
}


@pytest.mark.parametrize(
    ("before", "outcome", "after"),
    [
        (S.IN_REVIEW, "approved", S.APPROVED),
        (S.IN_REVIEW, "partially_approved", S.PARTIALLY_APPROVED),
        (S.IN_REVIEW, "rejected", S.REJECTED),
        (S.IN_REVIEW, "clarification", S.CLARIFICATION),
        (S.SECOND_CHECK, "confirmed", S.APPROVED),
        (S.SECOND_CHECK, "returned", S.QUEUED),
        (S.APPROVED, "reopened", S.QUEUED),
    ],
)
def test_one_switch_for_every_outcome(
    make: Make, staff: dict[str, Any], before: ReviewStatus, outcome: str, after: ReviewStatus
) -> None:
    review = claimed(make, staff["pharmacist"], lines=1, schedule="X" if before == S.SECOND_CHECK else "H")
    if before != S.IN_REVIEW:
        review = decide(review, staff["pharmacist"], approval())
    assert review.status == before
    person = staff["pharmacist" if before == S.IN_REVIEW else "senior"]

    acted = decisions.act(
        review.pk, {**SENT[outcome], "outcome": outcome}, actor=as_actor(person), version=review.version
    )

    assert acted.status == after


@pytest.mark.parametrize("outcome", SENT)
def test_a_refusal_depends_on_who_decides_and_not_on_what_they_typed(
    make: Make, staff: dict[str, Any], outcome: str
) -> None:
    review = claimed(make, staff["pharmacist"], lines=1)
    decides = outcome in ("approved", "partially_approved", "rejected")
    typed = {"prescribed_on": "x", "checklist": 5} if decides else SENT[outcome]

    with pytest.raises(Problem) as refused:
        decisions.act(review.pk, {**typed, "outcome": outcome}, actor=as_actor(staff["auditor"]), version=2)

    assert refused.value.status == 403


def test_an_approval_is_written_with_all_that_it_rests_on(make: Make, staff: dict[str, Any]) -> None:
    review = claimed(make, staff["pharmacist"], pages=2, lines=2)

    after = decide(review, staff["pharmacist"], approval(customer_text=" Take care. "))

    assert (after.status, after.outcome, after.reviewer) == (S.APPROVED, S.APPROVED, staff["pharmacist"])
    assert (after.prescribed_on, after.valid_until) == (TODAY, TODAY + timedelta(days=180))
    assert (after.prescriber, after.customer_text) == ("Dr A. Rao", "Take care.")
    assert after.checklist == dict.fromkeys(CHECKLIST, True)
    lines = after.prescription.order_lines.all()
    assert [(line.decision, line.quantity_allowed) for line in lines] == [("accepted", 30)] * 2
    event = AuditEvent.objects.filter(rx=review.pk).last()
    assert event is not None
    assert event.data == {
        "from": "in_review",
        "to": "approved",
        "version": 3,
        "outcome": "approved",
        "reasons": [],
    }
    assert "Rao" not in str(event.__dict__)


WRONG = {
    "outcome": {"outcome": "maybe"},
    "checklist": {"checklist": {"signature": True}},
    "pages_seen": {"pages_seen": [1]},
    "prescribed_on": {"prescribed_on": ""},
    "prescriber": {"prescriber": " "},
    "reason": {"outcome": "rejected"},
    "reason_page": {"outcome": "rejected", "reason": "page_missing", "reason_page": 3},
    "internal_note": {"outcome": "rejected", "reason": "other"},
    "lines": {"outcome": "partially_approved"},
    "lines/0": {"lines": [{"line": 9, "decision": "accepted"}]},
    "lines/0/decision": {"lines": [{"line": 1, "decision": "pending"}]},
    "lines/0/reason": {"outcome": "partially_approved", "lines": [{"line": 1, "decision": "refused"}]},
    "lines/0/quantity_allowed": {
        "outcome": "partially_approved",
        "lines": [{"line": 1, "decision": "reduced", "quantity_allowed": 30}],
    },
    "customer_text": {"customer_text": "x" * 1001},
}


@pytest.mark.parametrize("field", WRONG)
def test_what_is_missing_is_named_and_nothing_is_written(make: Make, staff: dict[str, Any], field: str) -> None:
    review = claimed(make, staff["pharmacist"], pages=2, lines=2)
    events = AuditEvent.objects.filter(rx=review.pk).count()

    with pytest.raises(Problem) as refused:
        decide(review, staff["pharmacist"], {**approval(), **WRONG[field]})

    assert (refused.value.status, refused.value.code) == (422, "decision-incomplete")
    assert f"/{field}" in [error["pointer"] for error in refused.value.errors or []]
    review.refresh_from_db()
    assert (review.status, review.version, review.prescriber) == (S.IN_REVIEW, 2, "")
    assert AuditEvent.objects.filter(rx=review.pk).count() == events


@pytest.mark.parametrize(
    "sent",
    [
        {"checklist": [["x"]], "lines": {"a": 1}, "pages_seen": "12", "reason": ["a"], "reason_page": [1]},
        {"checklist": 5, "lines": [None, 3, "x"], "pages_seen": [None, {}], "prescribed_on": {"a": 1}},
        {"prescribed_on": "9999-12-31", "prescriber": "\ud800\x00", "lines": [{"line": True, "decision": []}]},
    ],
)
def test_nonsense_is_a_422_and_never_a_crash(make: Make, staff: dict[str, Any], sent: dict[str, Any]) -> None:
    review = claimed(make, staff["pharmacist"], lines=1)

    with pytest.raises(Problem) as refused:
        decide(review, staff["pharmacist"], {**approval(), **sent})

    assert refused.value.status == 422


def test_a_missing_point_needs_a_reason_why_not(make: Make, staff: dict[str, Any]) -> None:
    review = claimed(make, staff["pharmacist"], pages=2)
    sent = approval(checklist={"date": True}, override_reason="Called the doctor.")

    after = decide(review, staff["pharmacist"], sent)

    assert (after.status, after.override_reason, after.overridden) == (
        S.APPROVED,
        "Called the doctor.",
        ["checklist"],
    )
    [event] = AuditEvent.objects.filter(rx=review.pk, verb="review.approve")
    assert event.data["overridden"] == ["checklist"]
    assert "doctor" not in str(event.__dict__)


def test_where_nothing_is_missing_no_reason_is_kept(make: Make, staff: dict[str, Any]) -> None:
    after = decide(claimed(make, staff["pharmacist"]), staff["pharmacist"], approval(override_reason="Just so."))

    assert (after.override_reason, after.overridden) == ("", [])


def test_a_partial_approval_decides_line_by_line(make: Make, staff: dict[str, Any]) -> None:
    review = claimed(make, staff["pharmacist"], lines=3)
    lines = [
        {"line": 1, "decision": "accepted"},
        {"line": 2, "decision": "reduced", "quantity_allowed": 10},
        {"line": 3, "decision": "refused", "reason": "item_not_on_prescription"},
    ]

    after = decide(review, staff["pharmacist"], approval(outcome="partially_approved", lines=lines))

    assert after.status == S.PARTIALLY_APPROVED
    written = after.prescription.order_lines.values_list("decision", "quantity_allowed", "reason")
    assert list(written) == [
        ("accepted", 30, None),
        ("reduced", 10, None),
        ("refused", 0, "item_not_on_prescription"),
    ]


@pytest.mark.parametrize(("schedule", "status"), [("H1", S.SECOND_CHECK), ("X", S.SECOND_CHECK), ("H", S.APPROVED)])
def test_some_schedules_need_a_second_check(make: Make, staff: dict[str, Any], schedule: str, status: str) -> None:
    review = claimed(make, staff["pharmacist"], lines=1, schedule=schedule)

    assert decide(review, staff["pharmacist"], approval()).status == status


def test_a_refused_line_needs_no_second_check(make: Make, staff: dict[str, Any], settings: Any) -> None:
    review = claimed(make, staff["pharmacist"], lines=2)
    review.prescription.order_lines.filter(position=2).update(schedule="X")
    lines = [
        {"line": 1, "decision": "accepted"},
        {"line": 2, "decision": "refused", "reason": "item_schedule_not_sold_online"},
    ]

    after = decide(review, staff["pharmacist"], approval(outcome="partially_approved", lines=lines))

    assert after.status == S.PARTIALLY_APPROVED


def test_disagreement_sends_it_to_the_front_of_the_queue_undecided(make: Make, staff: dict[str, Any]) -> None:
    make(queued_at=timezone.now() - timedelta(hours=5), priority=9)
    review = claimed(make, staff["pharmacist"], lines=1, schedule="X")
    review = decide(review, staff["pharmacist"], approval())

    after = decisions.disagree(
        review.pk, actor=as_actor(staff["senior"]), version=review.version, note="The dose is illegible."
    )

    assert (after.status, after.outcome, after.reviewer) == (S.QUEUED, "", None)
    assert after.internal_note == "The dose is illegible."
    assert after.prescription.order_lines.get().decision == "pending"
    following = queue.claim_next(staff["other"])
    assert following is not None
    assert following.pk == review.pk


def test_a_question_waits_for_the_customer_whose_answer_hurries(make: Make, staff: dict[str, Any]) -> None:
    make(queued_at=timezone.now() - timedelta(hours=5))
    review = claimed(make, staff["pharmacist"], pages=2)

    asked = clarifications.ask(
        review.pk, "Which strength?", actor=as_actor(staff["pharmacist"]), version=review.version, page=2
    )
    question = clarifications.open_question(asked)
    answered = clarifications.answer(review.pk, "40 mg", actor=CUSTOMER)

    assert asked.status == S.CLARIFICATION
    assert question is not None
    assert (question.text, question.page) == ("Which strength?", 2)
    assert answered.status == S.QUEUED
    assert clarifications.open_question(answered) is None
    assert [message.text for message in answered.messages.all()] == ["Which strength?", "40 mg"]
    following = queue.claim_next(staff["other"])
    assert following is not None
    assert following.pk == review.pk


def test_without_an_answer_it_is_rejected_in_the_end(make: Make, staff: dict[str, Any]) -> None:
    review = claimed(make, staff["pharmacist"])
    clarifications.ask(review.pk, "Which?", actor=as_actor(staff["pharmacist"]), version=review.version)
    assert reviews.housekeeping()["timed_out"] == 0
    review.messages.update(expires_at=timezone.now())

    assert reviews.housekeeping()["timed_out"] == 1

    review.refresh_from_db()
    assert (review.status, review.reason_id) == (S.REJECTED, "no_reply_from_customer")
    with pytest.raises(Problem) as late:
        clarifications.answer(review.pk, "here", actor=CUSTOMER)
    assert late.value.status == 409


def test_an_approval_expires_when_its_validity_is_over_and_can_be_reopened_before(
    make: Make, staff: dict[str, Any]
) -> None:
    approved = decide(claimed(make, staff["pharmacist"]), staff["pharmacist"], approval())
    yesterday = {"decided_at": timezone.now() - timedelta(days=1), "valid_until": TODAY - timedelta(days=1)}
    old = make(status=S.APPROVED, **yesterday)

    assert reviews.housekeeping()["expired"] == 1
    old.refresh_from_db()
    assert old.status == S.EXPIRED
    with pytest.raises(Problem) as refused:
        decisions.reopen(approved.pk, actor=as_actor(staff["pharmacist"]), version=approved.version, note="wrong")
    reopened = decisions.reopen(approved.pk, actor=as_actor(staff["senior"]), version=approved.version, note="wrong")
    assert refused.value.status == 403
    assert (reopened.status, reopened.reviewer, reopened.valid_until) == (S.QUEUED, None, None)
