"""Whose turn it is in a worker: presets and tiles find a thread or have the next one, and large work never needs more
memory than there is.

A message means "make the next one of this lane" (fairness/line.py). Where there is no thread for its lane the message
waits here, and the claim stays in the line; so whose claim it will be is decided when there is one. A claim that has
left the line and finds too little memory waits here itself. Neither waits in a thread, and both are sent again when
there is room: to whichever worker takes them.
"""

import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

from celery import current_app
from django.conf import settings
from django.db import InterfaceError, OperationalError

from prescriptions.infra import storage
from prescriptions.infra.per_process import per_process
from prescriptions.models import Variant
from prescriptions.variants import claims, making
from prescriptions.variants.backends import BackendUnavailable, celery_queue
from prescriptions.variants.fairness import line, quota
from prescriptions.variants.fairness.line import Among
from prescriptions.variants.fairness.tickets import BULK, Ticket
from transforms.limits import MIB

# So many claims of a lane that wait for memory; then only presets and tiles leave its line, up to as many.
_HELD = 2
# Who hands work on takes no other for so long: time enough for somebody else to take it.
_ELSEWHERE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Work:
    """A claim that wants to be made. `bytes` is what its renderer is expected to need; counted of large work only.

    `advertised`: a preset or a tile, whatever its lane. `unit`: whose it is, if it has left the line. `bulk`: nobody
    waits for it.
    """

    variant_id: str
    owner: str
    lane: str
    bytes: int = 0
    advertised: bool = False
    unit: str = ""
    bulk: bool = False


