"""A circuit breaker: a service that has failed several times in a row is left alone for a while.

One per service and process, safe in threads. It decides nothing about what a failure means.
"""

import threading
import time

from prescriptions.infra import metrics

_FAILURES = 5
_WITHIN_SECONDS = 10.0
_OPEN_SECONDS = 5.0


class Breaker:
    """`refuses()` before a call; `failed()` or `worked()` after it. Half-open calls are let through one at a time."""

    def __init__(
        self,
        *,
        failures: int = _FAILURES,
        within: float = _WITHIN_SECONDS,
        open_for: float = _OPEN_SECONDS,
        service: str = "",
    ) -> None:
        """`service`: its name in /metrics; without one nothing is told."""
        self._service = service
        self._limit, self._within, self._open_for = failures, within, open_for
        self._lock = threading.Lock()
        self._failures: list[float] = []
        self._open_until = 0.0

    def refuses(self) -> bool:
        """True while the service is left alone. The first caller after that is the probe; others wait for it."""
        with self._lock:
            now = time.monotonic()
            if now < self._open_until:
                return True
            if self._open_until:
                self._open(now)  # this caller probes
            return False

    def failed(self) -> None:
        with self._lock:
            now = time.monotonic()
            self._failures = [at for at in self._failures if now - at < self._within] + [now]
            if len(self._failures) >= self._limit:
                self._open(now)

    def worked(self) -> None:
        with self._lock:
            self._failures.clear()
            if self._open_until:
                self._open_until = 0.0
                self._tell(0)

    def _open(self, now: float) -> None:
        self._open_until = now + self._open_for
        self._tell(self._open_for)

    def _tell(self, open_for: float) -> None:
        if self._service:
            metrics.breaker(self._service, open_for=open_for)
