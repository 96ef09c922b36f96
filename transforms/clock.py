"""Measures the phases of a render and ends it at its deadline, looked at between phases."""

import time

from transforms.errors import RenderTimeout


class Clock:
    """`deadline` is a time.monotonic() value in seconds, or None for no limit."""

    __slots__ = ("_deadline", "_last", "timings")

    def __init__(self, deadline: float | None = None) -> None:
        self._deadline = deadline
        self._last = time.monotonic()
        self.timings: dict[str, float] = {}

    def lap(self, phase: str) -> None:
        """Ends `phase`: adds its milliseconds to `timings`. Raises RenderTimeout past the deadline."""
        now = time.monotonic()
        self.timings[phase] = round(self.timings.get(phase, 0.0) + (now - self._last) * 1000, 3)
        self._last = now
        if self._deadline is not None and now > self._deadline:
            raise RenderTimeout

    def remaining(self, otherwise: float) -> float:
        """Seconds until the deadline, at least a little; `otherwise` if there is none."""
        return otherwise if self._deadline is None else max(0.1, self._deadline - time.monotonic())
