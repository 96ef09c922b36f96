"""Measures the phases of a render and ends it at its limits, looked at between phases.

Two clocks, because they blame different things: the process's own computing time is the file's doing, the time on the
wall is the machine's.
"""

import time

from transforms.errors import RendererBusy, RenderTimeout


class Clock:
    """`deadline` is a time.monotonic() value in seconds, or None for no limit at all.

    `cpu_seconds` is how much computing time this process may use until then.
    """

    __slots__ = ("_cpu_until", "_deadline", "_last", "timings")

    def __init__(self, deadline: float | None = None, *, cpu_seconds: float = float("inf")) -> None:
        self._deadline = deadline
        self._cpu_until = time.process_time() + cpu_seconds
        self._last = time.monotonic()
        self.timings: dict[str, float] = {}

    def lap(self, phase: str) -> None:
        """Ends `phase`: adds its milliseconds to `timings`.

        Raises RenderTimeout beyond the computing time, RendererBusy past the deadline.
        """
        now = time.monotonic()
        self.timings[phase] = round(self.timings.get(phase, 0.0) + (now - self._last) * 1000, 3)
        self._last = now
        if self._deadline is None:
            return
        if time.process_time() > self._cpu_until:
            raise RenderTimeout
        if now > self._deadline:
            raise RendererBusy

    def remaining(self, otherwise: float) -> float:
        """Seconds until the deadline, at least a little; `otherwise` if there is none."""
        return otherwise if self._deadline is None else max(0.1, self._deadline - time.monotonic())
