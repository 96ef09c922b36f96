"""The work queue: order, leases, skips, races."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from prescriptions.infra.problems import Problem
from prescriptions.models import AuditEvent, ReviewStatus
from prescriptions.review import queue
from tests.databases import on_each_database
from tests.prescriptions.staff import Clock, Make, make_review, person, seed

pytestmark = on_each_database


def ago(**units: int) -> Any:
    return timezone.now() - timedelta(**units)


def test_the_highest_priority_goes_first_and_then_the_longest_wait(make: Make, staff: dict[str, Any]) -> None:
    young = make(queued_at=ago(minutes=1))
    old = make(queued_at=ago(minutes=30))
    urgent = make(queued_at=ago(seconds=1), priority=5)

    order = [queue.claim_next(staff["pharmacist"]) for _ in range(4)]

    assert [review and review.pk for review in order] == [urgent.pk, old.pk, young.pk, None]


def test_one_person_holds_so_many_at_a_time(make: Make, staff: dict[str, Any], settings: Any, clock: Clock) -> None:
    settings.RX_REVIEW_HOLDS = 2
    first, second, third = (make(queued_at=ago(minutes=minutes)) for minutes in (3, 2, 1))
    queue.claim(first.pk, staff["pharmacist"])
    queue.claim_next(staff["pharmacist"])

    for claim in (lambda: queue.claim(third.pk, staff["pharmacist"]), lambda: queue.claim_next(staff["pharmacist"])):
        with pytest.raises(Problem) as refused:
            claim()
        assert (refused.value.status, refused.value.code) == (409, "too-many-held")
    third.refresh_from_db()
    assert (third.status, third.version) == (ReviewStatus.QUEUED, 1)
    assert queue.claim(first.pk, staff["pharmacist"]).claimed_by == staff["pharmacist"], "what they hold they keep"

    queue.release(second.pk, staff["pharmacist"])
    assert queue.claim(third.pk, staff["pharmacist"]).claimed_by == staff["pharmacist"]
    clock.forward(hours=1)  # what ran out is not held
    assert queue.claim(second.pk, staff["pharmacist"]).claimed_by == staff["pharmacist"]


def test_what_stands_before_and_behind_an_item(make: Make, staff: dict[str, Any]) -> None:
    at = ago(minutes=30)
    urgent, held = make(priority=5), make(queued_at=at)
    twin, young = make(queued_at=at), make(queued_at=ago(minutes=1))
    late = make(priority=-3, queued_at=ago(hours=9))
    decided = make(status=ReviewStatus.REJECTED)
    queue.claim(held.pk, staff["pharmacist"])
    order = [urgent, *sorted((held, twin), key=lambda review: review.pk), young, late]

    def beside(review: Any, *, forward: bool) -> str | None:
        other = queue.beside(review.pk, forward=forward)
        return other and other.pk

    names = [review.pk for review in order]
    assert [beside(review, forward=True) for review in order] == [*names[1:], None]
    assert [beside(review, forward=False) for review in order] == [None, *names[:-1]]
    assert [beside(decided, forward=forward) for forward in (True, False)] == [urgent.pk, None]


def test_a_claim_is_a_lease_and_names_who_holds_it(
    make: Make, staff: dict[str, Any], settings: Any, clock: Clock
) -> None:
    settings.RX_REVIEW_LEASE = 90
    make()

    claimed = queue.claim_next(staff["pharmacist"])

    assert claimed is not None
    assert claimed.status == ReviewStatus.IN_REVIEW
    assert claimed.claimed_by == staff["pharmacist"]
    assert claimed.claimed_until == clock.now + timedelta(seconds=90)
    assert claimed.version == 2


def test_an_expired_lease_puts_the_item_back_into_its_old_place(
    make: Make, staff: dict[str, Any], settings: Any, clock: Clock
) -> None:
    settings.RX_REVIEW_LEASE = 90
    first = make(queued_at=ago(minutes=30))
    make(queued_at=ago(minutes=1))
    queue.claim(first.pk, staff["pharmacist"])
    clock.forward(seconds=90)

    claimed = queue.claim_next(staff["other"])

    assert claimed is not None
    assert claimed.pk == first.pk
    assert claimed.claimed_by == staff["other"]
    assert list(AuditEvent.objects.filter(rx=first.pk).values_list("verb", flat=True)) == [
        "received",
        "review.claim",
        "review.lapse",
        "review.claim",
    ]


def test_a_heartbeat_renews_the_lease_and_nobody_elses(
    make: Make, staff: dict[str, Any], settings: Any, clock: Clock
) -> None:
    settings.RX_REVIEW_LEASE = 90
    review = make()
    queue.claim(review.pk, staff["pharmacist"])
    clock.forward(seconds=91)  # and nobody has noticed

    renewed = queue.heartbeat(review.pk, staff["pharmacist"])
    with pytest.raises(Problem) as refused:
        queue.heartbeat(review.pk, staff["other"])

    assert renewed.claimed_until == clock.now + timedelta(seconds=90)
    assert renewed.version == 2, "a heartbeat is no change that a decision could collide with"
    assert (refused.value.status, refused.value.code) == (409, "not-yours")
    assert "pharmacist" in refused.value.detail


def test_what_was_skipped_is_not_offered_again_to_the_same_person_for_a_while(
    make: Make, staff: dict[str, Any], settings: Any, clock: Clock
) -> None:
    settings.RX_REVIEW_SKIP = 60
    review = make()
    queue.claim(review.pk, staff["pharmacist"])

    queue.skip(review.pk, staff["pharmacist"], version=2)

    clock.forward(seconds=59)
    assert queue.claim_next(staff["pharmacist"]) is None
    claimed = queue.claim_next(staff["other"])
    assert claimed is not None
    assert claimed.pk == review.pk
    queue.release(review.pk, staff["other"])
    clock.forward(seconds=1)
    assert queue.claim_next(staff["pharmacist"]) is not None


def test_seniors_take_back_what_others_hold_and_pharmacists_do_not(make: Make, staff: dict[str, Any]) -> None:
    review = make()
    queue.claim(review.pk, staff["pharmacist"])

    with pytest.raises(Problem) as refused:
        queue.release(review.pk, staff["other"])
    assert refused.value.status == 409
    assert queue.release(review.pk, staff["senior"]).status == ReviewStatus.QUEUED


@pytest.mark.parametrize("group", ["auditor", "ops"])
def test_auditors_and_operators_claim_nothing(make: Make, staff: dict[str, Any], group: str) -> None:
    review = make()

    with pytest.raises(Problem) as refused:
        queue.claim_next(staff[group])

    review.refresh_from_db()
    assert refused.value.status == 403
    assert (review.status, review.version) == (ReviewStatus.QUEUED, 1)
    assert AuditEvent.objects.filter(rx=review.pk).count() == 1


@pytest.mark.parametrize("waiting", [1, 200])
def test_claiming_costs_the_same_however_many_wait(
    make: Make, staff: dict[str, Any], waiting: int, django_assert_max_num_queries: Any
) -> None:
    for _ in range(waiting):
        make()

    with django_assert_max_num_queries(18):
        assert queue.claim_next(staff["pharmacist"]) is not None


@pytest.mark.django_db(transaction=True)
def test_sixteen_people_press_the_button_at_once_and_each_gets_an_item_of_their_own(recorder: list[str]) -> None:
    seed()
    people = [person(f"p{n}", "pharmacist") for n in range(16)]
    items = {make_review().pk for _ in range(12)}
    start, got = threading.Barrier(16), []

    def press(user: Any) -> None:
        try:
            start.wait(timeout=30)
            review = queue.claim_next(user)
            got.append(review and (review.pk, review.claimed_by_id))
        finally:
            connection.close()

    threads = [threading.Thread(target=press, args=(user,)) for user in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert len(got) == 16, "nobody failed"
    claimed = [item for item in got if item]
    assert {rx for rx, _user in claimed} == items
    assert len(claimed) == 12
    assert got.count(None) == 4
    assert len({user for _rx, user in claimed}) == 12
