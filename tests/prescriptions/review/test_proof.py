"""Who has looked at which page, for which version of a review; and what day it is in the pharmacy."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from prescriptions.audit.actors import staff as actor_of
from prescriptions.infra.problems import Problem
from prescriptions.models import AuditEvent, PageSeen, Review
from prescriptions.review import decisions, proof, queue, undo
from prescriptions.review.proof import Calendar
from tests.databases import on_each_database
from tests.prescriptions.reviewing import Staff, agreement, approval, claimed, looked
from tests.prescriptions.staff import Clock, Make

pytestmark = on_each_database


def seen(review: Review, user: Any) -> set[int]:
    return set(proof.seen(Review.objects.get(pk=review.pk), user.pk))


def test_a_page_that_was_looked_at_counts_once_for_who_holds_it(make: Make, staff: Staff) -> None:
    review = claimed(make, staff["pharmacist"], pages=3)

    looked(review, staff["pharmacist"], 1, 2)
    looked(review, staff["pharmacist"], 2)

    assert seen(review, staff["pharmacist"]) == {1, 2}
    assert seen(review, staff["other"]) == set()
    events = AuditEvent.objects.filter(rx=review.pk, verb="page.seen")
    assert [event.data for event in events] == [{"page": 1}, {"page": 2}]


@pytest.mark.parametrize(
    ("who", "version", "pages", "status"),
    [
        ("other", 2, [1], 409),
        ("senior", 2, [1], 409),
        ("auditor", 2, [1], 403),
        ("pharmacist", 1, [1], 409),
        ("pharmacist", 2, [1, 4], 404),
        ("pharmacist", 2, [], 404),
    ],
)
def test_what_does_not_count_is_refused_and_nothing_is_written(
    make: Make, staff: Staff, who: str, version: int, pages: list[int], status: int
) -> None:
    review = claimed(make, staff["pharmacist"], pages=3)

    with pytest.raises(Problem) as refused:
        proof.look(review.pk, pages, actor=actor_of(staff[who]), version=version)

    assert refused.value.status == status
    assert not PageSeen.objects.exists()
    assert not AuditEvent.objects.filter(rx=review.pk, verb="page.seen").exists()


def test_a_claim_that_has_run_out_sees_nothing(make: Make, staff: Staff, clock: Clock) -> None:
    review = claimed(make, staff["pharmacist"])
    clock.forward(days=1)

    with pytest.raises(Problem) as refused:
        looked(review, staff["pharmacist"], 1)

    assert (refused.value.status, refused.value.code) == (409, "not-yours")


def test_after_another_claim_everybody_begins_anew(make: Make, staff: Staff) -> None:
    review = looked(claimed(make, staff["pharmacist"], pages=2), staff["pharmacist"])

    queue.release(review.pk, staff["pharmacist"])
    again = queue.claim(review.pk, staff["pharmacist"])

    assert seen(again, staff["pharmacist"]) == set()
    with pytest.raises(Problem) as refused:
        decisions.decide(again.pk, approval(pages_seen=[]), actor=actor_of(staff["pharmacist"]), version=again.version)
    assert [error["pointer"] for error in refused.value.errors or []] == ["/pages_seen"]


def test_an_undo_leads_back_to_all_that_was_seen(make: Make, staff: Staff, settings: Settings) -> None:
    settings.RX_REVIEW_UNDO = 60
    review = looked(claimed(make, staff["pharmacist"], pages=2), staff["pharmacist"])
    actor = actor_of(staff["pharmacist"])
    decided = decisions.decide(review.pk, approval(pages_seen=[]), actor=actor, version=review.version)

    after, _verdicts = undo.undo(review.pk, actor=actor, version=decided.version)

    assert seen(after, staff["pharmacist"]) == {1, 2}


def test_a_second_check_needs_eyes_of_its_own(make: Make, staff: Staff) -> None:
    review = looked(claimed(make, staff["senior"], pages=2, lines=1, schedule="X"), staff["senior"])
    review = decisions.decide(review.pk, approval(), actor=actor_of(staff["senior"]), version=review.version)
    sent, actor = agreement(pages_seen=[]), actor_of(staff["senior2"])

    for who in ("senior", "pharmacist"):  # who decided, and who may not
        with pytest.raises(Problem):
            looked(review, staff[who])
    with pytest.raises(Problem) as refused:
        decisions.confirm(review.pk, sent, actor=actor, version=review.version)
    looked(review, staff["senior2"])
    confirmed = decisions.confirm(review.pk, sent, actor=actor, version=review.version)

    assert [error["pointer"] for error in refused.value.errors or []] == ["/pages_seen"]
    assert (confirmed.status, confirmed.second_checker) == ("approved", staff["senior2"])


def test_what_a_program_declares_is_told_apart(make: Make, staff: Staff) -> None:
    review = looked(claimed(make, staff["pharmacist"], pages=2), staff["pharmacist"], 1)

    decisions.decide(review.pk, approval(), actor=actor_of(staff["pharmacist"]), version=review.version)

    events = AuditEvent.objects.filter(rx=review.pk, verb="page.seen")
    assert [event.data for event in events] == [{"page": 1}, {"page": 2, "declared": True}]


def test_a_second_check_that_comes_after_the_last_day_confirms_nothing(make: Make, staff: Staff, clock: Clock) -> None:
    review = claimed(make, staff["pharmacist"], lines=1, schedule="X")
    last = timezone.localdate() - timedelta(days=30)
    sent, senior = approval(prescribed_on=last.isoformat()), actor_of(staff["senior"])
    review = decisions.decide(review.pk, sent, actor=actor_of(staff["pharmacist"]), version=review.version)
    assert review.valid_until == timezone.localdate()
    clock.forward(days=1)

    with pytest.raises(Problem) as refused:
        decisions.confirm(review.pk, agreement(confirmed_date=last.isoformat()), actor=senior, version=review.version)

    assert (refused.value.status, refused.value.code) == (422, "prescription-expired")
    review.refresh_from_db()
    assert (review.status, review.second_checker) == ("second_check", None)


def test_a_second_check_of_what_a_senior_answers_for_holds_for_its_own_day(
    make: Make, staff: Staff, clock: Clock
) -> None:
    review = claimed(make, staff["senior"], lines=1, schedule="X")
    day = (timezone.localdate() - timedelta(days=31)).isoformat()
    sent = approval(prescribed_on=day, override_reason="The doctor was called.")
    review = decisions.decide(review.pk, sent, actor=actor_of(staff["senior"]), version=review.version)
    clock.forward(days=1)

    after = decisions.confirm(
        review.pk, agreement(confirmed_date=day), actor=actor_of(staff["senior2"]), version=review.version
    )

    assert (after.status, after.valid_until) == ("approved", timezone.localdate())
    assert (after.override_reason, after.overridden) == ("The doctor was called.", ["expired"])
    # and the audit log names who answers for it, and not in their own words
    [event] = AuditEvent.objects.filter(rx=review.pk, verb="review.approve")
    assert (event.actor, event.data["overridden"]) == (str(actor_of(staff["senior"])), ["expired"])
    assert "doctor" not in str(event.__dict__)


def test_what_has_run_out_can_be_reopened_and_looked_at_again(make: Make, staff: Staff, clock: Clock) -> None:
    review = make(status="approved", valid_until=date(2020, 1, 1), decided_at=clock.now - timedelta(days=9))
    assert decisions.expire_due() == 1
    actor = actor_of(staff["senior"])

    after = decisions.reopen(review.pk, actor=actor, version=review.version + 1, note="Day and month were swapped.")

    assert (after.status, after.valid_until, after.internal_note) == (
        "queued",
        None,
        "Day and month were swapped.",
    )


@pytest.mark.parametrize(("zone", "today"), [("Asia/Kolkata", date(2026, 3, 2)), ("UTC", date(2026, 3, 1))])
def test_today_is_the_pharmacys(clock: Clock, zone: str, today: date) -> None:
    clock.now = datetime(2026, 3, 1, 20, 0, tzinfo=UTC)

    with timezone.override(zone):
        assert Calendar.now().today == today
