"""A circuit breaker: a service that has failed several times in a row is left alone for a while.

One per service and process, safe in threads. It decides nothing about what a failure means.
"""

import threading
import time

from django.conf import settings

from prescriptions.infra import metrics


class Breaker:
    """`refuses()` before a call; `failed()` or `worked()` after it. Half-open calls are let through one at a time."""

    def __init__(
        self,
        *,
        failures: int | None = None,
        within: float | None = None,
        open_for: float | None = None,
        service: str = "",
    ) -> None:
        """Opens for `open_for` seconds after so many failures `within` seconds; RX_BREAKER_ settings where not given.

        `service`: its name in /metrics; without one nothing is told.
        """
        self._service = service
        self._limit = settings.RX_BREAKER_FAILURES if failures is None else failures
        self._within = settings.RX_BREAKER_WITHIN if within is None else within
        self._open_for = settings.RX_BREAKER_PAUSE if open_for is None else open_for
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

    def doubts(self) -> bool:
        """Has the last call failed, so short a time ago that an open breaker would be open still? Who can leave work
        to others then should.
        """
        with self._lock:
            return bool(self._failures) and time.monotonic() - self._failures[-1] < self._open_for

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
