"""Our Celery app in a process that comes to hang: `HANG=<name> celery --app=tests.rxproject.hanging worker ...`.

What takes most of a minute there takes seconds here.
"""

import ctypes
import os
import threading
from collections.abc import Callable
from concurrent.futures import thread
from typing import Any

from celery.concurrency.thread import TaskPool
from celery.signals import task_received, worker_ready
from kombu.asynchronous import get_event_loop

from rxproject import celery
from rxproject.watch import Watch

app = celery.app
celery.watch = Watch(
    look_seconds=0.1, still_seconds=1.0, give_up_seconds=3.0, last_resort_seconds=6.0, note_seconds=0.5
)


def hold_a_lock_of_the_pool() -> None:
    """Whoever hands a task to the threads waits for it: here, the loop."""
    threading.Thread(target=thread._global_shutdown_lock.acquire).start()  # type: ignore[attr-defined]


def lose_what_is_handed_to_the_threads() -> None:
    TaskPool.on_apply = lambda *_args, **_kwargs: None  # type: ignore[method-assign,assignment]


def stop_the_clock() -> None:
    celery.Ticking.tick = lambda *_args, **_kwargs: threading.Event().wait()  # type: ignore[method-assign]


def keep_the_interpreter() -> None:
    """A library that never returns, and lets no other thread run."""
    ctypes.PyDLL(None).sleep(600)


AT_START: dict[str, Callable[[], None]] = {
    "loop": hold_a_lock_of_the_pool,
    "threads": lose_what_is_handed_to_the_threads,
    "clock": stop_the_clock,
}


@worker_ready.connect
def come_to_hang(**_: object) -> None:
    if loop := get_event_loop():
        loop.call_repeatedly(0.2, lambda: None)  # at rest it would turn every few seconds
    AT_START.get(os.environ["HANG"], lambda: None)()


@task_received.connect
def hang_at_once(**_: Any) -> None:
    if os.environ["HANG"] == "interpreter":
        keep_the_interpreter()
