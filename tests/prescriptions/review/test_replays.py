"""What is sent twice is done once, and whoever lost the answer gets it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from prescriptions.api import tokens
from prescriptions.audit import actors
from prescriptions.infra.problems import Problem
from prescriptions.models import AuditEvent, OverrideReason, Prescription, Replay, Review, ReviewStatus
from prescriptions.review import clarifications, queue, replays
from prescriptions.upkeep import erasure
from tests.prescriptions.api.test_reviews import Caller
from tests.prescriptions.reviewing import Staff, address, approval, claimed, events, form, looked, signed_in, text_of
from tests.prescriptions.staff import Make

S = ReviewStatus
REPLAYED = "Idempotency-Replayed"


@pytest.fixture
def caller(staff: Staff) -> Caller:
    scopes = ["rx:read", "rx:review", "rx:erase"]
    return Caller(tokens.make(name="t", client="shop", scopes=scopes, user=staff["pharmacist"])[1])


def held(make: Make, staff: Staff) -> Review:
    """Claimed, and looked at."""
    return looked(claimed(make, staff["pharmacist"]), staff["pharmacist"])


def decisions_of(review: Review) -> int:
    return AuditEvent.objects.filter(rx=review.pk, verb="review.approve").count()


# --- By API -----------------------------------------------------------------------------------------------------------
def test_a_decision_with_a_key_is_answered_again_word_for_word(make: Make, caller: Caller, staff: Staff) -> None:
    review = claimed(make, staff["pharmacist"], lines=1)
    path, sent = f"prescriptions/{review.pk}/decision", approval(version=review.version)

    first, again = (caller.post(path, sent, **{"Idempotency-Key": "k-1"}) for _ in range(2))

    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json()
    assert again["ETag"] == first["ETag"] == '"3"'
    assert (REPLAYED in first, again[REPLAYED]) == (False, "true")
    assert decisions_of(review) == 1
    # without a key it is one of two that decided on the same version
    assert caller.post(path, sent).status_code == 409
    # and the key is of this body alone
    other = caller.post(path, {**sent, "prescriber": "Dr B."}, **{"Idempotency-Key": "k-1"})
    assert (other.status_code, other.json()["type"].rpartition("#")[2]) == (422, "idempotency-key-reused")


def test_what_was_refused_may_be_put_right_with_the_same_key(make: Make, caller: Caller, staff: Staff) -> None:
    review = claimed(make, staff["pharmacist"])
    path, key = f"prescriptions/{review.pk}/decision", {"Idempotency-Key": "k-1"}

    assert caller.post(path, {"outcome": "rejected", "version": 2}, **key).status_code == 422
    assert caller.post(path, approval(version=2), **key).status_code == 200
    assert caller.post(path, approval(version=2), **{"Idempotency-Key": "a b"}).status_code == 400


def test_the_next_review_is_taken_once(make: Make, caller: Caller) -> None:
    first, second = make(), make()

    answers = [caller.post("reviews/next", **{"Idempotency-Key": key}) for key in ("a", "a", "b", "c", "c")]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 204, 204]
    assert [answer.json()["id"] for answer in answers[:3]] == [first.pk, first.pk, second.pk]
    assert [REPLAYED in answer for answer in answers] == [False, True, False, False, True]


# --- On the review page -----------------------------------------------------------------------------------------------
def test_a_form_sent_twice_leads_where_it_led_and_claims_nothing_more(make: Make, staff: Staff) -> None:
    review, following, _third = held(make, staff), make(), make()
    client, sent = signed_in(staff["pharmacist"]), form(review, next="1")

    first, again = (client.post(address(review, "decide"), sent) for _ in range(2))

    assert first.status_code == again.status_code == 303
    assert again.headers["Location"] == first.headers["Location"] == f"{address(following)}?decided={review.pk}"
    assert decisions_of(review) == 1
    assert Review.objects.filter(claimed_by=staff["pharmacist"]).count() == 1


@pytest.mark.parametrize("change", [{"prescriber": "Dr B."}, {"outcome": "rejected", "reason": "image_blurry"}])
def test_another_decision_on_the_same_version_is_refused(make: Make, staff: Staff, change: dict[str, str]) -> None:
    review, client = held(make, staff), signed_in(staff["pharmacist"])
    client.post(address(review, "decide"), form(review))

    assert client.post(address(review, "decide"), form(review, **change)).status_code == 409
    assert decisions_of(review) == 1


def test_after_an_undo_the_old_form_does_not_pass_for_a_decision(make: Make, staff: Staff, settings: Settings) -> None:
    # given a decision that was taken back, twice over a bad line
    settings.RX_REVIEW_UNDO = 600
    review, client = held(make, staff), signed_in(staff["pharmacist"])
    client.post(address(review, "decide"), form(review))
    undone = [client.post(address(review, "undo"), {"version": "3"}) for _ in range(2)]
    assert [(answer.status_code, answer.headers["Location"]) for answer in undone] == [(303, address(review))] * 2
    assert 'value="Dr A. Rao"' in text_of(client.get(address(review)))

    # when the browser sends the decision once more
    answer = client.post(address(review, "decide"), form(review))

    # then nobody is made to believe that it stands
    assert answer.status_code == 409
    review.refresh_from_db()
    assert (review.status, review.version) == (S.IN_REVIEW, 4)


@pytest.mark.parametrize("how", ["release", "skip"])
def test_giving_an_item_back_twice_is_giving_it_back(make: Make, staff: Staff, how: str) -> None:
    review, client = claimed(make, staff["pharmacist"]), signed_in(staff["pharmacist"])

    answers = [client.post(address(review, how), {"version": review.version}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert events(review).count(f"review.{how}") == 1


# --- Customers --------------------------------------------------------------------------------------------------------
def ask(make: Make, staff: Staff, text: str) -> tuple[Review, int]:
    review = claimed(make, staff["pharmacist"])
    asked = clarifications.ask(review.pk, text, actor=actors.staff(staff["pharmacist"]), version=review.version)
    question = clarifications.open_question(asked)
    assert question is not None
    return asked, question.pk


def answer(review: Review, text: str, question: int | None) -> None:
    replays.answer_once(review.pk, text, actor=actors.CUSTOMER, question=question)


def test_an_answer_sent_twice_is_one_message(make: Make, staff: Staff) -> None:
    review, question = ask(make, staff, "Which strength?")

    for _ in range(2):
        answer(review, " 250 mg ", question)

    assert list(review.messages.values_list("text", flat=True)) == ["Which strength?", "250 mg"]
    with pytest.raises(Problem) as refused:
        answer(review, "500 mg", question)
    assert refused.value.status == 409


def test_a_late_answer_is_no_answer_to_the_next_question(make: Make, staff: Staff) -> None:
    review, first = ask(make, staff, "Is it for a child?")
    answer(review, "yes", first)
    again = queue.claim(review.pk, staff["pharmacist"])
    person = actors.staff(staff["pharmacist"])
    clarifications.ask(review.pk, "May it be another brand?", actor=person, version=again.version)

    answer(review, "yes", first)  # which was lost on its way back

    review.refresh_from_db()
    assert review.status == S.CLARIFICATION
    assert review.messages.count() == 3


def test_taking_back_twice_is_taking_back(make: Make, staff: Staff) -> None:
    review = make()

    for _ in range(2):
        replays.withdraw_once(review.pk, actor=actors.CUSTOMER)

    review.refresh_from_db()
    assert (review.status, review.version) == (S.WITHDRAWN, 2)
    looked_at = claimed(make, staff["pharmacist"])
    with pytest.raises(Problem):
        replays.withdraw_once(looked_at.pk, actor=actors.CUSTOMER)


# --- Forgetting -------------------------------------------------------------------------------------------------------
def test_answers_are_forgotten_in_time_and_with_an_erasure(
    make: Make, caller: Caller, staff: Staff, settings: Settings, servers: Any
) -> None:
    old, young, erased = (claimed(make, staff["pharmacist"]) for _ in range(3))
    for number, review in enumerate((old, young, erased)):
        path, key = f"prescriptions/{review.pk}/decision", {"Idempotency-Key": f"k-{number}"}
        assert caller.post(path, approval(version=review.version), **key).status_code == 200
    before = timezone.now() - timedelta(seconds=settings.RX_REPLAY_KEEP + 1)
    Replay.objects.filter(rx=old.pk).update(created_at=before)

    assert replays.sweep() == 1
    erasure.erase(Prescription.objects.get(pk=erased.pk), override=erasure.Override(OverrideReason.ORDERED))

    assert list(Replay.objects.values_list("rx", flat=True)) == [young.pk]
