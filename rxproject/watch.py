"""Ends this process when one of its tasks has run for too long, and knows whether its loop still takes messages.

A thread cannot be ended from outside, and a lock that is never released is not seen from outside either. Whoever
supervises the process starts another; claims have leases, so nothing that was under way is lost.
"""

import logging
import os
import threading
import time
from collections.abc import Callable

log = logging.getLogger("rx.watch")

_LOOK_SECONDS = 1.0
# The loop turns at least every ten seconds; it stops while the broker is being reached again.
_STILL_SECONDS = 20.0


class Watch:
    """Tasks under way and when each has to be over, and when the loop last turned. Threads may share it."""

    def __init__(
        self,
        leave: Callable[[int], None] = os._exit,
        *,
        look_seconds: float = _LOOK_SECONDS,
        still_seconds: float = _STILL_SECONDS,
    ) -> None:
        """`leave` ends the process with a code, at once: an orderly end would wait for the task that never ends."""
        self._still_seconds = still_seconds
        self._leave = leave
        self._look_seconds = look_seconds
        self._ends: dict[str, tuple[float, str]] = {}
        self._turned = time.monotonic()

    def begin(self, task: str, name: str, seconds: float) -> None:
        self._ends[task] = time.monotonic() + seconds, name

    def end(self, task: str) -> None:
        self._ends.pop(task, None)

    def turned(self) -> None:
        """The loop that takes messages is alive."""
        self._turned = time.monotonic()

    def takes_messages(self) -> bool:
        return time.monotonic() - self._turned < self._still_seconds

    def start(self) -> None:
        threading.Thread(target=self._look, name="watch", daemon=True).start()

    def _look(self) -> None:
        while True:
            now = time.monotonic()
            for end, name in list(self._ends.values()):
                if now > end:
                    log.critical("a task does not end; this process does", extra={"task": name})
                    self._leave(os.EX_SOFTWARE)
                    return
            time.sleep(self._look_seconds)
