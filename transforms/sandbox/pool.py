"""Which child gets the next job: one that already works for its owner, a spare forked ahead, or a new one.

Held under a lock only while deciding, never during a render.
"""

import logging
import os
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Final

from transforms.errors import RendererUnavailable
from transforms.sandbox.child import IDLE_SECONDS
from transforms.sandbox.spares import Nursery
from transforms.sandbox.worker import Worker

log = logging.getLogger(__name__)

_IDLE_SECONDS: Final = IDLE_SECONDS - 0.5  # give up on an idle child before it gives up on us
_IDLE_CHILDREN: Final = 4  # each holds the memory of its last render
_ATTEMPTS: Final = 2
# A new spare keeps a core and the memory busy for 50 ms. Where cores are many, that runs beside the render; on two it
# made the render 10 to 20 ms longer, so it has to wait for its end.
_REFILL_FIRST: Final = len(os.sched_getaffinity(0)) >= 4


class Pool:
    """A zygote, `spares` children forked ahead, and a few idle ones that wait for their owner's next page."""

    def __init__(self, *, spares: int, library: Path) -> None:
        self._wanted_spares = spares
        self._library = library
        self._lock = threading.Lock()
        self._nursery: Nursery | None = None
        self._failed = 0.0  # when a start failed last, time.monotonic()
        self._workers: set[Worker] = set()  # all of them, waiting and at work
        self._spares: deque[Worker] = deque()
        self._idle: deque[Worker] = deque()

    def take(self, owner: str | None, *, may_exec: bool = False) -> Worker:
        """A child that has worked for `owner` alone, or for nobody. Raises RendererUnavailable.

        `may_exec` gives a fresh child of the kind that may start poppler.
        """
        asked = time.monotonic()
        with self._lock:
            for _ in range(_ATTEMPTS):
                nursery = self._running(asked)
                try:
                    worker = nursery.hire(may_exec=True) if may_exec else self._waiting(owner) or nursery.hire()
                except OSError as error:  # it died since we looked, or does not listen
                    self._lose(nursery, error)
                    continue
                self._workers.add(worker)
                worker.owner = owner
                if _REFILL_FIRST and owner is not None:
                    self._refill(nursery)
                return worker
        raise RendererUnavailable

    def give_back(self, worker: Worker, *, reusable: bool) -> None:
        """After a job. A child that is not `reusable` has ended, or ends now."""
        with self._lock:
            if reusable:
                worker.expires = time.monotonic() + _IDLE_SECONDS
                self._idle.append(worker)
                if len(self._idle) > _IDLE_CHILDREN:
                    self._fire(self._idle.popleft())
            else:
                self._fire(worker)
            if self._nursery and not _REFILL_FIRST:
                self._refill(self._nursery)

    def keep_spare(self, worker: Worker) -> None:
        """A child that was taken for nobody and has done nothing; one that never became ready is let go."""
        with self._lock:
            if worker.pid and len(self._spares) < max(1, self._wanted_spares):
                self._spares.appendleft(worker)
            else:
                self._fire(worker)

    def nursery(self) -> Nursery:
        """The running zygote. Raises RendererUnavailable."""
        asked = time.monotonic()
        with self._lock:
            return self._running(asked)

    def processes(self) -> tuple[tuple[int, str | None], ...]:
        """(pid, owner) of the zygote, first, and of every child known to be ready; a spare has no owner."""
        with self._lock:
            children = tuple((worker.pid, worker.owner) for worker in self._workers if worker.pid)
            return ((self._nursery.pid, None), *children) if self._nursery else children

    def close(self) -> None:
        """Ends all processes. The next job would start them again."""
        with self._lock:
            self._fire_waiting()
            nursery, self._nursery = self._nursery, None
        if nursery:
            nursery.close()

    def abandon(self) -> None:
        """In a forked copy of the process: lets go of everything; a copy of the parent's channels would keep its
        children alive. Takes no lock: a thread that did not survive the fork may hold it.
        """
        for worker in self._workers:
            worker.close()
        if self._nursery:
            self._nursery.forget()

    def _waiting(self, owner: str | None) -> Worker | None:
        now = time.monotonic()
        while self._idle and self._idle[0].expires < now:
            self._fire(self._idle.popleft())
        for worker in self._idle:
            if worker.owner == owner:
                self._idle.remove(worker)
                return worker
        return self._spares.popleft() if self._spares else None

    def _refill(self, nursery: Nursery) -> None:
        # Whoever waits has a child already. What prevents another one will be met by the next who asks.
        with suppress(OSError, RendererUnavailable):
            while len(self._spares) < self._wanted_spares:
                worker = nursery.hire()
                self._workers.add(worker)
                self._spares.append(worker)

    def _running(self, asked: float) -> Nursery:
        if self._nursery and not self._nursery.alive:
            self._lose(self._nursery, "it has ended")
        if self._nursery is None:
            if self._failed > asked:
                raise RendererUnavailable  # whoever waited for a start that failed shares its failure, and the wait
            try:
                self._nursery = Nursery(self._library)
            except RendererUnavailable:
                self._failed = time.monotonic()
                raise
        return self._nursery

    def _lose(self, nursery: Nursery, why: object) -> None:
        log.error("The renderer process (zygote) is lost (%s). Starting another.", why)
        self._nursery = None
        self._fire_waiting()
        nursery.close()

    def _fire_waiting(self) -> None:
        for worker in (*self._spares, *self._idle):
            self._fire(worker)
        self._spares.clear()
        self._idle.clear()

    def _fire(self, worker: Worker) -> None:
        self._workers.discard(worker)
        worker.kill()  # an honest child ends when its channel closes; whether this one is honest, nobody knows
        worker.close()
