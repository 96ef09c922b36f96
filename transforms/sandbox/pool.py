"""Which child gets the next job: one that already works for its owner, a spare forked ahead, or a new one.

Its lock is held only while deciding, never during a render.
"""

import atexit
import logging
import os
import threading
import time
import weakref
from collections import deque
from pathlib import Path
from typing import Final

from transforms.errors import RendererUnavailable
from transforms.limits import Limits
from transforms.sandbox.reaper import Reaper
from transforms.sandbox.spares import Spares
from transforms.sandbox.worker import Worker

log = logging.getLogger(__name__)

_IDLE_MARGIN_SECONDS: Final = 0.5  # give up on an idle child before it gives up on us
_IDLE_CPU_SECONDS: Final = 0.1  # more than it takes to let go of a page; who computes more has nothing good to do
_IDLE_CHILDREN: Final = 4  # each holds the memory of its last render
_ATTEMPTS: Final = 2
# A new spare keeps a core and the memory busy for 50 ms. Where cores are many, that runs beside the render; on two it
# made the render 10 to 20 ms longer, so it has to wait for its end.
_REFILL_FIRST: Final = len(os.sched_getaffinity(0)) >= 4


class Pool:
    """Spare children, `wanted` of them, children at work, and a few idle ones that wait for their owner's next page."""

    def __init__(self, *, wanted: int, limits: Limits, program: Path, unfiltered: bool = False) -> None:
        """Starts nothing yet. `program` is what the zygote's interpreter runs.

        `unfiltered` hands out children even where the machine does not let them be bound by seccomp.
        """
        self._wanted = wanted
        self._unfiltered = unfiltered
        self._limits = limits
        self._program = program
        self._begin()
        _live.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._spares: Spares | None = None
        self._failed = 0.0  # when a start failed last, time.monotonic()
        self._workers: set[Worker] = set()  # at work or idle
        self._idle: deque[Worker] = deque()
        self._reaper = Reaper(self._lock, self._end_unfit)

    def take(self, owner: str | None, *, may_exec: bool = False, behind: bool = False) -> Worker:
        """A child that has worked for `owner` alone, or for nobody. Raises RendererUnavailable.

        `may_exec` gives a fresh child of the kind that may start poppler; `behind` one that stands behind all others,
        and will for as long as it lives.
        """
        asked = time.monotonic()
        with self._lock:
            for _ in range(_ATTEMPTS):
                spares = self._running(asked)
                if not (spares.confinement.seccomp or self._unfiltered):
                    log.error(
                        "Nothing is rendered: this machine does not let renderers be bound by seccomp. The "
                        "container must allow seccomp(2) with SECCOMP_FILTER_FLAG_NEW_LISTENER (Linux 5.5 or newer)."
                    )
                    raise RendererUnavailable
                try:
                    worker = self._child(spares, owner, may_exec=may_exec, behind=behind)
                except OSError as error:  # it died since we looked, or does not listen
                    self._lose(spares, error)
                    continue
                self._workers.add(worker)
                worker.owner, worker.behind = owner, behind
                if _REFILL_FIRST and owner is not None:
                    spares.refill()
                return worker
        raise RendererUnavailable

    def give_back(self, worker: Worker, *, reusable: bool) -> None:
        """After a job. A child that is not `reusable` has ended, or ends now."""
        with self._lock:
            if reusable:
                worker.expires = time.monotonic() + self._limits.child_idle_seconds - _IDLE_MARGIN_SECONDS
                worker.may_compute = worker.computed() + _IDLE_CPU_SECONDS
                self._idle.append(worker)
                self._reaper.wake()
                if len(self._idle) > _IDLE_CHILDREN:
                    self._end(self._idle.popleft())
            else:
                self._end(worker)
            if self._spares and not _REFILL_FIRST:
                self._spares.refill()

    def keep_spare(self, worker: Worker) -> None:
        """A child that was taken for nobody and has done nothing; one that never became ready is let go."""
        with self._lock:
            if self._spares and worker.pid and len(self._spares.waiting) < max(1, self._wanted):
                self._workers.discard(worker)
                self._spares.waiting.appendleft(worker)
            else:
                self._end(worker)

    def spares(self) -> Spares:
        """The running zygote and what waits there. Raises RendererUnavailable."""
        asked = time.monotonic()
        with self._lock:
            return self._running(asked)

    def processes(self) -> tuple[tuple[int, str | None], ...]:
        """(pid, owner) of the zygote, first, and of every child known to be ready; a spare has no owner."""
        with self._lock:
            zygote = ((self._spares.pid, None),) if self._spares else ()
            workers = (*self._workers, *(self._spares.waiting if self._spares else ()))
            return *zygote, *((worker.pid, worker.owner) for worker in workers if worker.pid)

    def close(self) -> None:
        """Ends all processes. The next job would start them again."""
        with self._lock:
            self._end_idle()
            spares, self._spares = self._spares, None
        if spares:
            spares.close()

    def forget(self) -> None:
        """In a forked copy of the process: leaves the parent's processes alone and begins with none.

        Takes no lock: a thread that did not survive the fork may hold it. Closes the copies of the parent's channels,
        which would keep the parent's children alive.
        """
        for worker in self._workers:
            worker.close()
        if self._spares:
            self._spares.forget()
        self._begin()

    def _child(self, spares: Spares, owner: str | None, *, may_exec: bool, behind: bool) -> Worker:
        """Those that wait are warm, and for whoever waits: of what nobody waits for there may be hundreds."""
        if may_exec:
            return spares.fork(may_exec=True)
        return self._idle_of(owner, behind=behind) or (spares.fork() if behind else spares.take())

    def _idle_of(self, owner: str | None, *, behind: bool) -> Worker | None:
        self._end_unfit()
        for worker in self._idle:
            if worker.owner == owner and worker.behind == behind:
                self._idle.remove(worker)
                return worker
        return None

    def _end_unfit(self) -> tuple[Worker, ...]:
        """Ends the children whose time is over, and those that do anything but wait. The others."""
        now = time.monotonic()
        for worker in tuple(self._idle):
            if worker.expires < now or worker.is_talking() or worker.computed() > worker.may_compute:
                self._idle.remove(worker)
                self._end(worker)
        return tuple(self._idle)

    def _running(self, asked: float) -> Spares:
        if self._spares and not self._spares.alive:
            self._lose(self._spares, "it has ended")
        if self._spares is None:
            if self._failed > asked:
                raise RendererUnavailable  # whoever waited for a start that failed shares its failure, and the wait
            try:
                self._spares = Spares(self._wanted, self._limits, self._program)
            except RendererUnavailable:
                self._failed = time.monotonic()
                raise
        return self._spares

    def _lose(self, spares: Spares, why: object) -> None:
        log.error("The renderer process (zygote) is lost (%s). Starting another.", why)
        self._spares = None
        self._end_idle()
        spares.close()

    def _end_idle(self) -> None:
        while self._idle:
            self._end(self._idle.popleft())

    def _end(self, worker: Worker) -> None:
        self._workers.discard(worker)
        worker.kill()  # an honest child ends when its channel closes; whether this one is honest, nobody knows
        worker.close()


# A fork copies the pools of this process, but not its processes; an exit must leave none behind. This is the one place
# that deals with either.
_live: weakref.WeakSet[Pool] = weakref.WeakSet()


def _forget_all() -> None:
    for pool in tuple(_live):
        pool.forget()


def _close_all() -> None:
    for pool in tuple(_live):
        pool.close()


os.register_at_fork(after_in_child=_forget_all)
atexit.register(_close_all)