class Turns:
    """Places in one worker. Of `threads`, one is kept for presets and tiles, another from large work, and one from what
    nobody waits for: it computes behind all others, so it would keep a thread long whenever there is something to do.

    All large work together may need `large_bytes`; more than that only one that is alone. Threads may share it.
    """

    def __init__(self, *, threads: int, large_bytes: int) -> None:
        self._most = {"other": max(1, threads - 1), "large": max(1, threads - 2), "bulk": max(1, threads - 1)}
        self._large_bytes = large_bytes
        self._lock = threading.Lock()
        self._under_way: list[Work] = []
        self._waiting: list[Work] = []
        # Messages, by lane; the lane that was served last is the last.
        self._parked: dict[str, deque[Work]] = {lane: deque() for lane in claims.LANES}

    def may_leave_the_line(self, lane: str) -> Among:
        """Of which claims of a lane one could be made now, as far as can be told before it is known."""
        with self._lock:
            return self._may_leave(lane)

    def park(self, message: Work, *, unless: str) -> bool:
        """The message waits until there is room. False: what may leave its line is not as it was any more."""
        with self._lock:
            if self._may_leave(message.lane) != unless:
                return False
            self._parked[message.lane].append(message)
            return True

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
            chosen += self._next_messages([*self._under_way, *chosen])
            return chosen

    def give_up(self) -> list[Work]:
        """All that waits, which does not wait here any more."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
            for messages in self._parked.values():
                waiting += messages
                messages.clear()
            return waiting

    def _may_leave(self, lane: str) -> Among:
        if not self._fits(Work("", "", lane), self._under_way):
            return "none"
        held = [work.advertised for work in self._waiting if work.lane == lane]
        if held.count(True) >= _HELD:
            return "none"
        if held.count(False) >= _HELD:
            return "advertised"
        return "any" if self._room_for_bulk(self._under_way) else "awaited"

    def _room_for_bulk(self, under_way: list[Work]) -> int:
        return self._most["bulk"] - sum(work.bulk for work in under_way)

    def _next_messages(self, under_way: list[Work]) -> list[Work]:
        """Lanes take turns, so that many messages of one do not keep those of another waiting.

        What they are for, bulk most of the time, is not known. So there are as many as there is room for bulk, and one
        at least.
        """
        chosen: list[Work] = []
        room = max(1, self._room_for_bulk(under_way))
        lanes = [lane for lane in self._parked if self._parked[lane] and self._may_leave(lane) != "none"]
        while lanes and len(chosen) < room:
            lane = lanes.pop(0)
            if not self._fits(Work("", "", lane), [*under_way, *chosen]):
                continue
            chosen.append(self._parked[lane].popleft())
            self._parked[lane] = self._parked.pop(lane)
            if self._parked[lane]:
                lanes.append(lane)
        return chosen

    def _next(self) -> list[Work]:
        """The order of those who wait: presets and tiles before other sizes, and each as they came."""
        return sorted(self._waiting, key=lambda work: not work.advertised)

    def _is_behind(self, work: Work, waiting: list[Work]) -> bool:
        """Must it let one of `waiting` go first? An advertised one of a large page may wait for more memory than other
        large work leaves: that must not go on taking what becomes free.
        """
        return not work.advertised and any(other.advertised and other.lane == work.lane for other in waiting)

    def _fits(self, work: Work, under_way: list[Work]) -> bool:
        if work.bulk and not self._room_for_bulk(under_way):
            return False
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


def serve(message: Ticket) -> None:
    """A message of a lane: the next claim of its line is made, if there is room for one.

    Its own claim is made where it has left the line already, and where the line has nothing: lost with Redis, or never
    told of it. A claim that stands no more has cost nobody a turn: the next one is made.
    """
    if message.unit:
        _make(message)
        return
    turns, lane, tried = here(), message.lane, False
    while True:
        may = turns.may_leave_the_line(lane)
        found = None if may == "none" else line.next_of(lane, among=may)
        if found is None:
            if may == "any":
                break
            if turns.park(Work(message.variant_id, message.owner, lane), unless=may):
                return
        elif _make(found):
            return
        else:
            tried |= found.variant_id == message.variant_id
    if not tried:
        _make(message)


def _make(ticket: Ticket) -> bool:
    """Make it, let it wait here, or hand it on: a worker that is cut off from a store would otherwise take more than
    all others, because it is done with everything at once. False: it stands no more.
    """
    if storage.breaker().doubts():
        _hand_on(ticket)
        return True
    try:
        turns, work = here(), _work(ticket)
        # One that was sent again has had its turn, whoever waits for it.
        if not turns.enter(work):
            return True
        try:
            maker = partial(making.in_sandbox, behind=work.bulk)
            began = making.make(ticket.variant_id, ticket.owner, maker=maker)
        finally:
            turns.leave(work)
            send(turns.next())
    except (OperationalError, InterfaceError):
        _hand_on(ticket)
        raise
    if ticket.unit:
        quota.leave(ticket.unit, ticket.lane, ticket.variant_id)
    return began


def _hand_on(ticket: Ticket) -> None:
    """Whatever this worker does not reach, another may. What had begun here is stale there, and its lease runs out."""
    time.sleep(_ELSEWHERE_SECONDS)
    send([Work(ticket.variant_id, ticket.owner, ticket.lane, unit=ticket.unit)])


def send(works: Iterable[Work]) -> None:
    """Messages and claims, to whichever worker takes them. Whom it cannot be told, the sweep finds."""
    for work in works:
        try:
            celery_queue.send(work.variant_id, work.owner, lane=work.lane, unit=work.unit)
        except BackendUnavailable:
            release([work])


def release(works: Iterable[Work]) -> None:
    """The next sweep has them taken up at once, by whoever has room; for a message, whoever is next in its line."""
    for work in works:
        found = None if work.unit else line.next_of(work.lane)
        variant_id, owner = (found.variant_id, found.owner) if found else (work.variant_id, work.owner)
        claims.release(Variant(pk=variant_id, owner=owner))


def _work(ticket: Ticket) -> Work:
    """Its row is looked at where the lane does not say it all. A claim that stands no more ends as it begins."""
    variant_id, owner, lane = ticket.variant_id, ticket.owner, ticket.lane
    bulk = ticket.rank == BULK
    work = Work(variant_id, owner, lane, advertised=lane == claims.ADVERTISED, unit=ticket.unit, bulk=bulk)
    if lane in (claims.ADVERTISED, claims.IMAGES):
        return work
    found = Variant.objects.select_related("page__document").filter(pk=variant_id, owner=owner).first()
    if found is None:
        return work
    needs = claims.cost_of_variant(found).bytes if lane == claims.LARGE else 0
    return replace(work, bytes=needs, advertised=found.advertised)
