"""Whose turn it is in a worker: presets and tiles find a thread or have the next one, and large work never needs more
memory than there is.

What does not fit waits here, not in a thread, and is sent again when there is room: to whichever worker takes it. The
order in which it is sent is decided in one place, `Turns._next`.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from celery import current_app
from django.conf import settings

from prescriptions.infra.per_process import per_process
from prescriptions.models import Variant
from prescriptions.variants import backends, claims
from transforms.limits import MIB
from transforms.request.spec import Stored


@dataclass(frozen=True, slots=True)
class Work:
    """A claim that wants to be made. `bytes` is what its renderer is expected to need; counted of large work only.

    `advertised`: a preset or a tile, whatever its lane.
    """

    variant_id: str
    owner: str
    lane: str
    bytes: int = 0
    advertised: bool = False


class Turns:
    """Places in one worker. Of `threads`, one is kept for presets and tiles, and another from large work.

    All large work together may need `large_bytes`; more than that only one that is alone. Threads may share it.
    """

    def __init__(self, *, threads: int, large_bytes: int) -> None:
        self._most = {"other": max(1, threads - 1), "large": max(1, threads - 2)}
        self._large_bytes = large_bytes
        self._lock = threading.Lock()
        self._under_way: list[Work] = []
        self._waiting: list[Work] = []

    def enter(self, work: Work) -> bool:
        """True: it has a place until it leaves. False: it waits here."""
        with self._lock:
            if self._fits(work, self._under_way) and not self._is_behind(work, self._waiting):
                self._under_way.append(work)
                return True
            self._waiting.append(work)
            return False

    def leave(self, work: Work) -> None:
        with self._lock:
            self._under_way.remove(work)

    def next(self) -> list[Work]:
        """What may be sent now. No place is kept for it: a message can be lost, or another worker may take it."""
        with self._lock:
            chosen: list[Work] = []
            passed: list[Work] = []
            for work in self._next():
                if self._fits(work, [*self._under_way, *chosen]) and not self._is_behind(work, passed):
                    self._waiting.remove(work)
                    chosen.append(work)
                else:
                    passed.append(work)
            return chosen

    def give_up(self) -> list[Work]:
        """All that waits, which does not wait here any more."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
            return waiting

    def _next(self) -> list[Work]:
        """The order of those who wait: presets and tiles before other sizes, and each as they came."""
        return sorted(self._waiting, key=lambda work: not work.advertised)

    def _is_behind(self, work: Work, waiting: list[Work]) -> bool:
        """Must it let one of `waiting` go first? An advertised one of a large page may wait for more memory than other
        large work leaves: that must not go on taking what becomes free.
        """
        return not work.advertised and any(other.advertised and other.lane == work.lane for other in waiting)

    def _fits(self, work: Work, under_way: list[Work]) -> bool:
        if work.lane == claims.ADVERTISED:
            return True
        large = [other for other in under_way if other.lane == claims.LARGE]
        if sum(other.lane != claims.ADVERTISED for other in under_way) >= self._most["other"]:
            return False
        if work.lane != claims.LARGE or not large:
            return True
        memory = work.bytes + sum(other.bytes for other in large)
        return len(large) < self._most["large"] and memory <= self._large_bytes


@per_process
def here() -> Turns:
    """The places of this process, which is a worker's."""
    return Turns(threads=current_app.conf.worker_concurrency, large_bytes=settings.RX_LARGE_MEMORY_MB * MIB)


@contextmanager
def turn(variant_id: str, owner: str, *, lane: str) -> Iterator[bool]:
    """True if it is this claim's turn: make it inside. Afterwards those who wait are sent, as far as there is room."""
    turns = here()
    work = _work(variant_id, owner, lane)
    mine = turns.enter(work)
    try:
        yield mine
    finally:
        if mine:
            turns.leave(work)
            send(turns.next())


def send(works: list[Work]) -> None:
    """Hand claims to the backend again. Whom it cannot be told, the sweep finds."""
    for work in works:
        try:
            backends.named("celery").dispatch(work.variant_id, work.owner, lane=work.lane)
        except backends.BackendUnavailable:
            release([work])


def release(works: list[Work]) -> None:
    """The next sweep has them taken up at once, by whoever has room."""
    for work in works:
        claims.release(Variant(pk=work.variant_id, owner=work.owner))


def _work(variant_id: str, owner: str, lane: str) -> Work:
    """Its row is looked at where the lane does not say it all. A claim that stands no more ends as it begins."""
    if lane in (claims.ADVERTISED, claims.IMAGES):
        return Work(variant_id, owner, lane, advertised=lane == claims.ADVERTISED)
    found = Variant.objects.select_related("page__document").filter(pk=variant_id, owner=owner).first()
    if found is None:
        return Work(variant_id, owner, lane)
    needs = claims.cost_of(found.page, Stored.parse(found.stored)).bytes if lane == claims.LARGE else 0
    return Work(variant_id, owner, lane, needs, found.advertised)
