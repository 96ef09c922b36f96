"""The function's runtimes: started on demand up to the reserved concurrency, re-used while idle, replaced when dead."""

import asyncio

from rxproject.local.gateway.runtime import Outcome, Runtime
from rxproject.local.gateway.settings import Settings


class Throttled(Exception):
    """All runtimes are busy and enough calls wait for one already."""


class Pool:
    """Belongs to one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._free = asyncio.Semaphore(settings.concurrency)
        self._admitted = 0
        self._idle: list[Runtime] = []
        self._busy: set[Runtime] = set()
        self.cold_starts = 0

    async def invoke(self, event: bytes, request_id: str) -> Outcome:
        """One event on a runtime of its own. Raises Throttled."""
        if self._admitted >= self._settings.concurrency + self._settings.burst:
            raise Throttled
        self._admitted += 1
        try:
            try:
                async with asyncio.timeout(self._settings.burst_seconds):
                    await self._free.acquire()
            except TimeoutError:
                raise Throttled from None
            try:
                return await self._run(event, request_id)
            finally:
                self._free.release()
        finally:
            self._admitted -= 1

    async def _run(self, event: bytes, request_id: str) -> Outcome:
        runtime = await self._take()
        self._busy.add(runtime)
        try:
            return await runtime.invoke(event, request_id)
        finally:
            self._busy.discard(runtime)
            if runtime.alive:
                self._idle.append(runtime)

    async def _take(self) -> Runtime:
        """The one that was used last, as Lambda does; a new one where none is left."""
        while self._idle:
            runtime = self._idle.pop()
            if runtime.alive:
                return runtime
            await runtime.stop()  # it died between two events; its Runtime API is still open
        self.cold_starts += 1
        return await Runtime.start(self._settings)

    async def close(self) -> None:
        await asyncio.gather(*(runtime.stop() for runtime in (*self._idle, *self._busy)))
        self._idle.clear()
