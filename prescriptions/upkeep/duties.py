"""Each duty is one process's at a time, by a lease in the database: a second beat stands by, and takes over from one
that died.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from prescriptions.infra.database import agreed
from prescriptions.infra.per_process import per_process
from prescriptions.models import Duty


class Lost(Exception):
    """Another process has the duty now. Whoever sees this stops, and has done nothing that must not be done again."""


@per_process
def _me() -> str:
    return secrets.token_hex(8)


def lead(name: str, *, seconds: float) -> bool:
    """Is this short duty ours, for so long from now? One statement. Whoever has it keeps it until it stops asking."""
    return _take(name, _me(), seconds, or_if_mine=True)


@dataclass(slots=True)
class Turn:
    """A long duty under way. `place`: where whoever had it before stopped in the middle; empty at the beginning."""

    name: str
    owner: str
    seconds: float
    place: str

    def keep(self, place: str) -> None:
        """So far it is done. Raises Lost when the lease ran out and another has it."""
        until = agreed.now() + timedelta(seconds=self.seconds)
        if not Duty.objects.filter(pk=self.name, owner=self.owner).update(place=place, until=until):
            raise Lost(self.name)


@contextmanager
def turn(name: str, *, seconds: float) -> Iterator[Turn | None]:
    """A long duty, or None while somebody else is at it. `seconds`: how long it may take from one `keep` to the next.

    Left by an exception, it is free at once and goes on where it was kept last; ended well, it begins anew next time.
    """
    owner = secrets.token_hex(8)  # of this turn: two threads of one process are two
    if not _take(name, owner, seconds, or_if_mine=False):
        yield None
        return
    mine = Duty.objects.filter(pk=name, owner=owner)
    try:
        yield Turn(name, owner, seconds, mine.values_list("place", flat=True).first() or "")
    except BaseException:
        mine.update(owner="", until=agreed.now())
        raise
    mine.update(owner="", until=agreed.now(), ended_at=agreed.now(), place="")


def last_begun(name: str) -> datetime | None:
    """When anybody last began it; None: never."""
    return Duty.objects.filter(pk=name).values_list("begun_at", flat=True).first()


def _take(name: str, owner: str, seconds: float, *, or_if_mine: bool) -> bool:
    now = agreed.now()
    free = Q(until__lte=now) | Q(owner="")
    if or_if_mine:
        free |= Q(owner=owner)
    taken = {"owner": owner, "until": now + timedelta(seconds=seconds), "begun_at": now}
    if Duty.objects.filter(free, pk=name).update(**taken):
        return True
    _row, made = Duty.objects.get_or_create(pk=name, defaults=taken)
    return made
