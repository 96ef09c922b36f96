"""State of a process: made once, by one thread; never shared with a fork, whatever its parent is doing just then."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from prescriptions.infra import per_process, redis_client, storage
from prescriptions.variants import backends


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    with per_process.anew():
        yield


def true_in_a_fork(look: Callable[[], bool]) -> bool:
    pid = os.fork()
    if not pid:
        try:
            os._exit(0 if look() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_it_is_made_once_however_many_threads_ask_at_once() -> None:
    made, start = [], threading.Barrier(16)

    @per_process.per_process
    def slow() -> object:
        time.sleep(0.05)
        made.append(object())
        return made[-1]

    def ask(_: int) -> object:
        start.wait(30)
        return slow()

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(ask, range(16)))

    assert len(made) == 1
    assert all(one is made[0] for one in found)


def test_it_is_made_once_for_the_same_arguments_and_never_mixed_up_with_another() -> None:
    one, other = per_process.per_process(lambda name: [name]), per_process.per_process(lambda name: [name])

    assert one("a") is one("a")
    assert one("b") == ["b"]
    assert one("a") is not other("a")


def test_what_could_not_be_made_is_tried_again() -> None:
    answers = iter([OSError("busy"), "made"])

    @per_process.per_process
    def late() -> object:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    with pytest.raises(OSError, match="busy"):
        late()
    assert late() == late() == "made"


def test_a_fork_makes_its_own_and_its_parent_keeps_what_it_has() -> None:
    pid_of_maker = per_process.per_process(os.getpid)
    mine = pid_of_maker()

    assert true_in_a_fork(lambda: pid_of_maker() == os.getpid() != mine)
    assert pid_of_maker() == mine == os.getpid()


def test_a_fork_in_the_middle_of_making_does_not_wait_for_a_thread_that_it_does_not_have() -> None:
    begun, go_on = threading.Event(), threading.Event()

    @per_process.per_process
    def slow() -> int:
        if threading.current_thread() is not threading.main_thread():
            begun.set()
            go_on.wait(30)
        return os.getpid()

    thread = threading.Thread(target=slow)
    thread.start()
    assert begun.wait(30)
    try:
        assert true_in_a_fork(lambda: slow() == os.getpid())
    finally:
        go_on.set()
        thread.join()
    assert slow() == os.getpid()


@pytest.mark.parametrize(
    "one", [storage.client, storage.breaker, redis_client.connection, lambda: backends.named("inline")]
)
def test_what_a_process_learnt_or_opened_is_not_its_childrens(one: Callable[[], object]) -> None:
    mine = one()
    assert one() is mine

    assert true_in_a_fork(lambda: one() is not mine)


def test_a_test_can_have_all_of_it_anew() -> None:
    thing = per_process.per_process(object)
    before = thing()

    with per_process.anew():
        within = thing()
        assert thing() is within is not before
        per_process.forget()
        assert thing() is not within

    assert thing() is before
