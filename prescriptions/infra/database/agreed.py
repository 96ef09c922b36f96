"""The time that all hosts agree on: the database's. By it goes whatever one host writes and another compares with now,
such as a lease: else a host whose clock is ahead would take over what others are still at.

Each process asks the database once a minute how far its own clock is off. SQLite has no clock but this machine's.
"""

import threading
import time
from datetime import datetime, timedelta
from typing import Final

from django.db import connection
from django.utils import timezone

from prescriptions.infra.per_process import per_process

_ASK_AGAIN_SECONDS: Final = 60.0
# Hosts that are looked after are closer than this, and then each may go by its own clock.
_NOTHING: Final = timedelta(seconds=1)


class _Difference:
    """How much later it is in the database, as far as is known, and when it was asked (seconds, monotonic)."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.asked = float("-inf")
        self.later = timedelta(0)

    def is_old(self) -> bool:
        return time.monotonic() - self.asked > _ASK_AGAIN_SECONDS


@per_process
def _here() -> _Difference:
    return _Difference()


def now() -> datetime:
    """As `timezone.now()`, by the database's clock. Raises DatabaseError as any statement may."""
    if connection.vendor == "sqlite":
        return timezone.now()
    here = _here()
    if here.is_old():
        with here.lock:
            if here.is_old():
                here.later, here.asked = _later(), time.monotonic()
    return timezone.now() + here.later


def _later() -> timedelta:
    began = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        there: datetime = cursor.fetchone()[0]
    ended = timezone.now()
    later = there - (began + (ended - began) / 2)
    return later if abs(later) > _NOTHING else timedelta(0)
