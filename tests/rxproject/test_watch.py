"""A process whose task never ends, or whose loop stands still, does not go on looking healthy."""

import os
from threading import Event

from rxproject.watch import Watch


def test_a_task_over_its_time_ends_the_process() -> None:
    # given a task that has ended, and one that does not
    left: list[int] = []
    ended = Event()

    def leave(code: int) -> None:
        left.append(code)
        ended.set()

    watch = Watch(leave, look_seconds=0.01)
    watch.begin("1", "render", 0.0)
    watch.end("1")
    watch.begin("2", "sweep", 60.0)
    watch.start()
    assert not ended.wait(0.05)

    watch.begin("3", "render", 0.0)

    assert ended.wait(60)
    assert left == [os.EX_SOFTWARE]


def test_a_loop_that_turns_takes_messages_and_one_that_stands_still_does_not() -> None:
    turning, still = Watch(still_seconds=60.0), Watch(still_seconds=0.0)
    for watch in (turning, still):
        watch.turned()

    assert turning.takes_messages()
    assert not still.takes_messages()
