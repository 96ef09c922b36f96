"""Reconciliation of rows and objects, both ways. Trusts neither; deletes only what can be made again.

Idempotent and safe in parallel: each step is a conditional UPDATE or a delete of one key. Originals are reported, and
deleted only when an operator says so.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from prescriptions.infra import parts_s3, storage
from prescriptions.infra.problems import Problem
from prescriptions.models import Document, DraftFile, LooseOriginal, Prescription, Variant, VariantState, WholePdf
from prescriptions.variants import asking, claims, sweep
from prescriptions.variants.fairness.askers import Asker
from transforms.keys import (
    INCOMING,
    is_incoming,
    original_key,
    parse_document_key,
    parse_original_key,
    parse_receipt_key,
    parse_variant_key,
    prescription_of,
)

# A put comes before its row says ready: younger objects without rows may be about to get one.
GRACE = timedelta(hours=1)
# Of files that come in pieces: their rows are kept for a day and an hour. A restored database may lack them.
OVER = timedelta(days=3)
AT_ONCE = 500  # rows or objects


@dataclass(slots=True)
class Report:
    """What was found, and (unless it was a dry run) made good. Originals are listed by key."""

    taken_up: int = 0
    rows_without_objects: int = 0
    damaged_objects: int = 0
    objects_without_rows: int = 0
    leftovers_of_erased: int = 0
    originals_without_rows: list[str] = field(default_factory=list)
    rows_without_originals: list[str] = field(default_factory=list)
    originals_deleted: int = 0


def reconcile(
    *,
    dry_run: bool = False,
    delete_originals_older_than: timedelta | None = None,
    place: str = "",
    keep: Callable[[str], None] = lambda place: None,
) -> Report:
    """One pass over both buckets and all rows, a few hundred of them in memory. Raises storage.StorageUnavailable.

    `keep` is told each place from which it could go on, if it ended there; `place`: one of these to begin with.
    """
    report = Report()
    report.taken_up = len(claims.due(AT_ONCE)) if dry_run else sweep.sweep()
    bucket, _colon, after = place.partition(":")
    if bucket != "originals":
        for rx in _variants(report, after, dry_run=dry_run):
            keep(f"variants:{rx}")
        after = ""
    for rx in _originals(report, after, dry_run=dry_run, older_than=delete_originals_older_than):
        keep(f"originals:{rx}")
    return report


def _variants(report: Report, after: str, *, dry_run: bool) -> Iterator[str]:
    """Yields the prescription that it has come to, again and again."""
    started = timezone.now()
    ready = Variant.objects.filter(state=VariantState.READY, ready_at__lt=started)
    for stretch in _stretches(settings.RX_VARIANTS_BUCKET, after):
        seen: set[str] = set()
        for batch in _batches(stretch.objects):
            seen |= _compare(report, batch, dry_run=dry_run)
        for row in ready.filter(stretch.of("page__prescription")).iterator(AT_ONCE):
            if row.pk in seen:
                continue
            report.rows_without_objects += 1
            if not dry_run:
                # Its object has expired, as most do: it is made again when somebody asks, and not before.
                Variant.objects.filter(pk=row.pk, state=VariantState.READY, ready_at=row.ready_at).delete()
        if stretch.upto is not None:
            yield stretch.upto


def _compare(report: Report, batch: list[storage.Listed], *, dry_run: bool) -> set[str]:
    """Objects with their rows, whose ids are returned."""
    keys = [listed.key for listed in batch]
    rows, documents, seen = _rows_of(keys), _documents_of(keys), set[str]()
    for listed in batch:
        if (document := documents.get(listed.key)) is not None:
            _compare_document(report, listed, document, dry_run=dry_run)
            continue
        row = rows.get(listed.key)
        if row is None:
            _stray(report, listed, dry_run=dry_run)
            continue
        seen.add(row.pk)
        if row.state == VariantState.READY and (row.etag, row.size) != (listed.etag, listed.size):
            if not _is_damaged(row):
                continue
            report.damaged_objects += 1
            if not dry_run:
                _remake(row)
    return seen


def _compare_document(report: Report, listed: storage.Listed, row: WholePdf, *, dry_run: bool) -> None:
    """One that is damaged goes, row first, and is made again when somebody asks."""
    if row.until is not None or (row.etag, row.size) == (listed.etag, listed.size):
        return
    report.damaged_objects += 1
    if not dry_run and WholePdf.objects.filter(pk=row.pk, owner=row.owner, until=None).delete()[0]:
        storage.delete_variant(listed.key)


def _stray(report: Report, listed: storage.Listed, *, dry_run: bool) -> None:
    erased = _erased(listed.key)
    if not erased and timezone.now() - listed.modified < GRACE:
        return
    report.leftovers_of_erased += erased
    report.objects_without_rows += not erased
    if not dry_run:
        storage.delete_variant(listed.key)


def _erased(key: str) -> bool:
    """Does the key lie under a tombstone? That is an operator's word: nothing there may stay."""
    return Prescription.objects.filter(pk=prescription_of(key), erased_at__isnull=False).exists()


def _is_damaged(row: Variant) -> bool:
    """The listing may be older than what another reconciler has made good meanwhile."""
    try:
        found = storage.head_variant(row.key)
    except storage.ObjectMissing:
        return False
    return (row.etag, row.size) != (found.etag, found.size)


