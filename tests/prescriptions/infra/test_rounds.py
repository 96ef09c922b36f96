"""Sweeps take all rows in turn, a few at a time."""

import pytest

from prescriptions.infra.database.rounds import Rounds
from prescriptions.models import ReasonCode

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows() -> list[str]:
    """Keys of five rows."""
    ReasonCode.objects.all().delete()
    made = ReasonCode.objects.bulk_create([ReasonCode(code=f"r{at}") for at in range(5)])
    return [row.pk for row in made]


def given(rounds: Rounds, limit: int) -> list[str]:
    return [row.pk for row in rounds.next(ReasonCode.objects.all(), limit)]


def test_each_batch_begins_behind_the_last_and_goes_on_at_the_beginning(rows: list[str]) -> None:
    rounds = Rounds("pk")

    assert given(rounds, 3) == rows[:3]
    assert given(rounds, 3) == [*rows[3:], rows[0]]
    assert given(rounds, 3) == rows[1:4]
    assert given(rounds, 9) == [rows[4], *rows[:4]]
    assert given(rounds, 9) == rows


def test_a_sweep_that_broke_off_goes_on_behind_what_it_broke_off_at(rows: list[str]) -> None:
    rounds = Rounds("pk")
    for row in rounds.next(ReasonCode.objects.all(), 9):
        if row.pk == rows[1]:
            break

    assert given(rounds, 9) == [*rows[2:], *rows[:2]]


def test_nothing_to_do_is_one_question(rows: list[str], django_assert_num_queries: object) -> None:
    rounds = Rounds("pk")
    given(rounds, 9)
    ReasonCode.objects.all().delete()

    with django_assert_num_queries(1):  # type: ignore[operator]
        assert given(rounds, 9) == []
