"""How fast this process takes on what nobody waits for: one at a time, and then it rests for longer than that took.

What somebody waits for shares the process, its processor and the line's database with that. Without rests, whoever asks
for hundreds at once keeps all of them busy until the last has been asked for.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prescriptions.infra import metrics
from prescriptions.infra.guards import bulkheads
from prescriptions.infra.per_process import per_process
from prescriptions.infra.problems import not_ready
from prescriptions.variants.fairness.room import Room

# Of the time that one took. With one process for each core, two leave others two thirds of each.
_REST: Final = 4.0
_LONGEST_REST: Final = 0.5  # seconds
# Each of them has a thread here while it waits for its turn.
_MOST, _OF_ONE, _RETRY_SECONDS = 32, 16, 1


class _Turn:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.next = 0.0  # time.monotonic() seconds


@per_process
def _turn() -> _Turn:
    return _Turn()


@per_process
def room() -> Room:
    """Of this process."""
    return Room(_MOST, of_one=_OF_ONE)


@contextmanager
def unhurried(unit: str) -> Iterator[None]:
    """In its turn. Raises Problem 503 where too many wait for theirs."""
    with room().place(unit) as found:
        if not found:
            metrics.quota_refused("bulk")
            raise not_ready(retry_after=_RETRY_SECONDS)
        bulkheads.give_back_connection()
        turn = _turn()
        with turn.lock:
            time.sleep(max(0.0, turn.next - time.monotonic()))
            began = time.monotonic()
            try:
                yield
            finally:
                ended = time.monotonic()
                turn.next = ended + min(_REST * (ended - began), _LONGEST_REST)
