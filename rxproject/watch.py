"""Knows whether this process still takes work, and ends it when it does not, or when a task runs for too long.

A thread cannot be ended from outside, and a lock that is never released is not seen from outside either. Whoever
supervises the process starts another; claims have leases, so nothing that was under way is lost.
"""

import contextlib
import faulthandler
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TextIO

log = logging.getLogger("rx.watch")

_LOOK_SECONDS: Final = 1.0
# So long without a sign of life, and nobody counts on this process any more. A loop turns at least every ten seconds,
# and stops while the broker is being reached again.
_STILL_SECONDS: Final = 20.0
# So long, and it ends: within a minute after it stopped, and after any broker that was away for forty seconds.
_GIVE_UP_SECONDS: Final = 45.0
# From its first line to its first message; a broker that is away then is waited for.
_START_SECONDS: Final = 300.0
# Where not even this thread gets a turn, as when some library never lets go of the interpreter.
_LAST_RESORT_SECONDS: Final = 60.0
_NOTE_SECONDS: Final = 10.0


class Watch:
    """Loops that have to turn, and tasks: received, begun, ended. Threads may share it."""

    def __init__(
        self,
        leave: Callable[[int], None] = os._exit,
        *,
        look_seconds: float = _LOOK_SECONDS,
        still_seconds: float = _STILL_SECONDS,
        give_up_seconds: float = _GIVE_UP_SECONDS,
        last_resort_seconds: float = _LAST_RESORT_SECONDS,
        note_seconds: float = _NOTE_SECONDS,
    ) -> None:
        """`leave` ends the process with a code, at once: an orderly end would wait for what never ends."""
        self._leave = leave
        self._look_seconds = look_seconds
        self._still_seconds = still_seconds
        self._give_up_seconds = give_up_seconds
        self._last_resort_seconds = last_resort_seconds
        self._note_seconds = note_seconds
        self._threads = 1
        self._stopping = False
        self._moved = time.monotonic()
        self._turned: dict[str, float] = {}
        self._received: dict[str, float] = {}
        self._ends: dict[str, tuple[float, str]] = {}

    # --- What it is told ----------------------------------------------------------------------------------------------
    def received(self, task: str) -> None:
        """A thread should begin with it as soon as there is one."""
        self._received[task] = time.monotonic()

    def begin(self, task: str, name: str, seconds: float) -> None:
        """It has to be over in so many seconds."""
        self._received.pop(task, None)
        self._ends[task] = time.monotonic() + seconds, name
        self._moved = time.monotonic()

    def end(self, task: str) -> None:
        """Also of one that never begins."""
        self._received.pop(task, None)
        self._ends.pop(task, None)
        self._moved = time.monotonic()

    def turned(self, loop: str) -> None:
        """That loop is alive. From the first time on it has to turn."""
        self._turned[loop] = time.monotonic()

    # --- What it makes of it ------------------------------------------------------------------------------------------
    def takes_work(self) -> bool:
        return not self._stopping and not self._hangs(self._still_seconds)

    def start(self, *, threads: int, note: Path | None = None) -> None:
        """`threads`: tasks that can be under way at one time. `note`: a file whose age tells others of this life."""
        self._threads = threads
        self._expect_a_look_within(_START_SECONDS)
        threading.Thread(target=self._look, args=(note,), name="watch", daemon=True).start()

    def stop(self) -> None:
        """The process ends in good order: loops stand still, and what is under way has its own time."""
        self._stopping = True

    def _look(self, note: Path | None) -> None:
        looked, noted = time.monotonic(), -self._note_seconds
        while True:
            now = time.monotonic()
            if now - looked > self._still_seconds:
                self._everything_moved(now)  # the whole process stood still, and this thread with it
            looked = now
            if late := self._late(now):
                self._end_process("a task does not end; this process does", late)
                return
            if not self._stopping and (hangs := self._hangs(self._give_up_seconds)):
                self._end_process("no work is taken any more; this process ends", hangs)
                return
            if now - noted >= self._note_seconds and (self._stopping or (self._turned and self.takes_work())):
                noted = now
                self._expect_a_look_within(self._last_resort_seconds)
                if note:
                    with contextlib.suppress(OSError):  # no reason to stop working
                        note.touch()
            time.sleep(self._look_seconds)

    def _late(self, now: float) -> str:
        return next((name for end, name in list(self._ends.values()) if now > end), "")

    def _hangs(self, seconds: float) -> str:
        """What has stood still for so long; empty: nothing has.

        Work that was received and not begun is a sign only while a thread is free: those that are busy have their time.
        """
        long_ago = time.monotonic() - seconds
        for loop, at in list(self._turned.items()):
            if at < long_ago:
                return loop
        waits = any(at < long_ago for at in list(self._received.values()))
        return "threads" if waits and self._moved < long_ago and len(self._ends) < self._threads else ""

    def _everything_moved(self, now: float) -> None:
        self._moved = now
        for loop in list(self._turned):
            self._turned[loop] = now

    def _end_process(self, why: str, what: str) -> None:
        log.critical(why, extra={"what": what})
        faulthandler.dump_traceback(file=_stderr())  # of all threads: where each of them stands
        self._leave(os.EX_SOFTWARE)

    def _expect_a_look_within(self, seconds: float) -> None:
        """Or the process ends, by a thread that needs no lock of Python's."""
        if self._leave is os._exit:
            faulthandler.dump_traceback_later(seconds, exit=True, file=_stderr())


def _stderr() -> TextIO:
    assert sys.__stderr__ is not None  # noqa: S101 - a server has one
    return sys.__stderr__
