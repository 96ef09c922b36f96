"""The sandbox's robot: each magic reference, by the services that people decide by; and nothing where it is off."""

from typing import Any

import pytest
from pytest_django import Settings

from prescriptions.audit.actors import CUSTOMER
from prescriptions.models import AuditEvent, Event, OrderLine, Review
from prescriptions.ops import production
from prescriptions.review import clarifications, opening, queue
from prescriptions.upkeep import sandbox
from prescriptions.upkeep.sandbox import robot
from tests.prescriptions.staff import Clock, Make

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def on(settings: Settings, recorder: list[str], servers: Any) -> None:
    settings.RX_SANDBOX, settings.RX_REVIEW_UNDO = True, 0


def play(review: Review) -> str:
    sandbox.play()
    review.refresh_from_db()
    return review.status


def verdicts(review: Review) -> list[tuple[str, int | None]]:
    return list(OrderLine.objects.filter(prescription=review.pk).values_list("decision", "quantity_allowed"))


@pytest.mark.parametrize(
    ("order_ref", "lines", "status", "decided"),
    [
        ("sandbox-approve", 2, "approved", [("accepted", 30), ("accepted", 30)]),
        ("SANDBOX-approve-17", 0, "approved", []),
        ("sandbox-partial-17", 2, "partially_approved", [("accepted", 30), ("refused", 0)]),
        ("sandbox-partial", 1, "partially_approved", [("reduced", 15)]),
        ("sandbox-reject", 1, "rejected", [("refused", 0)]),
        ("sandbox-ask", 1, "clarification", [("pending", None)]),
        # No word of ours: these wait for people.
        ("sandbox-approval", 1, "queued", [("pending", None)]),
        ("sandbox-", 0, "queued", []),
        ("approve", 0, "queued", []),
    ],
)
def test_each_reference(order_ref: str, lines: int, status: str, decided: list[Any], make: Make) -> None:
    review = make(order_ref=order_ref, lines=lines, pages=2)

    assert play(review) == status
    assert verdicts(review) == decided


def test_it_is_events_and_audit_as_in_real_life(make: Make) -> None:
    review = make(order_ref="sandbox-approve", pages=2)

    play(review)

    told = AuditEvent.objects.filter(rx=review.pk).order_by("seq").values_list("verb", "actor_name", "data")
    assert [(verb, name) for verb, name, _data in told] == [
        ("received", ""),
        *((verb, "robot-pharmacist") for verb in ("review.claim", "page.seen", "page.seen", "review.approve")),
    ]
    assert told[2][2] == {"page": 1, "declared": True}
    events = Event.objects.filter(rx=review.pk).order_by("pk").values_list("type", flat=True)
    assert list(events) == ["prescription.received", "prescription.in_review", "prescription.approved"]
    account = AuditEvent.objects.get(verb="account.made")
    assert (account.actor, account.data) == ("system", {"roles": ["pharmacist"]})
    assert not robot.pharmacist().user.has_usable_password()


@pytest.mark.parametrize(
    ("order_ref", "then"), [("sandbox-ask", "approved"), ("sandbox-ask-partial-3", "partially_approved")]
)
@pytest.mark.parametrize("how", ["words", "file"])
def test_it_asks_once_and_decides_after_the_answer(order_ref: str, then: str, how: str, make: Make) -> None:
    review = make(order_ref=order_ref, lines=2)
    assert play(review) == "clarification"
    assert play(review) == "clarification", "it waits for the answer"
    assert [row.text for row in review.messages.all()] == [robot.QUESTION]

    if how == "words":
        clarifications.answer(review.pk, "80 mg", actor=CUSTOMER)
        answered = review
    else:
        answered = make(order_ref=order_ref)
        review.refresh_from_db()
        assert (review.status, answered.supersedes_id) == ("withdrawn", review.pk)

    assert play(answered) == then


def test_an_approval_expires_and_a_question_that_nobody_answers_ends(
    make: Make, settings: Settings, clock: Clock
) -> None:
    settings.RX_REVIEW_UNDO = 8
    expires, silent = make(order_ref="sandbox-expire"), make(order_ref="sandbox-silent")

    assert (play(expires), silent.prescription.told_status) == ("approved", "queued")
    assert play(expires) == "approved", "nobody has been told of it yet"
    clock.forward(seconds=9)

    assert play(expires) == "expired"
    silent.refresh_from_db()
    assert (silent.status, silent.reason_id) == ("rejected", "no_reply_from_customer")


def test_a_second_robot_confirms_what_needs_two(make: Make) -> None:
    review = make(order_ref="sandbox-approve", lines=1, schedule="X")

    assert play(review) == "approved"
    assert review.reviewer is not None
    assert review.second_checker is not None
    assert (review.reviewer.username, review.second_checker.username) == ("robot-pharmacist", "robot-senior")


def test_what_it_claimed_and_did_not_decide_it_takes_up_again(make: Make) -> None:
    review = make(order_ref="sandbox-approve")
    queue.claim(review.pk, robot.pharmacist().user)

    assert play(review) == "approved"


def test_beat_takes_it_from_a_queue_that_beat_serves(settings: Settings) -> None:
    route = settings.CELERY_TASK_ROUTES["prescriptions.tasks.play_sandbox"]

    assert route == settings.CELERY_TASK_ROUTES["prescriptions.tasks.review_housekeeping"]


def test_off_it_does_nothing_and_no_public_server_has_it_on(make: Make, settings: Settings) -> None:
    settings.BASE_URL, settings.ALLOWED_HOSTS = "https://rx.example", ["rx.example"]
    assert "rx.E020" in {fault.id for fault in production.openness(None)}

    settings.RX_SANDBOX = False
    review = make(order_ref="sandbox-approve")

    assert play(review) == "queued"
    assert "rx.E020" not in {fault.id for fault in production.openness(None)}


def test_one_that_was_erased_meanwhile_is_left_alone(make: Make) -> None:
    review = make(order_ref="sandbox-approve")
    review.prescription.erased_at = review.queued_at
    review.prescription.save()
    opening.close_for_erasure(review.pk)

    assert sandbox.play() == 0
