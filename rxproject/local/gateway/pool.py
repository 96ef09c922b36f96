"""The function's runtimes: started on demand up to the reserved concurrency, kept while idle, replaced when dead."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait

from rxproject.local.gateway.proxy import Refused
from rxproject.local.gateway.runtime import Runtime
from rxproject.local.gateway.settings import Settings


class Pool:
    """A thread for each runtime: Linux ends a process together with the thread that started it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._threads = ThreadPoolExecutor(settings.concurrency)
        self._of_thread = threading.local()
        self._runtimes: set[Runtime] = set()
        self._calls: set[Future[bytes]] = set()
        self._lock = threading.Lock()
        self._open = True

    def invoke(self, event: bytes, request_id: str) -> Future[bytes]:
        """One event, which a runtime works at or is done with. Raises Refused, here or in the future; there OSError."""
        throttled = Refused(429, "TooManyRequestsException", "Too Many Requests", "throttled")
        with self._lock:
            self._calls = {call for call in self._calls if not call.done()}
            if not self._open or len(self._calls) >= self._settings.concurrency + self._settings.burst:
                raise throttled
            call = self._threads.submit(self._run, event, request_id)
            self._calls.add(call)
        wait([call], self._settings.burst_timeout)
        if call.cancel():  # no runtime has taken it
            raise throttled
        return call

    def close(self, grace: float) -> None:
        """Give calls under way `grace` seconds, then end the runtimes."""
        with self._lock:
            self._open = False
        wait(self._calls, grace)
        self._threads.shutdown(wait=False, cancel_futures=True)
        for runtime in list(self._runtimes):
            runtime.kill()

    def _run(self, event: bytes, request_id: str) -> bytes:
        runtime: Runtime | None = getattr(self._of_thread, "runtime", None)
        if runtime and not runtime.alive:
            runtime.server_close()
            self._runtimes.remove(runtime)
            runtime = None
        if runtime is None:
            runtime = self._of_thread.runtime = Runtime(self._settings)
            self._runtimes.add(runtime)
        return runtime.invoke(event, request_id)
