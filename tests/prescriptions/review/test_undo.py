"""Undo besides the page: what it gives back, and that of two people exactly one wins."""

import pytest
from pytest_django import Settings

from prescriptions.audit.actors import staff as actor_of
from prescriptions.infra.problems import Problem
from prescriptions.models import Review, ReviewStatus
from prescriptions.review import decisions, undo
from tests.prescriptions.reviewing import Staff, agreement, approval, claimed
from tests.prescriptions.staff import Clock, Make


@pytest.fixture
def second(make: Make, staff: Staff, settings: Settings, clock: Clock) -> Review:
    """Approved a moment ago by the pharmacist; a senior has to look at it."""
    settings.RX_REVIEW_UNDO = 8
    review = claimed(make, staff["pharmacist"], lines=1, schedule="X")
    return decisions.decide(review.pk, approval(), actor=actor_of(staff["pharmacist"]), version=2)


def test_a_second_check_can_be_called_off_by_who_asked_for_it(second: Review, staff: Staff) -> None:
    assert second.status == ReviewStatus.SECOND_CHECK

    after, verdicts = undo.undo(second.pk, actor=actor_of(staff["pharmacist"]), version=3)

    assert (after.status, after.outcome) == (ReviewStatus.IN_REVIEW, "")
    assert [verdict.decision for verdict in verdicts] == ["accepted"]


def test_of_undo_and_confirmation_exactly_one_wins(second: Review, staff: Staff) -> None:
    undo.undo(second.pk, actor=actor_of(staff["pharmacist"]), version=3)

    with pytest.raises(Problem) as refused:
        decisions.confirm(second.pk, agreement(), actor=actor_of(staff["senior"]), version=3)

    assert refused.value.status == 409
