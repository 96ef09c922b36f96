"""How fast this process takes on what nobody waits for: one at a time, and then it rests for longer than that took.

What somebody waits for shares the process, its processor and the line's database with that. Without rests, whoever asks
for hundreds at once keeps all of them busy until the last has been asked for.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from prescriptions.infra import metrics
from prescriptions.infra.guards import bulkheads
from prescriptions.infra.per_process import per_process
from prescriptions.infra.problems import not_ready
from prescriptions.variants.fairness import line
from prescriptions.variants.fairness.room import Room

# Times what that one took. With two processes, they take two fifths of a core from others, and a seventh where somebody
# waits for a picture.
_REST, _LONGEST_REST = 4.0, 0.5  # and seconds
_REST_BESIDE, _LONGEST_REST_BESIDE = 12.0, 1.5
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
                turn.next = ended + _rest_after(ended - began)


def _rest_after(seconds: float) -> float:
    if line.somebody_waits():
        return min(_REST_BESIDE * seconds, _LONGEST_REST_BESIDE)
    return min(_REST * seconds, _LONGEST_REST)
