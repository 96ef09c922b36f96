"""What one process does for all: by turns, taken over from who died, gone on with where it was."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from prescriptions import tasks
from prescriptions.infra import per_process
from prescriptions.models import Duty
from prescriptions.upkeep import duties
from tests.databases import on_each_database
from tests.prescriptions.staff import Clock

pytestmark = pytest.mark.django_db


def test_one_leads_and_the_other_takes_over_when_it_says_no_more(clock: Clock) -> None:
    assert duties.lead("sweep", seconds=30)
    clock.forward(seconds=20)
    assert duties.lead("sweep", seconds=30)
    with per_process.anew():  # another process
        clock.forward(seconds=29)
        assert not duties.lead("sweep", seconds=30)
        clock.forward(seconds=2)
        assert duties.lead("sweep", seconds=30)
    assert not duties.lead("sweep", seconds=30)
    assert duties.lead("other", seconds=30)


def test_a_long_one_is_had_by_one_and_begins_anew_when_it_is_done() -> None:
    with duties.turn("reconcile", seconds=600) as turn:
        assert turn is not None
        assert turn.place == ""
        turn.keep("variants:a")
        with duties.turn("reconcile", seconds=600) as second:
            assert second is None
    with duties.turn("reconcile", seconds=600) as again:
        assert again is not None
        assert again.place == ""
    assert Duty.objects.get().ended_at is not None


def test_after_an_error_it_is_free_at_once_and_goes_on_where_it_was() -> None:
    def die() -> None:
        with duties.turn("reconcile", seconds=600) as turn:
            assert turn is not None
            turn.keep("variants:b")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        die()

    with duties.turn("reconcile", seconds=600) as turn:
        assert turn is not None
        assert turn.place == "variants:b"


def test_whoever_was_too_slow_learns_that_another_has_it(clock: Clock) -> None:
    with duties.turn("reconcile", seconds=10) as slow:
        assert slow is not None
        clock.forward(seconds=11)
        with duties.turn("reconcile", seconds=10) as other:
            assert other is not None
            with pytest.raises(duties.Lost):
                slow.keep("variants:c")
            other.keep("variants:d")
    with duties.turn("reconcile", seconds=10) as turn:
        assert turn is not None


def test_a_process_that_stands_by_sweeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    swept = []
    monkeypatch.setattr(tasks.sweeper, "sweep", lambda: swept.append(1))

    tasks.sweep()
    with per_process.anew():
        tasks.sweep()
    tasks.sweep()

    assert len(swept) == 2
    assert duties.last_begun("sweep") is not None


@on_each_database
@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_has_it() -> None:
    inside = Barrier(8)

    def one(_: int) -> bool:
        try:
            with duties.turn("reconcile", seconds=600) as turn:
                inside.wait(30)
                return turn is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as everybody:
        assert sum(everybody.map(one, range(8))) == 1
        assert sum(everybody.map(one, range(8))) == 1
