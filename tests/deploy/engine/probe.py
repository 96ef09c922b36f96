"""Somebody who asks for one address all the time, and counts how long it was away."""

import threading
import time
from types import TracebackType

import httpx

_PAUSE_SECONDS = 0.1


class Probe:
    """`away` is the longest time between two good answers (200), beyond the pause that the probe makes by itself."""

    def __init__(self, name: str, url: str, token: str = "") -> None:
        self.name, self.url = name, url
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.asked = self.failed = 0
        self.away = 0.0
        self.faults: set[str] = set()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self) -> "Probe":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def __str__(self) -> str:
        told = f"{self.name}: {self.asked} asked, {self.failed} failed, away {self.away:.1f} s"
        return f"{told} ({', '.join(sorted(self.faults))})" if self.faults else told

    def _ask(self) -> None:
        since: float | None = None  # the first failure in a row
        while not self._end.wait(_PAUSE_SECONDS):
            began, fault = time.monotonic(), ""
            try:
                answer = httpx.get(self.url, headers=self.headers, timeout=10)
                fault = "" if answer.status_code == 200 else f"{answer.status_code} {answer.text[:120]}"
            except httpx.HTTPError as error:
                fault = type(error).__name__
            self.asked += 1
            if fault:
                self.failed += 1
                self.faults.add(fault)
                since = began if since is None else since
                self.away = max(self.away, time.monotonic() - since)
            else:
                self.away = max(self.away, time.monotonic() - since) if since is not None else self.away
                since = None
