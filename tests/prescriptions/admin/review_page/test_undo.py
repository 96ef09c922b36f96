"""Undo: by who decided, within the window, once; nobody outside hears of a decision before."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from prescriptions import audit
from prescriptions.audit.actors import SYSTEM
from prescriptions.audit.actors import staff as actor_of
from prescriptions.infra.problems import Problem
from prescriptions.models import AuditEvent, OrderLine, Review, ReviewStatus
from prescriptions.review import clarifications, decisions, publication, queue, undo
from tests.prescriptions.admin.review_page.test_page import FETCH, address, events, form, recorder, signed_in, text_of
from tests.prescriptions.review import test_machine as machine
from tests.prescriptions.review.test_decisions import approval
from tests.prescriptions.staff import Make, make_review

__all__ = ["recorder"]
S = ReviewStatus
Staff = dict[str, Any]
PARTIAL = {
    "outcome": "partially_approved",
    "line-1-decision": "accepted",
    "line-2-decision": "reduced",
    "line-2-quantity": "10",
}
ARROWS = {(source, S.IN_REVIEW) for source in (S.APPROVED, S.PARTIALLY_APPROVED, S.REJECTED, S.SECOND_CHECK)}


@pytest.fixture(autouse=True)
def window(settings: Settings) -> None:
    """As long as people have it."""
    settings.RX_REVIEW_UNDO = 8


def age(review: Review, seconds: float) -> None:
    Review.objects.filter(pk=review.pk).update(decided_at=timezone.now() - timedelta(seconds=seconds))


@pytest.fixture
def held(make: Make, staff: Staff) -> Review:
    return queue.claim(make(pages=2, lines=2).pk, staff["pharmacist"])


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
    assert audit.verify(decided.pk) == []
    page = text_of(client.get(address(decided)))
    assert 'value="Dr A. Rao"' in page
    assert "Take care.</textarea>" in page
    assert 'name="line-2-decision" value="reduced" checked' in page
    assert 'name="line-2-quantity" inputmode="numeric" autocomplete="off" maxlength="9" value="10"' in page
    assert page.count('name="checklist" value=') == page.count("checked><span>") - 2 - 1  # two lines, "the next one"
    assert 'name="outcome" value="partially_approved" data-alt="2"><' in page, "an outcome is chosen anew"


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
def test_otherwise_the_decision_stands_and_nothing_is_written(
    make: Make, staff: Staff, settings: Any, who: str
) -> None:
    settings.RX_REVIEW_UNDO = 8
    schedule = "X" if who == "confirmed" else "H"
    review = queue.claim(make(lines=1, schedule=schedule).pk, staff["pharmacist"])
    review = decisions.decide(review.pk, approval(), actor=actor_of(staff["pharmacist"]), version=2)
    if who == "confirmed":
        review = decisions.confirm(review.pk, actor=actor_of(staff["senior"]), version=3)
    if who == "late":
        age(review, 8.01)
    before, recorded = Review.objects.filter(pk=review.pk).values().get(), events(review)
    version = review.version - 1 if who == "stale" else review.version
    user = staff[who] if who in staff else staff["pharmacist"]

    answer = signed_in(user).post(address(review, "undo"), {"version": version}, **FETCH)

    assert answer.status_code == {"other": 403, "senior": 403, "auditor": 403}.get(who, 409)
    assert Review.objects.filter(pk=review.pk).values().get() == before
    assert [verb for verb in events(review) if verb != "link.minted"] == recorded
    assert set(OrderLine.objects.filter(prescription=review.pk).values_list("decision", flat=True)) == {"accepted"}


def test_a_second_check_can_be_called_off_by_who_asked_for_it(make: Make, staff: Staff) -> None:
    review = queue.claim(make(lines=1, schedule="X").pk, staff["pharmacist"])
    review = decisions.decide(review.pk, approval(), actor=actor_of(staff["pharmacist"]), version=2)
    assert review.status == S.SECOND_CHECK

    after, verdicts = undo.undo(review.pk, actor=actor_of(staff["pharmacist"]), version=3)

    assert (after.status, after.outcome) == (S.IN_REVIEW, "")
    assert [verdict.decision for verdict in verdicts] == ["accepted"]


def test_of_undo_and_confirmation_exactly_one_wins(make: Make, staff: Staff) -> None:
    review = queue.claim(make(lines=1, schedule="X").pk, staff["pharmacist"])
    review = decisions.decide(review.pk, approval(), actor=actor_of(staff["pharmacist"]), version=2)
    undo.undo(review.pk, actor=actor_of(staff["pharmacist"]), version=3)

    with pytest.raises(Problem) as refused:
        decisions.confirm(review.pk, actor=actor_of(staff["senior"]), version=3)

    assert refused.value.status == 409


@pytest.mark.parametrize("sent", [approval(), {"outcome": "rejected", "reason": "image_blurry"}])
def test_outcomes_are_published_when_they_can_no_longer_be_undone(
    make: Make, staff: Staff, settings: Any, sent: dict[str, Any]
) -> None:
    settings.RX_REVIEW_UNDO = 8
    review = queue.claim(make(lines=1).pk, staff["pharmacist"])
    assert publication.published(review)
    review = decisions.decide(review.pk, sent, actor=actor_of(staff["pharmacist"]), version=2)
    assert review.decided_at

    assert not publication.published(review)
    assert publication.published(review, review.decided_at + timedelta(seconds=8))
    assert undo.undoable(staff["pharmacist"]) == review
    assert undo.undoable(staff["other"]) is None


def test_what_nobody_decided_is_published_at_once(make: Make, staff: Staff) -> None:
    review = queue.claim(make().pk, staff["pharmacist"])
    clarifications.ask(review.pk, "?", actor=actor_of(staff["pharmacist"]), version=2)
    review.messages.update(expires_at=timezone.now())
    assert clarifications.time_out_due() == 1
    review.refresh_from_db()

    assert review.status == S.REJECTED
    assert publication.published(review)
    with pytest.raises(Problem):
        undo.undo(review.pk, actor=actor_of(staff["pharmacist"]), version=review.version)
    with pytest.raises(Problem):
        undo.undo(review.pk, actor=SYSTEM, version=review.version)


def test_random_walks_with_undo_never_leave_the_arrows(staff: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    def take_back(review: Review, user: Any, version: int) -> object:
        return undo.undo(review.pk, actor=actor_of(user), version=version)

    people = list(machine.PEOPLE)
    monkeypatch.setitem(machine.BY_STAFF, "undo", take_back)
    monkeypatch.setitem(machine.ALLOWED, "undo", set(people))
    monkeypatch.setattr(machine, "ARROWS", machine.ARROWS | ARROWS)
    monkeypatch.setattr(machine, "WILD", machine.WILD + [("undo", role, 0) for role in machine.ROLES] * 4)
    after = [("undo", role) for role in people]
    for status in (S.APPROVED, S.PARTIALLY_APPROVED, S.REJECTED, S.SECOND_CHECK):
        monkeypatch.setitem(machine.SENSIBLE, status, [*machine.SENSIBLE.get(status, []), *after])
    machine.visited.clear()

    @hypothesis_settings(max_examples=25, deadline=None)
    @given(seed=st.integers(0, 2**32), schedule=st.sampled_from(["H", "X"]))
    def walks(seed: int, schedule: str) -> None:
        with transaction.atomic():
            review = make_review(lines=2, schedule=schedule)
            machine.walk(review, staff, Random(seed))
            assert audit.verify(review.pk) == []
            undone = [e.actor for e in AuditEvent.objects.filter(rx=review.pk, verb="review.undo")]
            deciders = {e.actor for e in AuditEvent.objects.filter(rx=review.pk, verb__startswith="review.")}
            assert set(undone) <= deciders
            transaction.set_rollback(True)

    walks()

    assert machine.visited & ARROWS
