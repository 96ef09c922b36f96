"""What waits for one thing never has all threads of a process that serves: uploads and S3 have a share of them each.

Where nobody has shared out the threads (commands, workers, tests) nothing is bounded.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.db import connection

from prescriptions.infra.per_process import per_process

# Of all threads. Uploads may wait for a renderer or for S3; whatever waits for S3 is in the other one, too.
SHARES: Final = {"uploads": 0.75, "s3": 0.5}
# A full room that somebody has left lately is only busy: one waits for a moment. Otherwise S3 hangs.
_PATIENCE: Final = 1.0


class _Room:
    """So many at one time."""

    def __init__(self, most: int, patience: float) -> None:
        self._free, self._patience = most, patience
        self._changed = threading.Condition()
        self._left = time.monotonic()

    def enter(self) -> bool:
        with self._changed:
            if not self._free and time.monotonic() - self._left < self._patience:
                self._changed.wait_for(lambda: self._free, self._patience)
            found = self._free > 0
            self._free -= found
            return found

    def leave(self) -> None:
        with self._changed:
            self._free += 1
            self._left = time.monotonic()
            self._changed.notify()


@per_process
def _rooms() -> dict[str, _Room]:
    return {}


def share_out(threads: int, *, patience: float = _PATIENCE) -> None:
    """So many threads has this process."""
    _rooms().update({name: _Room(max(1, int(threads * share)), patience) for name, share in SHARES.items()})


@contextmanager
def place(name: str, *, full: Exception) -> Iterator[None]:
    """A place in one of SHARES until the block ends. Raises `full` where there is none."""
    room = _rooms().get(name)
    if room is None:
        yield
        return
    if not room.enter():
        raise full
    try:
        yield
    finally:
        room.leave()


def give_back_connection() -> None:
    """Whoever is about to wait for long keeps no connection of the database's pool: there are fewer than threads.

    SQLite's are not shared, and opening one anew costs more than it is worth.
    """
    if connection.vendor != "sqlite" and not connection.in_atomic_block:
        connection.close()
