"""Uploads that a restored database does not know of are written again from their receipts.

Everything that was acknowledged has one. What has none was never sent, or stems from before there were receipts:
`reconcile` reports it, and nobody deletes it by themselves.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby, islice
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from prescriptions.infra import storage
from prescriptions.infra.keys import sealing
from prescriptions.intake import accepting, loose, receipts
from prescriptions.intake.receipts import Receipt
from prescriptions.models import Draft, LooseOriginal, Prescription, Replay
from prescriptions.upkeep import ledger
from transforms.keys import original_key, parse_original_key, parse_receipt_key, prefix

log = logging.getLogger("rx.restore")

_AT_ONCE: Final = 500  # prescriptions


@dataclass(slots=True)
class Report:
    """By prescription. `erased`: it was erased, and its objects were still there; `incomplete`: an original is not
    there, or not as it was; `unreadable`: no key opens the receipt; `on_their_way`: uploads that have begun within the
    last hour and may still be at it.
    """

    rebuilt: list[str] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    on_their_way: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Found:
    """Everything under one prescription's prefix: keys and sizes."""

    rx: str
    objects: dict[str, int]

    @property
    def receipts(self) -> list[str]:
        return [key for key in self.objects if parse_receipt_key(key)]


def rebuild(*, stopped: bool = False) -> Report:
    """Write the rows of every upload that has a receipt and no row; of what the ledger says is erased, the tombstone.

    `stopped`: nothing serves, so no upload is on its way. Reads the whole listing of the originals and keeps ids alone.
    Raises storage.StorageUnavailable; what was written stays, and the next time goes on.
    """
    report = Report()
    lost = set(_without_rows())
    erased = {rx for _at, rx in ledger.entries() if rx in lost} if lost else set()
    for rx in sorted(lost):
        found = _Found(rx, {one.key: one.size for one in storage.list_objects(_bucket(), prefix(rx))})
        if rx in erased:
            Prescription.objects.get_or_create(pk=rx, defaults={"erased_at": timezone.now()})
            report.erased.append(rx)
        elif not stopped and _may_be_on_its_way(rx):
            report.on_their_way.append(rx)
        elif (receipt := _newest(found)) is None:
            report.unreadable.append(rx)
        elif not _is_complete(receipt, found):
            report.incomplete.append(rx)
        else:
            _write(receipt, found)
            report.rebuilt.append(rx)
    return report


def _without_rows() -> Iterator[str]:
    """What has a receipt and is no prescription here, tombstones included. Keys are listed in their order."""
    sent = (parsed.rx for listed in storage.list_objects(_bucket()) if (parsed := parse_receipt_key(listed.key)))
    rxs = (rx for rx, _ in groupby(sent))
    while batch := set(islice(rxs, _AT_ONCE)):
        yield from batch - set(Prescription.objects.filter(pk__in=batch).values_list("pk", flat=True))


def _bucket() -> str:
    return str(settings.RX_ORIGINALS_BUCKET)


def _may_be_on_its_way(rx: str) -> bool:
    begun = timezone.now() - loose.LEFT_AFTER + timedelta(minutes=1)
    return LooseOriginal.objects.filter(rx=rx, since__gt=begun).exists()


def _newest(found: _Found) -> Receipt | None:
    """Of several the last counts: a customer who was not answered has sent again, perhaps in another order."""
    opened = []
    for key in found.receipts:
        try:
            opened.append(receipts.read(key))
        except (sealing.NotOurs, storage.ObjectMissing) as error:
            log.error("a receipt cannot be read", extra={"rx": found.rx, "reason": type(error).__name__})
    return max(opened, key=lambda receipt: receipt.received, default=None)


def _is_complete(receipt: Receipt, found: _Found) -> bool:
    """By size: a digest went with each put, and goes with each fetch."""
    return all(found.objects.get(original_key(receipt.rx, file.document_id)) == file.size for file in receipt.files)


def _write(receipt: Receipt, found: _Found) -> None:
    """As the upload's own transaction did."""
    named = {file.document_id for file in receipt.files}
    ids = {parsed.document for key in found.objects if (parsed := parse_original_key(key) or parse_receipt_key(key))}
    spare = {parsed.document for key in found.objects if (parsed := parse_original_key(key))} - named
    with transaction.atomic():
        Draft.objects.filter(pk=receipt.rx).delete()  # what it was when the back-up was made
        LooseOriginal.objects.filter(pk__in=ids).delete()
        loose.announce(receipt.rx, sorted(spare))  # what the customer did not send: as then, it goes
        accepting.write_rows(receipt, rebuilt=True)
        if receipt.key:
            key, fingerprint = receipt.key
            kept = {"fingerprint": fingerprint, "rx": receipt.rx, "answer": {"rx": receipt.rx}}
            Replay.objects.update_or_create(
                scope=accepting.kept_under(receipt.client),
                key=key,
                defaults={**kept, "until": None, "created_at": receipt.received},
            )
    log.info("rebuilt", extra={"rx": receipt.rx, "documents": len(named)})
