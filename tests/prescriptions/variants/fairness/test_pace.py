"""What nobody waits for is taken on one at a time, with rests in between; whoever has many of them waits outside."""

import threading
import time
from contextlib import ExitStack
from itertools import pairwise

import pytest

from prescriptions.infra import per_process, redis_client
from prescriptions.infra.problems import Problem
from prescriptions.models import new_identifier
from prescriptions.variants.fairness import line, pace
from prescriptions.variants.fairness.tickets import BULK, OTHER, Ticket
from tests.waiting import until

pytestmark = pytest.mark.django_db


def test_one_at_a_time_and_then_a_rest() -> None:
    inside, most = 0, 0
    began: list[float] = []

    def ask() -> None:
        nonlocal inside, most
        with pace.unhurried("unit"):
            began.append(time.monotonic())
            inside += 1
            most = max(most, inside)
            time.sleep(0.02)
            inside -= 1

    with per_process.anew():
        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert most == 1
    # Its own time and four times that; the clock of a busy machine only makes it longer.
    assert min(later - earlier for earlier, later in pairwise(began)) >= 0.1


def test_the_rest_is_longer_while_somebody_waits_for_a_picture(servers: object) -> None:
    def between() -> float:
        with pace.unhurried("unit"):
            began = time.monotonic()
            time.sleep(0.02)
        with pace.unhurried("unit"):
            return time.monotonic() - began

    line.join(Ticket(new_identifier(), "owner", "test", "somebody", OTHER, 1), line="test-awaited")

    assert line.somebody_waits()
    with per_process.anew():
        assert between() >= 0.02 * 13
    # What nobody waits for tells nobody to hurry.
    redis_client.connection().delete("rx:awaited")
    line.join(Ticket(new_identifier(), "owner", "test", "somebody", BULK, 1), line="test-awaited")
    assert not line.somebody_waits()


def test_who_fails_makes_room_for_the_next() -> None:
    with per_process.anew():
        with pytest.raises(ValueError, match="no"), pace.unhurried("unit"):
            raise ValueError("no")
        with pace.unhurried("unit"):
            pass


def test_one_of_many_waits_outside_and_another_finds_a_place() -> None:
    ended = threading.Event()
    waiting: list[str] = []

    def ask(unit: str) -> None:
        with ExitStack() as stack:
            waiting.append(unit)
            stack.enter_context(pace.unhurried(unit))
            ended.wait()

    with per_process.anew():
        room = pace.room()
        threads = [threading.Thread(target=ask, args=("many",), daemon=True) for _ in range(16)]
        for thread in threads:
            thread.start()
        until(lambda: room.inside("many") == 16)

        with pytest.raises(Problem) as refused, pace.unhurried("many"):
            pass
        assert (refused.value.status, refused.value.retry_after) == (503, 1)
        threads.append(threading.Thread(target=ask, args=("another",), daemon=True))
        threads[-1].start()
        until(lambda: room.inside("another") == 1)
        ended.set()
        for thread in threads:
            thread.join()
