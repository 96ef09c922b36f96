"""While a decision can be undone, nobody outside can tell that there is one."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from prescriptions.audit.actors import staff as actor_of
from prescriptions.intake import order_links
from prescriptions.models import Review, ReviewStatus
from prescriptions.review import decisions, opening, publication, queue
from tests.prescriptions.admin.review_page.test_page import FETCH, recorder, signed_in
from tests.prescriptions.review.test_decisions import approval
from tests.prescriptions.staff import Make, make_review

__all__ = ["FETCH", "recorder"]
Staff = dict[str, Any]


@pytest.fixture(autouse=True)
def window(settings: Settings) -> None:
    settings.RX_REVIEW_UNDO = 8


def over(settings: Settings) -> None:
    settings.RX_REVIEW_UNDO = 0


def rejected(make: Make, staff: Staff, **extra: Any) -> Review:
    review = queue.claim(make(pages=1, lines=1, **extra).pk, staff["pharmacist"])
    sent = {"outcome": "rejected", "reason": "image_blurry"}
    return decisions.decide(review.pk, sent, actor=actor_of(staff["pharmacist"]), version=review.version)


def test_order_lines_are_pending_until_then(make: Make, staff: Staff, settings: Settings) -> None:
    review = rejected(make, staff)
    lines = f"/api/v1/prescriptions/{review.pk}/order-lines"
    client = signed_in(staff["senior"])

    assert {line["decision"] for line in client.get(lines).json()} == {"pending"}
    over(settings)
    assert {line["decision"] for line in client.get(lines).json()} == {"refused"}


def test_a_second_check_is_not_told_either(make: Make, staff: Staff, settings: Settings) -> None:
    review = queue.claim(make(pages=1, lines=1, schedule="X").pk, staff["pharmacist"])
    decided = decisions.decide(review.pk, approval(), actor=actor_of(staff["pharmacist"]), version=review.version)
    assert decided.status == ReviewStatus.SECOND_CHECK

    detail = f"/api/v1/prescriptions/{review.pk}"
    assert signed_in(staff["senior"]).get(detail).json()["status"] == "in_review"
    assert not publication.published(decided)
    over(settings)
    assert signed_in(staff["senior"]).get(detail).json()["status"] == "second_check"


def test_what_replaces_it_waits_and_what_is_over_does_not_run_out(make: Make, staff: Staff, settings: Settings) -> None:
    review = rejected(make, staff, order_ref="O-1")
    later = make_review(order_ref="O-1")
    assert opening._replaced(later.prescription) is None

    over(settings)
    found = opening._replaced(later.prescription)
    assert found is not None
    assert found.pk == review.pk


def test_an_old_prescription_does_not_expire_before_its_approval_stands(
    make: Make, staff: Staff, settings: Settings
) -> None:
    review = queue.claim(make(pages=1).pk, staff["pharmacist"])
    sent = approval(prescribed_on="2024-01-01")
    decided = decisions.decide(review.pk, sent, actor=actor_of(staff["pharmacist"]), version=review.version)
    assert decided.valid_until is not None

    assert decisions.expire_due() == 0
    over(settings)
    assert decisions.expire_due() == 1


def test_polling_does_not_tell_that_something_happened(make: Make, staff: Staff, settings: Settings) -> None:
    review = queue.claim(make(pages=1, order_ref="O-3").pk, staff["pharmacist"])
    customer = Client()
    customer.get(order_links.page_path(order_links.mint(order_ref="O-3", client="shop", expires_in=600)))
    status = "/orders/O-3/prescription/status"
    before = customer.get(status)

    sent = {"outcome": "rejected", "reason": "image_blurry"}
    decisions.decide(review.pk, sent, actor=actor_of(staff["pharmacist"]), version=review.version)

    assert customer.get(status, headers={"If-None-Match": before.headers["ETag"]}).status_code == 304
    over(settings)
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
