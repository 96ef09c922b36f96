"""Prescribers are remembered with an approval, found by the beginning of words, forgotten with what they were on."""

from typing import Any

import pytest
from django.db.models import Q
from pytest_django import Settings

from prescriptions.audit.actors import SYSTEM
from prescriptions.audit.actors import staff as actor_of
from prescriptions.models import Prescription, Review
from prescriptions.review import decisions, undo
from prescriptions.review.desk import prescribers
from prescriptions.upkeep import erasure
from rxproject.local.stack.stack import Stack
from tests.databases import on_each_database
from tests.prescriptions.reviewing import Staff, address, approval, claimed, signed_in
from tests.prescriptions.staff import Clock, Make

pytestmark = on_each_database


@pytest.fixture
def decided(make: Make, staff: Staff, clock: Clock) -> Any:
    """Each a second later than the one before: `decided("Dr A. Rao", "KMC 1")`."""

    def decide(name: str, number: str = "", *, client: str = "shop", schedule: str = "H", **sent: Any) -> Review:
        clock.forward(seconds=1)
        review = claimed(make, staff["pharmacist"], client=client, lines=1, schedule=schedule)
        said = approval(prescriber=name, registration_number=number, **sent)
        return decisions.decide(review.pk, said, actor=actor_of(staff["pharmacist"]), version=2)

    return decide


def known(typed: str = "", client: str = "shop") -> list[tuple[str, str]]:
    return [(row.name, row.registration_number) for row in prescribers.suggest(client, typed)]


def test_they_are_found_by_the_beginning_of_words_and_the_latest_comes_first(decided: Any) -> None:
    decided("Dr A. Rao", "KMC 12345")
    decided("Dr Rohini Sen")
    decided("Prof. Élise D'Cruz", "DMC/77")
    decided("Dr A. Rao", "KMC 12345")
    decided("Dr Rohan", client="another")

    assert known() == [("Dr A. Rao", "KMC 12345"), ("Prof. Élise D'Cruz", "DMC/77"), ("Dr Rohini Sen", "")]
    assert known("ro") == known("dr roh") == known("s ROHINI") == [("Dr Rohini Sen", "")]
    assert known("r") == [("Dr A. Rao", "KMC 12345"), ("Dr Rohini Sen", "")]
    assert known("123") == known("kmc 1") == known("rao a") == [("Dr A. Rao", "KMC 12345")]
    assert known("éli") == known("cruz 77") == [("Prof. Élise D'Cruz", "DMC/77")]
    assert known("dr") == known(" ") == known()
    assert [known(odd) for odd in ("ao", "%", "_", "\x00", "rao x", "x" * 5000)] == [[]] * 6
    assert known("ro", "another") == [("Dr Rohan", "")]


def test_a_number_that_becomes_known_takes_the_place_of_none(decided: Any) -> None:
    decided("Dr B. Nair")
    decided("Dr B. Nair", "TC 9")
    decided("Dr B. Nair", "TC 10")
    decided("Dr B. Nair")

    assert known() == [("Dr B. Nair", "TC 10"), ("Dr B. Nair", "TC 9")]


def test_nobody_is_remembered_from_what_was_not_approved(decided: Any) -> None:
    decided("Dr No", outcome="rejected", reason="expired", lines=[])

    assert known() == []


def test_they_go_with_the_prescription_that_they_were_last_read_on(
    decided: Any, staff: Staff, settings: Settings
) -> None:
    settings.RX_REVIEW_UNDO = 8
    first, last = decided("Dr A. Rao", "KMC 1"), decided("Dr A. Rao", "KMC 1")
    decided("Dr B. Nair", "TC 9")

    assert erasure.bury(first.pk, Q(), actor=SYSTEM, data={})
    assert known() == [("Dr B. Nair", "TC 9"), ("Dr A. Rao", "KMC 1")]
    assert erasure.bury(last.pk, Q(), actor=SYSTEM, data={})
    assert known() == [("Dr B. Nair", "TC 9")]

    slip = decided("Dr Slpi")
    undo.undo(slip.pk, actor=actor_of(staff["pharmacist"]), version=3)
    doubted = decided("Dr Doubt", "X 1", schedule="X")
    decisions.disagree(doubted.pk, actor=actor_of(staff["senior"]), version=3, note="No such doctor.")
    assert known() == [("Dr B. Nair", "TC 9")]


def test_they_go_with_what_a_release_that_knows_none_has_erased(decided: Any, servers: Stack, clock: Clock) -> None:
    row = decided("Dr A. Rao", "KMC 1")
    Prescription.objects.filter(pk=row.pk).update(erased_at=clock.now)

    erasure.purge(row.pk)
    assert known() == []


def test_who_decides_is_told_and_nobody_else(decided: Any, make: Make, staff: Staff) -> None:
    decided("Dr A. Rao", "KMC 1")
    other, rival = make(), make(client="another")

    def asked(review: Review, role: str = "pharmacist") -> Any:
        return signed_in(staff[role]).get(address(review, "prescribers"), {"q": "ra"})

    [found] = asked(other).json()["prescribers"]
    assert (found["name"], found["number"]) == ("Dr A. Rao", "KMC 1")
    assert asked(rival).json() == {"prescribers": []}
    assert [asked(other, role).status_code for role in ("senior", "auditor", "ops")] == [200, 403, 403]
    erasure.bury(other.pk, Q(), actor=SYSTEM, data={})
    assert asked(other).status_code == 410