def _remake(row: Variant) -> None:
    """Claimed, then deleted, then made: who does not hold the claim could delete what the holder has just put."""
    if not claims.take_over(row, lost_object=True):
        return
    try:
        storage.delete_variant(row.key)
    except storage.StorageUnavailable:
        claims.leave(row)  # a maker would find the damaged object and take it for its own
        raise
    try:
        asking.dispatch(row, Asker.holders(row.page.prescription_id).in_bulk())
    except Problem:
        return  # the broker is away; the sweep finds the claim


def _originals(report: Report, after: str, *, dry_run: bool, older_than: timedelta | None) -> Iterator[str]:
    settled = Document.objects.filter(prescription__erased_at=None, prescription__created_at__lt=timezone.now() - GRACE)
    for stretch in _stretches(settings.RX_ORIGINALS_BUCKET, after):
        seen: set[str] = set()
        for batch in _batches(stretch.objects):
            known = _known([listed.key for listed in batch])
            seen |= known
            for listed in batch:
                if listed.key not in known:
                    _loose_end(report, listed, dry_run=dry_run, older_than=older_than)
        report.rows_without_originals += [
            key
            for document in settled.filter(stretch.of("prescription")).iterator(AT_ONCE)
            if (key := original_key(document.prescription_id, document.pk)) not in seen
        ]
        if stretch.upto is not None:
            yield stretch.upto
    if not dry_run:
        parts_s3.abort_everything(INCOMING, begun_before=timezone.now() - OVER)


def _loose_end(report: Report, listed: storage.Listed, *, dry_run: bool, older_than: timedelta | None) -> None:
    """An original that no row names."""
    if is_incoming(listed.key):
        if not dry_run and timezone.now() - listed.modified > OVER:
            storage.delete_everything(settings.RX_ORIGINALS_BUCKET, listed.key)
        return
    if _erased(listed.key):
        report.leftovers_of_erased += 1
        if not dry_run:
            storage.delete_everything(settings.RX_ORIGINALS_BUCKET, listed.key)
        return
    report.originals_without_rows.append(listed.key)
    old = older_than is not None and timezone.now() - listed.modified > max(older_than, GRACE)
    if old and not dry_run and not _known([listed.key]):
        report.originals_deleted += storage.delete_everything(settings.RX_ORIGINALS_BUCKET, listed.key)


def _known(keys: list[str]) -> set[str]:
    """Those of these that a row speaks for: originals of sent documents, of drafts that may still be sent, and loose
    ones, which a sweep deletes; receipts of what was sent, or is being sent.
    """
    originals = {key: found.document for key in keys if (found := parse_original_key(key))}
    receipts = {key: found for key in keys if (found := parse_receipt_key(key))}
    ids = {*originals.values(), *(found.document for found in receipts.values())}
    loose = set(LooseOriginal.objects.filter(pk__in=ids).values_list("pk", flat=True))
    rows = (kind.objects.filter(pk__in=ids).values_list("pk", flat=True) for kind in (Document, DraftFile))
    named = loose.union(*rows)
    sent = Prescription.objects.filter(pk__in={found.rx for found in receipts.values()}, erased_at=None)
    rxs = set(sent.values_list("pk", flat=True)) if receipts else set()
    known = {key for key, document in originals.items() if document in named}
    return known | {key for key, found in receipts.items() if found.rx in rxs or found.document in loose}


def _rows_of(keys: list[str]) -> dict[str, Variant]:
    """Rows by the keys of their objects; one query for a batch."""
    found = [parsed for parsed in map(parse_variant_key, keys) if parsed]
    stored, prescriptions = {key.stored for key in found}, {key.rx for key in found}
    rows = Variant.objects.filter(page__prescription__in=prescriptions, stored__in=stored).select_related("page")
    return {row.key: row for row in rows}


def _documents_of(keys: list[str]) -> dict[str, WholePdf]:
    """As `_rows_of`, of whole PDFs."""
    named = {found for found in map(parse_document_key, keys) if found}
    rows = WholePdf.objects.filter(prescription__in=named, prescription__erased_at=None) if named else ()
    return {row.key: row for row in rows}


# --- One pass over a bucket and its rows, side by side: both are sorted by prescription, so neither is kept ----------
@dataclass(frozen=True, slots=True)
class _Stretch:
    """The objects of some prescriptions, all of them, and which these are: after `after`, up to `upto` where given."""

    objects: list[storage.Listed]
    after: str
    upto: str | None

    def of(self, prescription: str) -> Q:
        """Rows of these prescriptions, by the name of the foreign key."""
        upto = Q() if self.upto is None else Q(**{f"{prescription}__lte": self.upto})
        return Q(**{f"{prescription}__gt": self.after}) & upto


def _stretches(bucket: str, after: str = "") -> Iterator[_Stretch]:
    """A bucket behind this prescription, in stretches that add up to all there can be. Raises StorageUnavailable."""
    objects: list[storage.Listed] = []
    last = after
    for listed in storage.list_objects(bucket, after=after and f"{after}0"):  # "0" comes behind the slash
        rx = prescription_of(listed.key)
        if rx is not None and rx != last:
            if rx < last:
                raise storage.StorageUnavailable(f"{bucket} is not listed in the order of its keys")
            if len(objects) >= AT_ONCE:
                yield _Stretch(objects, after, last)
                objects, after = [], last
            last = rx
        objects.append(listed)
    yield _Stretch(objects, after, None)


def _batches(objects: list[storage.Listed]) -> Iterator[list[storage.Listed]]:
    return (objects[at : at + AT_ONCE] for at in range(0, len(objects), AT_ONCE))
