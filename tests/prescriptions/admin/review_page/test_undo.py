"""Undo on the review page: by whoever decided, within the window, once, with everything that was typed."""

import pytest
from pytest_django import Settings

from prescriptions import audit
from prescriptions.audit.actors import staff as actor_of
from prescriptions.models import OrderLine, Review, ReviewStatus
from prescriptions.review import decisions, queue
from tests.prescriptions.reviewing import (
    FETCH,
    Staff,
    address,
    agreement,
    approval,
    claimed,
    events,
    form,
    signed_in,
    text_of,
)
from tests.prescriptions.staff import Clock, Make

S = ReviewStatus
PARTIAL = {
    "outcome": "partially_approved",
    "line-1-decision": "accepted",
    "line-2-decision": "reduced",
    "line-2-quantity": "10",
}


@pytest.fixture(autouse=True)
def window(settings: Settings, clock: Clock) -> None:
    """Eight seconds, which pass only where a test says so."""
    settings.RX_REVIEW_UNDO = 8


@pytest.fixture
def decided(held: Review, staff: Staff) -> Review:
    sent = form(held, **PARTIAL, customer_text="Take care.")
    assert signed_in(staff["pharmacist"]).post(address(held, "decide"), sent).status_code == 303
    held.refresh_from_db()
    return held


def test_a_decision_comes_back_with_everything_that_was_typed(decided: Review, staff: Staff) -> None:
    client = signed_in(staff["pharmacist"])
    assert "data-undo=" in text_of(client.get(address(decided)))

    answer = client.post(address(decided, "undo"), {"version": decided.version})

    assert (answer.status_code, answer.headers["Location"]) == (303, address(decided))
    after = Review.objects.get(pk=decided.pk)
    assert (after.status, after.outcome, after.decided_at, after.reviewer) == (S.IN_REVIEW, "", None, None)
    assert after.held_by(staff["pharmacist"].pk)
    assert after.valid_until is None
    assert set(OrderLine.objects.filter(prescription=decided.pk).values_list("decision", "quantity_allowed")) == {
        ("pending", None)
    }
    assert events(decided)[-1] == "review.undo"
    assert audit.verify(decided.pk).faults == []
    page = text_of(client.get(address(decided)))
    assert 'value="Dr A. Rao"' in page
    assert "Take care.</textarea>" in page
    assert 'name="line-2-decision" value="reduced" checked' in page
    assert 'name="line-2-quantity" inputmode="numeric" autocomplete="off" maxlength="9" value="10"' in page
    assert page.count('name="checklist" value=') == page.count("checked><span>") - 2 - 1  # two lines, "the next one"
    assert 'name="outcome" value="partially_approved" data-choose="some"><' in page, "an outcome is chosen anew"


def test_what_came_with_the_decision_goes_back(held: Review, make: Make, staff: Staff) -> None:
    following, client = make(), signed_in(staff["pharmacist"])
    there = client.post(address(held, "decide"), form(held, next="1")).headers["Location"]
    page = text_of(client.get(there))
    assert f'name="claimed" value="{following.pk}"' in page
    held.refresh_from_db()

    answer = client.post(address(held, "undo"), {"version": held.version, "claimed": following.pk}, **FETCH)

    assert answer.json() == {"location": address(held)}
    following.refresh_from_db()
    assert (following.status, following.claimed_by) == (S.QUEUED, None)


def test_an_undone_rejection_says_nothing_of_single_lines(held: Review, staff: Staff) -> None:
    client = signed_in(staff["pharmacist"])
    sent = form(held, outcome="rejected", reason="image_blurry", **{"line-1-decision": "refused"})
    assert client.post(address(held, "decide"), sent).status_code == 303
    held.refresh_from_db()
    assert set(OrderLine.objects.filter(prescription=held.pk).values_list("decision", flat=True)) == {"refused"}

    client.post(address(held, "undo"), {"version": held.version})

    page = text_of(client.get(address(held)))
    assert 'value="refused" checked' not in page
    assert 'value="image_blurry" selected' in page


def test_undoing_never_releases_what_others_hold(decided: Review, make: Make, staff: Staff) -> None:
    others = queue.claim(make().pk, staff["other"])

    signed_in(staff["pharmacist"]).post(address(decided, "undo"), {"version": decided.version, "claimed": others.pk})

    others.refresh_from_db()
    assert others.claimed_by == staff["other"]


@pytest.mark.parametrize("who", ["late", "other", "senior", "confirmed", "stale", "auditor"])
def test_otherwise_the_decision_stands_and_nothing_is_written(make: Make, staff: Staff, clock: Clock, who: str) -> None:
    review = claimed(make, staff["pharmacist"], lines=1, schedule="X" if who == "confirmed" else "H")
    review = decisions.decide(review.pk, approval(), actor=actor_of(staff["pharmacist"]), version=2)
    if who == "confirmed":
        review = decisions.confirm(review.pk, agreement(), actor=actor_of(staff["senior"]), version=3)
    if who == "late":
        clock.forward(seconds=8)
    before, recorded = Review.objects.filter(pk=review.pk).values().get(), events(review)
    version = review.version - 1 if who == "stale" else review.version
    user = staff[who] if who in staff else staff["pharmacist"]

    answer = signed_in(user).post(address(review, "undo"), {"version": version}, **FETCH)

    assert answer.status_code == {"other": 403, "senior": 403, "auditor": 403}.get(who, 409)
    assert Review.objects.filter(pk=review.pk).values().get() == before
    assert [verb for verb in events(review) if verb != "link.minted"] == recorded
    assert set(OrderLine.objects.filter(prescription=review.pk).values_list("decision", flat=True)) == {"accepted"}
