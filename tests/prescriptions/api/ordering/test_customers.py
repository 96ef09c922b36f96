"""The customer's side by REST: the question and the answer, taking back, and using an earlier prescription again."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from prescriptions.audit import actors
from prescriptions.intake.customers import progress
from prescriptions.models import ClarificationMessage, Consent, Prescription, Review, ReviewStatus
from prescriptions.review import clarifications, orders
from tests.prescriptions.conftest import Upload, assert_problem, file, picture
from tests.prescriptions.reviewing import Staff, claimed
from tests.prescriptions.staff import Make

pytestmark = pytest.mark.django_db
Bearer = Callable[..., dict[str, str]]
JSON = "application/json"


@pytest.fixture
def shop(bearer: Bearer) -> Client:
    return Client(headers=bearer("rx:read", "rx:write"))


@pytest.fixture
def asked(make: Make, staff: Staff) -> Review:
    """A pharmacist has a question about page 1."""
    review = claimed(make, staff["pharmacist"], order_ref="A-1")
    actor = actors.staff(staff["pharmacist"])
    return clarifications.ask(review.pk, "Which strength?", actor=actor, version=review.version, page=1)


def address(rx: str, act: str = "") -> str:
    return f"/api/v1/prescriptions/{rx}{act and '/'}{act}"


def answer(shop: Client, rx: str, body: Any) -> Any:
    return shop.post(address(rx, "answer"), json.dumps(body), content_type=JSON)


def test_the_question_is_told_in_the_words_of_the_customers_page_and_answered(shop: Client, asked: Review) -> None:
    told = shop.get(address(asked.pk)).json()
    message = ClarificationMessage.objects.get()

    display = progress.DISPLAYS[progress.Stage.NEEDS_ANSWER]
    assert told["customer"] == {
        "stage": "needs-answer",
        "title": str(display.chip),
        "headline": str(display.headline),
        "text": str(display.text),
        "note": "",
        "may_withdraw": True,
    }
    until = told["question"].pop("answer_until")
    assert until == message.expires_at.isoformat().replace("+00:00", "Z") if message.expires_at else None
    assert told["question"].pop("asked_at")
    assert told["question"] == {"id": message.pk, "text": "Which strength?", "page": 1}

    body = {"text": "40 mg", "question": message.pk}
    answers = [answer(shop, asked.pk, body) for _ in ("sent", "sent again, the answer was lost")]

    assert [each.status_code for each in answers] == [200, 200]
    assert answers[0].json()["question"] is None
    assert answers[0].json()["customer"]["stage"] == "received"
    assert [m.text for m in ClarificationMessage.objects.filter(author="customer")] == ["40 mg"]
    assert Review.objects.get(pk=asked.pk).status == ReviewStatus.QUEUED


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"text": ""}, 400),
        ({"text": "x" * 1001}, 400),
        ({"text": "\u200b"}, 422),
        ({"text": "40 mg", "quesion": 1}, 400),
        ({"text": "40 mg", "question": 10**6}, 409),
        ({"text": "40 mg", "question": True}, 400),
        ({"files": ["x"]}, 400),
        ([], 400),
    ],
    ids=repr,
)
def test_what_is_no_answer_leaves_the_question_open(shop: Client, asked: Review, body: Any, status: int) -> None:
    assert_problem(answer(shop, asked.pk, body), status)

    assert Review.objects.get(pk=asked.pk).status == ReviewStatus.CLARIFICATION
    assert ClarificationMessage.objects.count() == 1


def test_where_nothing_is_asked_a_conflict_says_where_it_stands_and_not_who_did_what(
    shop: Client, make: Make, staff: Staff
) -> None:
    review = claimed(make, staff["pharmacist"])

    for act, body in (("answer", {"text": "40 mg"}), ("withdraw", None)):
        refused = shop.post(address(review.pk, act), json.dumps(body) if body else "", content_type=JSON)
        problem = assert_problem(refused, 409, "invalid-transition")
        assert "`in_review`" in problem["detail"]
        assert "pharmacist" not in problem["detail"]


def test_whoever_is_not_the_shop_answers_nothing(asked: Review, bearer: Bearer, staff: Staff) -> None:
    rival, reader = Client(headers=bearer("rx:write", client="rival")), Client(headers=bearer("rx:read"))

    assert_problem(answer(rival, asked.pk, {"text": "x"}), 404)
    assert_problem(rival.post(address(asked.pk, "withdraw")), 404)
    assert_problem(answer(reader, asked.pk, {"text": "x"}), 403)
    assert Review.objects.get(pk=asked.pk).status == ReviewStatus.CLARIFICATION


def test_it_is_taken_back_and_the_same_again(shop: Client, asked: Review) -> None:
    for _again in range(2):
        told = shop.post(address(asked.pk, "withdraw"))
        assert (told.status_code, told.json()["status"]) == (200, "withdrawn")
    assert told.json()["customer"]["may_withdraw"] is False


def test_a_new_picture_takes_its_place_with_what_was_said(
    shop: Client, asked: Review, upload: Upload, bearer: Bearer
) -> None:
    made = shop.post(address(asked.pk, "answer"), {"files": file(), "text": "Here it is."})
    again = shop.post(address(asked.pk, "answer"), {"files": file()})

    assert made.status_code == 201, made.content
    new = Review.objects.get(pk=made.json()["id"])
    assert made["Location"].endswith(f"/api/v1/prescriptions/{new.pk}")
    assert (new.supersedes_id, new.prescription.order_ref) == (asked.pk, "A-1")
    assert Review.objects.get(pk=asked.pk).status == ReviewStatus.WITHDRAWN
    assert [m.text for m in new.messages.all()] == ["Here it is."]
    assert_problem(again, 409, "invalid-transition")
    assert Prescription.objects.count() == 2


def test_an_answer_sent_again_with_its_key_is_one_prescription_by_the_bytes_of_its_files(
    shop: Client, asked: Review, upload: Upload
) -> None:
    def send(*data: bytes) -> Any:
        fields = {"files": file("page.jpg", *data), "text": "Here it is."}
        return shop.post(address(asked.pk, "answer"), fields, headers={"Idempotency-Key": "k"})

    made, again = send(), send()

    assert (made.status_code, again.status_code) == (201, 201)
    assert again.json() == made.json()
    assert (again["Idempotency-Replayed"], again["Location"]) == ("true", made["Location"])
    assert_problem(send(picture(31, 41)), 422, "idempotency-key-reused")
    assert Prescription.objects.count() == 2


def test_files_need_an_order(shop: Client, asked: Review) -> None:
    Prescription.objects.update(order_ref="")

    problem = assert_problem(shop.post(address(asked.pk, "answer"), {"files": file()}), 400, "invalid")

    assert problem["errors"][0]["pointer"] == "/files"


def test_an_earlier_prescription_of_the_same_patient_is_used_again(
    shop: Client, upload: Upload, bearer: Bearer, seeded: None
) -> None:
    earlier = upload(order_ref="A-1", patient_ref="P-1")
    columns = {"status": "approved", "valid_until": timezone.localdate() + timedelta(days=9)}
    Review.objects.filter(pk=earlier.pk).update(**columns, decided_at=timezone.now() - timedelta(days=1))
    for ref, patient in (("A-2", "P-1"), ("A-3", "P-2")):
        orders.put("shop", ref, {"patient_ref": patient}, actor=actors.SYSTEM)

    def reuse(ref: str, rx: str = earlier.pk) -> Any:
        return shop.post(f"/api/v1/orders/{ref}/prescriptions", json.dumps({"reuse": rx}), content_type=JSON)

    made = reuse("A-2")

    assert made.status_code == 201, made.content
    body = made.json()
    assert (body["order_ref"], body["patient_ref"], body["status"]) == ("A-2", "P-1", "queued")
    assert body["id"] != earlier.pk
    assert [d["sha256"] for d in body["documents"]] == [d.sha256 for d in earlier.documents.all()]
    assert not Consent.objects.filter(prescription=body["id"]).exists(), "nobody ticked anything"
    for ref in ("A-1", "A-3", "A-9"):
        assert_problem(reuse(ref), 409, "not-reusable")
    Review.objects.filter(pk=earlier.pk).update(valid_until=timezone.localdate() - timedelta(days=1))
    assert_problem(reuse("A-2"), 409, "not-reusable")
    assert_problem(reuse("A-2", "0" * 32), 404)
    assert_problem(reuse("A-2", "x"), 400)
    rival = Client(headers=bearer("rx:write", client="rival"))
    theirs = rival.post("/api/v1/orders/A-2/prescriptions", json.dumps({"reuse": earlier.pk}), content_type=JSON)
    assert_problem(theirs, 404)
    assert Prescription.objects.count() == 2
