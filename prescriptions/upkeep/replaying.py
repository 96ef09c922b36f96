"""After a restore: what the ledger of erasures has is erased again, before anything is served.

The web's processes stay closed until the database and the ledger agree (`ops.gate`); the sweep, or `rxerasures replay`,
makes them agree. What was erased stays so, whatever a back-up says of holds and retention.
"""

import logging
import time
from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from prescriptions.audit.actors import SYSTEM
from prescriptions.infra.per_process import per_process
from prescriptions.models import Draft, Prescription
from prescriptions.upkeep import erasure, ledger

log = logging.getLogger("rx.erasure")

# How often the sweep holds the database against the ledger although nothing looks wrong, and after it could not.
_EVERY: Final = 60.0
_AGAIN: Final = 5.0


@dataclass(slots=True)
class _Known:
    """How far the database had caught up when this process last looked, and when that was (monotonic seconds)."""

    head: str = ""
    at: float = -_EVERY


@per_process
def _known() -> _Known:
    return _Known()


def replay() -> int:
    """Erase again all that the ledger has and this database does not; returns how many.

    Raises storage.StorageUnavailable: the tombstones are set, their objects go later.
    """
    found = ledger.compare()
    if found.forged:
        log.error("entries of the ledger that our keys did not sign are left out", extra={"count": found.forged})
    for rx in found.alive:
        _bury(rx)
    for rx in found.alive:
        erasure.purge(rx)
    if found.alive:
        log.warning("the database was restored: erased again", extra={"count": len(found.alive)})
        ledger.compare()  # which catches up
    return len(found.alive)


def keep_up() -> None:
    """`replay`, for the sweep: when this process begins, when the database has gone back, and every minute.

    Raises storage.StorageUnavailable.
    """
    known, head = _known(), ledger.head()
    if head < known.head or time.monotonic() - known.at >= _EVERY:
        known.at = time.monotonic() - _EVERY + _AGAIN
        replay()
        head, known.at = ledger.head(), time.monotonic()
    known.head = head


def _bury(rx: str) -> None:
    with transaction.atomic():
        draft = Draft.objects.filter(pk=rx).first()
        if draft is not None:  # what it was when the back-up was made
            draft.delete()
            Prescription.objects.create(id=rx, client=draft.client, erased_at=timezone.now())
            return
    erasure.bury(rx, Q(), actor=SYSTEM, data={"replayed": True})
