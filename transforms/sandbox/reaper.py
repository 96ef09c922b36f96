"""Looks after the children that wait for their owner's next page: none outlives its time or does anything else."""

import select
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from transforms.sandbox.worker import Worker

_TICK_SECONDS: Final = 0.25  # between two looks; a child that says something is seen at once


class Reaper:
    """A thread that lives as long as there are children to look at."""

    def __init__(self, lock: threading.Lock, look: Callable[[], Sequence[Worker]]) -> None:
        """`look` ends those that must not wait any longer, and says which still do; under `lock`, as `wake`."""
        self._lock = lock
        self._look = look
        self._runs = False

    def wake(self) -> None:
        """There is a child to look at."""
        if not self._runs:
            self._runs = True
            threading.Thread(target=self._run, name="renderers' reaper", daemon=True).start()

    def _run(self) -> None:
        while True:
            with self._lock:
                waiting = self._look()
                if not waiting:
                    self._runs = False
                    return
            poll = select.poll()
            for worker in waiting:
                with suppress(ValueError):  # closed since
                    poll.register(worker.fileno(), select.POLLIN)
            poll.poll(_TICK_SECONDS * 1000)
