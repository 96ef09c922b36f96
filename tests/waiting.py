"""Waiting for what other processes do, and a look at them. A minute is a liveness bound, not a speed."""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import httpx

SECONDS = 60.0
_PAUSES = (0.01, 0.2)  # the first, the longest
T = TypeVar("T")


def until(condition: Callable[[], T], what: str | Callable[[], str] = "this", *, seconds: float = SECONDS) -> T:
    """The first true answer of `condition`, asked again and again. `what` is for the one who reads of the failure."""
    deadline = time.monotonic() + seconds
    pause, longest = _PAUSES
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what if isinstance(what, str) else what()}: not within {seconds:g} s")
        time.sleep(pause)
        pause = min(2 * pause, longest)
    return answer


def is_later(answer: httpx.Response) -> bool:
    """Is it told to come back: too much, trouble, or the same is under way?"""
    return answer.status_code in (429, 503) or (answer.status_code == 409 and "retry-after" in answer.headers)


def insist(ask: Callable[..., httpx.Response], *arguments: Any, **more: Any) -> httpx.Response:
    """The first answer that is not "later": a client that comes back, for a minute."""
    deadline = time.monotonic() + SECONDS
    while is_later(answer := ask(*arguments, **more)) and time.monotonic() < deadline:
        time.sleep(float(answer.headers["retry-after"]) / 4)
    return answer


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def children_of(pid: int) -> list[int]:
    """Processes that this one started and has not collected, in the order of their numbers."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread or the process has ended
            found.update(map(int, task.read_text().split()))
    return sorted(found)


def descendants_of(pid: int) -> list[int]:
    """Children, their children, and so on; each before its own."""
    return [one for child in children_of(pid) for one in (child, *descendants_of(child))]


def generation(pid: int, number: int) -> list[int]:
    """The children (1), the grandchildren (2) and so on of a process."""
    pids = [pid]
    for _ in range(number):
        pids = [child for parent in pids for child in children_of(parent)]
    return pids


def kill_all(pids: Iterable[int]) -> None:
    """SIGKILL to each that is still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def free_port() -> int:
    """A TCP port on loopback that nobody has, at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
