"""Room for so many at once in this process, and for so many of one unit."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Room:
    """At most `most` are inside, of one unit at most `of_one`."""

    def __init__(self, most: int, *, of_one: int) -> None:
        self._most, self._of_one = most, of_one
        self._lock = threading.Lock()
        self._inside: Counter[str] = Counter()

    def inside(self, unit: str) -> int:
        """How many of a unit are."""
        with self._lock:
            return self._inside[unit]

    @contextmanager
    def place(self, unit: str) -> Iterator[bool]:
        """Whether there is one; it is kept until the block ends. Nobody waits for it."""
        with self._lock:
            found = self._inside.total() < self._most and self._inside[unit] < self._of_one
            self._inside[unit] += found
        try:
            yield found
        finally:
            with self._lock:
                self._inside[unit] -= found
                if not self._inside[unit]:
                    del self._inside[unit]
