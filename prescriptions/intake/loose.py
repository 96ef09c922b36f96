"""Originals that no document names: on their way in, or thrown away. Nobody has to be alive to clear them up.

An upload announces its originals, puts them, and settles them in the transaction that writes the rows. Whichever of the
three it does not come to, the sweep finds what is left.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from prescriptions.infra import storage
from prescriptions.infra.database.rounds import Rounds
from prescriptions.infra.per_process import per_process
from prescriptions.models import LooseOriginal
from transforms.keys import original_key

log = logging.getLogger("rx.intake")

# Longer than any upload takes: no server keeps a request for so long.
LEFT_AFTER = timedelta(hours=1)


def announce(rx: str, documents: Sequence[str]) -> None:
    """These originals are about to be put, or (in the transaction that forgets them) about to be deleted."""
    LooseOriginal.objects.bulk_create([LooseOriginal(id=document, rx=rx) for document in documents])


def settle(documents: Sequence[str]) -> None:
    """A document names each of them now. To be called in the transaction that says so.

    Raises storage.StorageUnavailable where the sweep was faster: then their bytes may be gone.
    """
    settled, _ = LooseOriginal.objects.filter(pk__in=documents, taken=False).delete()
    if settled != len(documents):
        raise storage.StorageUnavailable("the originals were given up before their rows were written")


def discard(rx: str, documents: Sequence[str]) -> None:
    """Delete announced originals now; what cannot be deleted now is left to the sweep. Never raises for that.

    What has been settled stays: a transaction whose end was not heard of may have come through after all.
    """
    try:
        for document in documents:
            _delete(rx, document)
    except (storage.StorageUnavailable, DatabaseError, InterfaceError) as error:
        log.warning("originals are left to the sweep", extra={"rx": rx, "reason": type(error).__name__})


def sweep(limit: int = 50) -> int:
    """Delete what dead uploads have left behind; returns how many. Safe to run anywhere, any number at once.

    Raises storage.StorageUnavailable; the next one goes on behind that original.
    """
    swept = 0
    for row in _rounds().next(LooseOriginal.objects.filter(since__lt=timezone.now() - LEFT_AFTER), limit):
        swept += _delete(row.rx, row.pk)
    if swept:
        log.info("loose originals deleted", extra={"count": swept})
    return swept


@per_process
def _rounds() -> Rounds:
    return Rounds("since")


def _delete(rx: str, document: str) -> int:
    """The row first says that nobody may settle it any more, then its object goes, then the row."""
    if not LooseOriginal.objects.filter(pk=document).update(taken=True):
        return 0
    storage.delete_everything(settings.RX_ORIGINALS_BUCKET, original_key(rx, document))
    return LooseOriginal.objects.filter(pk=document).delete()[0]
