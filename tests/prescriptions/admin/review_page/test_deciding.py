"""Decisions on the review page: refusals that keep what was typed and write nothing, second checks, reopening."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone

from prescriptions.audit.actors import SYSTEM
from prescriptions.audit.actors import staff as actor_of
from prescriptions.models import ClarificationMessage, OrderLine, Review, ReviewStatus
from prescriptions.review import clarifications, decisions, orders, queue
from tests.prescriptions.reviewing import (
    FETCH,
    TODAY,
    Staff,
    address,
    approval,
    claimed,
    events,
    form,
    looked,
    signed_in,
    text_of,
)
from tests.prescriptions.staff import Clock, Make

S = ReviewStatus


# --- Deciding -------------------------------------------------------------------------------------------------
def test_an_approval_leads_to_the_next_item_which_is_claimed(held: Review, make: Make, staff: Staff) -> None:
    following = make()

    answer = signed_in(staff["pharmacist"]).post(address(held, "decide"), form(held, next="1"))

    assert (answer.status_code, answer.headers["Location"]) == (303, f"{address(following)}?decided={held.pk}")
    held.refresh_from_db()
    following.refresh_from_db()
    assert (held.status, held.reviewer) == (S.APPROVED, staff["pharmacist"])
    assert following.claimed_by == staff["pharmacist"]
    assert events(held)[-3:] == ["page.seen", "page.seen", "review.approve"]


def test_a_script_may_have_the_next_page_as_the_answer(held: Review, make: Make, staff: Staff, settings: Any) -> None:
    settings.RX_REVIEW_UNDO = 60
    following, client = make(), signed_in(staff["pharmacist"])
    sent = form(held, next="1")

    answers = [
        client.post(address(held, "decide"), sent, headers=FETCH["headers"] | {"Prefer": "return=representation"})
        for _ in ("sent", "sent again, the answer was lost")
    ]

    leads_to = f"{address(following)}?decided={held.pk}"
    assert [(answer.status_code, answer.headers["Content-Location"]) for answer in answers] == [(200, leads_to)] * 2
    assert answers[0].context["data"] | {"left": 0} == client.get(leads_to).context["data"] | {"left": 0}
    assert answers[0].context["offer"]["claimed"] == following.pk, "undone, it goes back"
    assert client.post(address(held, "decide"), sent, **FETCH).json() == {"location": leads_to}


def test_without_the_tick_the_queue_follows_and_that_is_remembered(held: Review, make: Make, staff: Staff) -> None:
    following, client = make(), signed_in(staff["pharmacist"])

    answer = client.post(address(held, "decide"), form(held), **FETCH)

    assert answer.json() == {"location": "/admin/prescriptions/review/"}
    following.refresh_from_db()
    assert following.status == S.QUEUED
    review = queue.claim(following.pk, staff["pharmacist"])
    assert 'name="next" value="1">' in text_of(client.get(address(review)))


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "outcome": ({"outcome": ""}, "outcome"),
    "date": ({"prescribed_on": "2999-01-01"}, "prescribed_on"),
    "prescriber": ({"prescriber": ""}, "prescriber"),
    "checklist": ({"checklist": ["date"]}, "checklist"),
    "long ago": ({"prescribed_on": "1026-03-14"}, "prescribed_on"),
    "run out": ({"prescribed_on": "2024-03-14"}, "prescribed_on"),
    "which date": ({"prescribed_on": "2024-02-01"}, "confirmed_date"),
    "reason": ({"outcome": "rejected"}, "reason"),
    "reason page": ({"outcome": "rejected", "reason": "page_missing", "reason_page": "7"}, "reason_page"),
    "note": ({"outcome": "rejected", "reason": "other"}, "internal_note"),
    "lines": ({"outcome": "partially_approved", "line-1-decision": "accepted"}, "lines"),
    "less": (
        {"outcome": "partially_approved", "line-2-decision": "reduced", "line-2-quantity": "30"},
        "line-2-quantity",
    ),
    "line reason": ({"outcome": "partially_approved", "line-2-decision": "refused"}, "line-2-reason"),
    "question": ({"outcome": "clarification", "question": " "}, "question"),
    "long": ({"customer_text": "x" * 1001}, "customer_text"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_linked_what_was_typed_is_kept_and_nothing_is_written(
    held: Review, staff: Staff, case: str
) -> None:
    extra, field = WRONG[case]
    sent = form(held, **{"internal_note": "", "override_reason": "", "registration_number": "<KMC> 7", **extra})
    before = events(held)

    answer = signed_in(staff["pharmacist"]).post(address(held, "decide"), sent)

    body = text_of(answer)
    assert answer.status_code == 422
    assert f'href="#{field}"' in body
    assert f'id="{field}"' in body
    assert 'value="&lt;KMC&gt; 7"' in body
    if sent["prescriber"]:
        assert 'value="Dr A. Rao"' in body
    assert body.count('name="checklist"') == 5
    assert body.count("checked><span>") >= len(sent["checklist"])
    held.refresh_from_db()
    assert (held.status, held.version, held.prescriber) == (S.IN_REVIEW, 2, "")
    assert [verb for verb in events(held) if verb != "link.minted"] == before


def test_a_page_that_was_not_looked_at_is_named_and_a_list_in_the_form_says_nothing(make: Make, staff: Staff) -> None:
    review = looked(claimed(make, staff["pharmacist"], pages=2), staff["pharmacist"], 1)
    sent = form(review, pages_seen="1,2", override_reason="I know this doctor.")

    answer = signed_in(staff["pharmacist"]).post(address(review, "decide"), sent)

    assert answer.status_code == 422
    assert "Not viewed yet: page 2." in text_of(answer)
    review.refresh_from_db()
    assert review.status == S.IN_REVIEW


def test_the_other_of_two_dates_is_what_was_meant(held: Review, staff: Staff, clock: Clock) -> None:
    clock.now = clock.now.replace(month=6, day=14)
    year, client = clock.now.year, signed_in(staff["pharmacist"])
    Review.objects.filter(pk=held.pk).update(claimed_until=clock.now + timedelta(minutes=5))
    typed = form(held, prescribed_on=f"{year}-03-05", confirmed_date="")

    asked = text_of(client.post(address(held, "decide"), typed))
    assert f"Which date is meant: 5 Mar {year} or 3 May {year}?" in asked
    assert all(f'name="confirmed_date" value="{year}-{day}"' in asked for day in ("03-05", "05-03"))
    answer = client.post(address(held, "decide"), {**typed, "confirmed_date": f"{year}-05-03"})

    assert answer.status_code == 303
    held.refresh_from_db()
    assert held.prescribed_on == date(year, 5, 3)


def test_seniors_answer_for_what_has_run_out_and_who_checks_it_reads_why(make: Make, staff: Staff) -> None:
    day = (TODAY - timedelta(days=31)).isoformat()
    review = looked(claimed(make, staff["senior"], lines=1, schedule="X"), staff["senior"])
    sent = form(review, prescribed_on=day, confirmed_date=day)
    client = signed_in(staff["senior"])

    refused = client.post(address(review, "decide"), sent)
    answer = client.post(address(review, "decide"), {**sent, "override_reason": "The doctor is away."})

    assert 'href="#override_reason"' in text_of(refused)
    assert (refused.status_code, answer.status_code) == (422, 303)
    for who in ("senior2", "auditor"):
        page = text_of(signed_in(staff[who]).get(address(review)))
        assert "The doctor is away." in page
        assert "although it had run out" in page


def test_an_old_version_is_a_409_that_keeps_what_was_typed(held: Review, staff: Staff) -> None:
    queue.release(held.pk, staff["pharmacist"])
    queue.claim(held.pk, staff["other"])
    decisions.decide(held.pk, approval(), actor=actor_of(staff["other"]), version=4)
    typed = form(held, outcome="rejected", reason="image_blurry", internal_note="Called twice.")

    answer = signed_in(staff["pharmacist"]).post(address(held, "decide"), typed)

    body = text_of(answer)
    assert answer.status_code == 409
    assert "other changed it at" in body
    assert "What you had typed" in body
    assert "Called twice." in body
    held.refresh_from_db()
    assert (held.status, held.reviewer, held.internal_note) == (S.APPROVED, staff["other"], "")


def test_a_lease_that_ran_out_is_a_409_with_the_form_and_a_way_back(held: Review, staff: Staff) -> None:
    Review.objects.filter(pk=held.pk).update(claimed_until=timezone.now() - timedelta(seconds=1))
    client = signed_in(staff["pharmacist"])

    refused = client.post(address(held, "decide"), form(held, customer_text="Take care."))

    body = text_of(refused)
    assert refused.status_code == 409
    assert "Take care.</textarea>" in body
    assert f'formaction="{address(held, "claim")}"' in body
    again = client.post(address(held, "claim"), form(held, customer_text="Take care."))
    assert "Take care.</textarea>" in text_of(again)
    held.refresh_from_db()
    assert held.held_by(staff["pharmacist"].pk)


def test_a_question_with_its_page(held: Review, staff: Staff) -> None:
    sent = {"version": held.version, "question": "Which strength?", "reason_page": "2"}

    answer = signed_in(staff["pharmacist"]).post(address(held, "ask"), sent)

    assert answer.status_code == 303
    message = ClarificationMessage.objects.get(review=held)
    assert (message.text, message.page, message.user) == ("Which strength?", 2, staff["pharmacist"])
    held.refresh_from_db()
    assert held.status == S.CLARIFICATION


def test_the_thread_is_on_the_page(held: Review, staff: Staff) -> None:
    clarifications.ask(held.pk, "Which strength?", actor=actor_of(staff["pharmacist"]), version=2)

    page = text_of(signed_in(staff["auditor"]).get(address(held)))

    assert "Which strength?" in page
    assert "waiting for the customer" in page


def test_fifty_lines_can_be_decided(make: Make, staff: Staff, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 250  # see rxproject/settings.py
    review = looked(claimed(make, staff["pharmacist"], pages=3, lines=50), staff["pharmacist"])
    lines = {f"line-{n}-{part}": value for n in range(1, 51) for part, value in LINE[n % 2].items()}

    answer = signed_in(staff["pharmacist"]).post(
        address(review, "decide"), form(review, outcome="partially_approved", **lines)
    )

    assert answer.status_code == 303
    assert OrderLine.objects.filter(prescription=review.pk, decision="refused").count() == 25


LINE = (
    {"decision": "accepted", "quantity": "", "reason": ""},
    {"decision": "refused", "quantity": "", "reason": "item_not_on_prescription"},
)


# --- The second check, and reopening --------------------------------------------------------------------------
@pytest.fixture
def second(make: Make, staff: Staff) -> Review:
    review = queue.claim(make(pages=1, lines=1, schedule="X").pk, staff["senior"])
    note = approval(internal_note="Looks fine.")
    return decisions.decide(review.pk, note, actor=actor_of(staff["senior"]), version=2)


def test_the_second_person_sees_the_first_decision_and_agrees(second: Review, staff: Staff) -> None:
    client = signed_in(staff["senior2"])
    page = text_of(client.get(address(second)))
    assert "Looks fine." in page
    assert "I agree" in page
    assert 'name="prescriber"' not in page

    assert 'name="confirmed_lines" id="line-1-confirmed" value="1"' in page
    sent = {"version": second.version, "outcome": "confirmed"}
    refused = text_of(client.post(address(second, "decide"), sent))
    for field in ("strip", "lines", "confirmed_date"):
        assert f'href="#{field}"' in refused
        assert f'id="{field}"' in refused
    second.refresh_from_db()
    assert second.status == S.SECOND_CHECK
    looked(second, staff["senior2"])
    sent |= {"confirmed_lines": ["1"], "confirmed_date": TODAY.isoformat()}

    answer = client.post(address(second, "decide"), sent)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/prescriptions/review/")
    second.refresh_from_db()
    assert (second.status, second.second_checker) == (S.APPROVED, staff["senior2"])


def test_the_second_person_disagrees_only_with_a_note(second: Review, staff: Staff) -> None:
    client = signed_in(staff["senior2"])

    empty = client.post(address(second, "disagree"), {"version": second.version, "note": ""})
    answer = client.post(address(second, "disagree"), {"version": second.version, "note": "Date is wrong."})

    assert empty.status_code == 422
    assert 'href="#note"' in text_of(empty)
    assert answer.status_code == 303
    second.refresh_from_db()
    assert (second.status, second.internal_note) == (S.QUEUED, "Date is wrong.")
    assert "Date is wrong." in text_of(client.get(address(second))), "whoever takes it next reads it"


def test_the_same_person_is_told_why_not(second: Review, staff: Staff) -> None:
    client = signed_in(staff["senior"])
    assert "The second check needs another person." in text_of(client.get(address(second)))

    answer = client.post(address(second, "confirm"), {"version": second.version})

    assert answer.status_code == 403
    second.refresh_from_db()
    assert (second.status, second.second_checker) == (S.SECOND_CHECK, None)


def test_seniors_reopen_with_a_reason(held: Review, staff: Staff) -> None:
    decided = decisions.decide(held.pk, approval(), actor=actor_of(staff["pharmacist"]), version=2)
    client = signed_in(staff["senior"])
    assert "Reopen" not in text_of(signed_in(staff["pharmacist"]).get(address(held)))

    empty = client.post(address(held, "reopen"), {"version": decided.version})
    answer = client.post(address(held, "reopen"), {"version": decided.version, "note": "Doctor called back."})

    assert (empty.status_code, answer.status_code) == (422, 303)
    held.refresh_from_db()
    assert (held.status, held.internal_note) == (S.QUEUED, "Doctor called back.")


def test_lines_that_changed_are_shown_and_what_was_said_of_others_is_kept(held: Review, staff: Staff) -> None:
    sent = form(held, **{"line-1-decision": "accepted", "line-2-decision": "owing", "prescriber": "Dr B. Sen"})
    lines = list(held.prescription.order_lines.values("line_ref", "name", "strength", "schedule", "quantity_ordered"))
    client = signed_in(staff["pharmacist"])

    orders.put("shop", "ORD-1", {"lines": orders.numbered([lines[0], {**lines[1], "name": "Metformin"}])}, actor=SYSTEM)
    answer = client.post(address(held, "decide"), sent, **FETCH)

    page = text_of(answer)
    assert answer.status_code == 409
    said = "Line 2 is now Metformin × 30 (H); it was Telmisartan × 30 (H)."
    assert page.count(said) == 3, "in the alert, in the advice, and at the lines"
    states = {row.line.position: row.state.decision for row in answer.context["rows"]}
    assert states == {1: "accepted", 2: ""}
    assert answer.context["form"].texts["prescriber"] == "Dr B. Sen"
    assert answer.context["data"]["seen"] == [1, 2]
    held.refresh_from_db()
    assert held.status == S.IN_REVIEW
    again = {**sent, "version": held.version, "line-2-decision": "accepted"}
    assert client.post(address(held, "decide"), again).status_code == 303
