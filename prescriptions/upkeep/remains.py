"""What deleting leaves behind: rows elsewhere that name it, bytes in the store's volumes, bytes in the database's file.

On AWS there are no volumes of ours, and what PostgreSQL's pages hold until they are used again cannot be known here:
nothing is claimed of them.
"""

import logging
from collections.abc import Callable
from datetime import timedelta

import urllib3
from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast
from django.utils import timezone

from prescriptions.models import Prescription, Review

log = logging.getLogger("rx.erasure")

# SeaweedFS copies each volume that has more deleted bytes than this part of it. 0 would be taken for its own default.
_THRESHOLD = "0.000001"
# It deletes from its volumes in the background, up to a second (measured) after it has said that it did.
_LAG = timedelta(seconds=5)
_TIMEOUT = urllib3.Timeout(connect=2, read=60)


def forget_likeness(rx: str) -> int:
    """Take an erased prescription out of what others look like; returns of how many."""
    rows = Review.objects.filter(is_duplicate=True).order_by("pk").annotate(written=Cast("lookalikes", TextField()))
    with transaction.atomic():
        named = list(rows.filter(written__contains=rx).select_for_update(of=("self",)))
        for review in named:
            left = [entry for entry in review.lookalikes if entry["rx"] != rx]
            Review.objects.filter(pk=review.pk).update(lookalikes=left, is_duplicate=bool(left))
    return len(named)


def wipe(limit: int = 500) -> None:
    """Have the bytes of what was proved empty given up by the store and by SQLite, as far as can be; and write it down.

    For the sweep. What does not answer is asked again by the next one.
    """
    emptied = Prescription.objects.filter(purged_at__isnull=False)
    began = timezone.now()
    if settings.RX_STORE_COMPACT_URL:
        _note(emptied.filter(compacted_at=None, purged_at__lte=began - _LAG), "compacted_at", limit, _compact_store)
    if connection.vendor == "sqlite":
        _note(emptied.filter(wiped_at=None, purged_at__lte=began), "wiped_at", limit, _empty_log)


def _note(rows: QuerySet[Prescription], column: str, limit: int, act: Callable[[], bool]) -> None:
    due = list(rows.order_by("purged_at").values_list("pk", flat=True)[:limit])
    if due and act():
        Prescription.objects.filter(pk__in=due).update(**{column: timezone.now()})


def _compact_store() -> bool:
    """SeaweedFS marks what is deleted and goes on storing it. This has it write its volumes anew, and waits."""
    address = f"{settings.RX_STORE_COMPACT_URL}/vol/vacuum?garbageThreshold={_THRESHOLD}"
    try:
        with urllib3.PoolManager(ca_certs=settings.RX_CA_FILE or None) as pool:
            answer = pool.request("GET", address, retries=False, timeout=_TIMEOUT)
    except urllib3.exceptions.HTTPError as error:
        log.warning("store not compacted", extra={"reason": type(error).__name__})
        return False
    if answer.status != 200:
        log.warning("store not compacted", extra={"reason": f"status {answer.status}"})
    return answer.status == 200


def _empty_log() -> bool:
    """The rows are overwritten where they stood (`secure_delete`); SQLite's log still has them until it is emptied."""
    if connection.in_atomic_block:
        return False  # SQLite refuses
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        busy, _frames, _done = cursor.fetchone()
    return not busy
