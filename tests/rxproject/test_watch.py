"""A process whose task never ends, or that takes no work any more, does not go on looking healthy, and ends."""

import os
from pathlib import Path
from threading import Event

import pytest

from rxproject.watch import Watch
from tests.waiting import until

QUICK, NEVER = 0.01, 3600.0


class Leaving:
    """What `leave` was told, instead of the end of this process."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self.left = Event()

    def __call__(self, code: int) -> None:
        self.codes.append(code)
        self.left.set()


@pytest.fixture
def leaving() -> Leaving:
    return Leaving()


def test_a_task_over_its_time_ends_the_process(leaving: Leaving) -> None:
    # given a task that has ended, and one that does not
    watch = Watch(leaving, look_seconds=QUICK)
    watch.begin("1", "render", 0.0)
    watch.end("1")
    watch.begin("2", "sweep", 60.0)
    watch.start(threads=2)
    assert not leaving.left.wait(0.05)

    watch.begin("3", "render", 0.0)

    assert leaving.left.wait(60)
    assert leaving.codes == [os.EX_SOFTWARE]


def test_a_loop_that_stands_still_takes_no_work_and_then_ends_the_process(leaving: Leaving) -> None:
    turning, still = Watch(leaving, still_seconds=NEVER), Watch(leaving, still_seconds=0.0, give_up_seconds=NEVER)
    for watch in (turning, still):
        watch.turned("loop")
        watch.turned("clock")

    assert turning.takes_work()
    assert not still.takes_work()
    still.start(threads=1)
    assert not leaving.left.wait(0.05)

    given_up = Watch(leaving, look_seconds=QUICK, give_up_seconds=0.0)
    given_up.turned("loop")
    given_up.start(threads=1)
    assert leaving.left.wait(60)


@pytest.mark.parametrize(
    ("busy", "received", "takes_work"), [(0, 1, False), (1, 1, False), (2, 1, True), (0, 0, True), (1, 0, True)]
)
def test_work_has_to_begin_while_a_thread_is_free(
    busy: int, received: int, leaving: Leaving, *, takes_work: bool
) -> None:
    watch = Watch(leaving, still_seconds=0.0, look_seconds=NEVER)
    watch.start(threads=2)
    for number in range(busy):
        watch.begin(f"busy {number}", "render", 60.0)
    for number in range(received):
        watch.received(f"received {number}")

    assert watch.takes_work() is takes_work


def test_work_that_begins_or_is_called_back_is_waited_for_no_more() -> None:
    watch = Watch(still_seconds=0.0)
    for task in ("1", "2"):
        watch.received(task)
    watch.begin("1", "render", 60.0)
    watch.end("2")
    watch.end("1")

    assert watch.takes_work()


def test_who_ends_in_good_order_takes_no_work_and_is_given_the_time_for_what_it_has(leaving: Leaving) -> None:
    watch = Watch(leaving, look_seconds=QUICK, give_up_seconds=0.0)
    watch.turned("loop")
    watch.begin("1", "render", 60.0)

    watch.stop()

    assert not watch.takes_work()
    watch.start(threads=1)
    assert not leaving.left.wait(0.05)


def test_the_age_of_a_file_tells_of_it(leaving: Leaving, tmp_path: Path) -> None:
    note = tmp_path / "worker.alive"
    watch = Watch(leaving, look_seconds=QUICK)
    watch.start(threads=1, note=note)
    assert not note.exists()  # before the first message can be taken

    watch.turned("loop")

    until(note.exists)
