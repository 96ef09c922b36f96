"""A server that dies is started again, later each time and without leftovers; in the end no more."""

import signal
import threading
from pathlib import Path

import pytest

from rxproject.local.stack.errors import StackError
from rxproject.local.stack.processes.process import Child, group_members
from rxproject.local.stack.processes.supervisor import Patience, Supervisor
from tests.rxproject.local.stack.processes import program
from tests.waiting import is_alive, until

QUICK = Patience(first_pause=0.01, longest_pause=0.02)
STAYS = "import time; time.sleep(600)"
DIES = "open('lives', 'a').write('x'); print('no luck today'); raise SystemExit(3)"
# A master that leaves a worker behind: the worker is deaf to SIGTERM and stays in the master's group.
LEAVES_A_WORKER = """
import os, signal, time
if (worker := os.fork()):
    open('worker', 'w').write(f'{worker} ')
    time.sleep(600)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(600)
"""
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open('deaf', 'w'); time.sleep(600)"


def lives(folder: Path) -> int:
    return len((folder / "lives").read_text())


def check_until_it_gives_up(supervisor: Supervisor) -> StackError:
    failures: list[StackError] = []

    def gave_up() -> bool:
        try:
            supervisor.check()
        except StackError as error:
            failures.append(error)
        return bool(failures)

    until(gave_up)
    return failures[0]


def test_five_deaths_in_a_minute_end_the_stack_and_say_why(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(patience=QUICK, say=said.append)
    supervisor.start(program("unlucky", DIES, tmp_path))

    error = check_until_it_gives_up(supervisor)

    assert lives(tmp_path) == 5
    assert error.exit_code == 1
    assert str(error).startswith("unlucky died 5 times in 60 s (last: exit code 3); giving up.")
    assert "  no luck today" in str(error), "the end of its log is in the message"
    assert said == [
        "unlucky died (exit code 3); starting it again in 0.01 s",
        *["unlucky died (exit code 3); starting it again in 0.02 s"] * 3,
    ]


def test_each_pause_is_twice_the_last_up_to_a_limit() -> None:
    assert [Patience().pause(deaths) for deaths in range(1, 8)] == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0]


def test_a_dead_server_stays_down_until_its_pause_is_over(tmp_path: Path) -> None:
    supervisor = Supervisor(patience=Patience(first_pause=3600, longest_pause=3600))
    child = supervisor.start(program("unlucky", DIES, tmp_path))
    until(lambda: not child.is_running())

    for _ in range(10):
        supervisor.check()

    assert supervisor.child("unlucky") is None
    assert lives(tmp_path) == 1


def test_deaths_outside_the_window_do_not_count(tmp_path: Path) -> None:
    supervisor = Supervisor(patience=Patience(window=0.0, first_pause=0.01, longest_pause=0.01))
    supervisor.start(program("unlucky", DIES, tmp_path))

    def seven_lives() -> bool:
        supervisor.check()
        return lives(tmp_path) >= 7 if (tmp_path / "lives").exists() else False

    until(seven_lives)
    supervisor.stop(["unlucky"], grace=5)


def test_what_a_dead_master_left_is_ended_before_it_starts_again(tmp_path: Path) -> None:
    supervisor = Supervisor(patience=QUICK)
    first = supervisor.start(program("master", LEAVES_A_WORKER, tmp_path))
    note = tmp_path / "worker"
    until(lambda: note.exists() and note.read_text().endswith(" "))
    worker = int(note.read_text())

    first.signal(signal.SIGKILL)
    until(lambda: not first.is_running())
    assert is_alive(worker), "given a worker that outlives its master"
    supervisor.check()

    assert not is_alive(worker)
    assert group_members(first.pid) == []

    def started_again() -> bool:
        supervisor.check()
        return supervisor.child("master") is not None

    until(started_again)
    supervisor.stop(["master"], grace=0)


def test_a_server_that_will_not_stop_is_killed_after_its_grace(tmp_path: Path) -> None:
    supervisor = Supervisor()
    child = supervisor.start(program("deaf", DEAF, tmp_path))
    until((tmp_path / "deaf").exists)

    supervisor.stop(["deaf"], grace=0.05)

    assert child.reap() == -signal.SIGKILL
    assert not is_alive(child.pid)


def test_a_second_request_to_stop_ends_the_waiting(tmp_path: Path) -> None:
    hurry = threading.Event()
    supervisor = Supervisor(hurry=hurry)
    child = supervisor.start(program("deaf", DEAF, tmp_path))
    until((tmp_path / "deaf").exists)

    hurry.set()
    supervisor.stop(["deaf"], grace=3600)

    assert child.reap() == -signal.SIGKILL


def test_a_thread_may_not_start_servers(tmp_path: Path) -> None:
    refused: list[str] = []

    def start() -> None:
        try:
            Child(program("stays", STAYS, tmp_path))
        except RuntimeError as error:
            refused.append(str(error))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()

    assert refused == ["stays must be started from the main thread, or it would end with this thread"]
    assert not (tmp_path / "stays.log").exists(), "nothing was started"


def test_a_name_runs_once(tmp_path: Path) -> None:
    supervisor = Supervisor()
    supervisor.start(program("stays", STAYS, tmp_path))

    with pytest.raises(RuntimeError, match="stays is running already"):
        supervisor.start(program("stays", STAYS, tmp_path))
    supervisor.stop(["stays"], grace=5)


def test_ignored_signals_are_not_inherited(tmp_path: Path) -> None:
    """Shells start background jobs deaf to SIGINT, Python is deaf to SIGPIPE; servers must be neither."""
    source = "import re; print(re.search(r'SigIgn:\\s*(\\w+)', open('/proc/self/status').read())[1])"
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        child = Child(program("ears", f"import sys\nif True: {source}", tmp_path))
    finally:
        signal.signal(signal.SIGINT, before)
    until(lambda: not child.is_running())

    assert child.reap() == 0
    ignored = int((tmp_path / "ears.log").read_text(), 16)
    assert not ignored & 1 << (signal.SIGINT - 1)
