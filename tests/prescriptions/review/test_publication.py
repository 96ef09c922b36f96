"""While a decision can be undone, nobody outside can tell that there is one."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from prescriptions.audit.actors import SYSTEM
from prescriptions.audit.actors import staff as actor_of
from prescriptions.infra.problems import Problem
from prescriptions.intake import order_links
from prescriptions.models import Review, ReviewStatus
from prescriptions.review import clarifications, decisions, publication, undo
from tests.prescriptions.reviewing import Staff, approval, claimed, signed_in
from tests.prescriptions.staff import Clock, Make


@pytest.fixture(autouse=True)
def window(settings: Settings) -> None:
    settings.RX_REVIEW_UNDO = 8


def rejected(make: Make, staff: Staff, **extra: Any) -> Review:
    review = claimed(make, staff["pharmacist"], pages=1, lines=1, **extra)
    sent = {"outcome": "rejected", "reason": "image_blurry"}
    return decisions.decide(review.pk, sent, actor=actor_of(staff["pharmacist"]), version=review.version)


def test_order_lines_are_pending_until_then(make: Make, staff: Staff, clock: Clock) -> None:
    review = rejected(make, staff)
    lines = f"/api/v1/prescriptions/{review.pk}/order-lines"
    client = signed_in(staff["senior"])

    assert {line["decision"] for line in client.get(lines).json()} == {"pending"}
    clock.forward(seconds=8)
    assert {line["decision"] for line in client.get(lines).json()} == {"refused"}


def test_a_second_check_is_not_told_either(make: Make, staff: Staff, clock: Clock) -> None:
    review = claimed(make, staff["pharmacist"], pages=1, lines=1, schedule="X")
    decided = decisions.decide(review.pk, approval(), actor=actor_of(staff["pharmacist"]), version=review.version)
    assert decided.status == ReviewStatus.SECOND_CHECK

    detail = f"/api/v1/prescriptions/{review.pk}"
    assert signed_in(staff["senior"]).get(detail).json()["status"] == "in_review"
    assert not publication.published(decided)
    clock.forward(seconds=8)
    assert signed_in(staff["senior"]).get(detail).json()["status"] == "second_check"


def test_what_is_sent_again_replaces_only_what_was_told(make: Make, staff: Staff, clock: Clock) -> None:
    rejected(make, staff, order_ref="O-1")
    early = make(order_ref="O-1")
    told = rejected(make, staff, order_ref="O-2")
    clock.forward(seconds=8)

    late = make(order_ref="O-2")

    assert early.supersedes_id is None
    assert late.supersedes_id == told.pk


def test_an_approval_that_ends_while_it_can_be_undone_is_never_told(make: Make, staff: Staff, clock: Clock) -> None:
    clock.now = clock.now.replace(hour=23, minute=59, second=55)
    review = claimed(make, staff["pharmacist"], pages=1, order_ref="O-4")
    sent = approval(prescribed_on=(timezone.localdate() - timedelta(days=180)).isoformat())
    decided = decisions.decide(review.pk, sent, actor=actor_of(staff["pharmacist"]), version=review.version)
    assert decided.valid_until == timezone.localdate()
    detail, client = f"/api/v1/prescriptions/{review.pk}", signed_in(staff["senior"])

    clock.forward(seconds=7)
    assert decisions.expire_due() == 0
    assert client.get(detail).json()["status"] == "in_review"

    # the window has closed and the day has ended, and the beat was not there yet
    clock.forward(seconds=1)
    assert client.get(detail).json()["status"] == "expired"
    customer = Client()
    customer.get(order_links.page_path(order_links.mint(order_ref="O-4", client="shop", expires_in=600)))
    assert "no longer valid" in customer.get("/orders/O-4/prescription/status").content.decode()
    assert decisions.expire_due() == 1


def test_polling_does_not_tell_that_something_happened(make: Make, staff: Staff, clock: Clock) -> None:
    review = claimed(make, staff["pharmacist"], pages=1, order_ref="O-3")
    customer = Client()
    customer.get(order_links.page_path(order_links.mint(order_ref="O-3", client="shop", expires_in=600)))
    status = "/orders/O-3/prescription/status"
    before = customer.get(status)

    sent = {"outcome": "rejected", "reason": "image_blurry"}
    decisions.decide(review.pk, sent, actor=actor_of(staff["pharmacist"]), version=review.version)

    assert customer.get(status, headers={"If-None-Match": before.headers["ETag"]}).status_code == 304
    clock.forward(seconds=8)
    assert customer.get(status, headers={"If-None-Match": before.headers["ETag"]}).status_code == 200


def test_who_answers_too_late_reads_nothing_of_the_staff(make: Make, staff: Staff) -> None:
    review = rejected(make, staff, order_ref="O-2")
    link = order_links.mint(order_ref="O-2", client=review.prescription.client, expires_in=600)
    customer = Client()
    page = "/orders/O-2/prescription"
    customer.get(order_links.page_path(link))

    before = customer.get(f"{page}/status")
    answer = customer.post(f"{page}/status", {"action": f"withdraw:{review.pk}"})

    assert answer.status_code == 409
    text = answer.content.decode()
    for hidden in ("undo", "reopen", "Not accepted", "changed it at"):
        assert hidden not in text
    assert before.status_code == 200


@pytest.mark.parametrize("sent", [approval(), {"outcome": "rejected", "reason": "image_blurry"}])
def test_outcomes_are_published_when_they_can_no_longer_be_undone(
    make: Make, staff: Staff, clock: Clock, sent: dict[str, Any]
) -> None:
    review = claimed(make, staff["pharmacist"], lines=1)
    assert publication.published(review)
    review = decisions.decide(review.pk, sent, actor=actor_of(staff["pharmacist"]), version=2)

    clock.forward(seconds=7.999)
    assert not publication.published(review)
    assert undo.undoable(staff["pharmacist"]) == review
    assert undo.undoable(staff["other"]) is None
    clock.forward(seconds=0.001)
    assert publication.published(review)
    assert undo.undoable(staff["pharmacist"]) is None


def test_what_nobody_decided_is_published_at_once(make: Make, staff: Staff, clock: Clock) -> None:
    review = claimed(make, staff["pharmacist"])
    clarifications.ask(review.pk, "?", actor=actor_of(staff["pharmacist"]), version=2)
    review.messages.update(expires_at=clock.now)
    assert clarifications.time_out_due() == 1
    review.refresh_from_db()

    assert review.status == ReviewStatus.REJECTED
    assert publication.published(review)
    with pytest.raises(Problem):
        undo.undo(review.pk, actor=actor_of(staff["pharmacist"]), version=review.version)
    with pytest.raises(Problem):
        undo.undo(review.pk, actor=SYSTEM, version=review.version)
