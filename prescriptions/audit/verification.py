"""Is the audit log whole? Chains, signatures and anchors against each other, and against two witnesses elsewhere."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby
from operator import itemgetter
from typing import Final

import redis
from django.db.models import Case, Exists, IntegerField, OuterRef, Subquery, Value, When
from django.utils import timezone

from prescriptions.audit import anchors, chain, restores, signing, witness
from prescriptions.models import AuditAnchor, AuditAnchorHead, AuditEvent

# The bucket may have been away for a few rounds; after that somebody must be told.
_UNPUBLISHED: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with the log: of which chain (empty: the anchors), at which number, and what."""

    rx: str
    seq: int
    what: str


@dataclass(frozen=True, slots=True)
class Report:
    """`unasked` names witnesses that could not be asked: what only they know is not proved. `restored`: restores that
    were checked; what the log lacks since one that was acknowledged is no fault.
    """

    faults: list[Fault]
    events: int
    unasked: list[str]
    restored: list[restores.Check] = field(default_factory=list)


def verify(rx: str | None = None, *, bucket: bool = True) -> Report:
    """Everything that is wrong with one chain, or with all of them and the anchors. No faults: nobody tampered.

    Reads row by row: memory holds one anchor's heads, what Redis knows of the last hour, and the faults.
    `bucket=False` leaves out the comparison with the bucket of anchors. Raises storage.StorageUnavailable.
    """
    unasked: list[str] = []
    try:  # first: of what is recorded from now on, the chains can only have more
        noted = witness.recall() if rx is None else {rx: witness.recall_one(rx)}
    except redis.RedisError:
        noted, unasked = {}, ["Redis"]
    faults, events, seen = _verify_chains(rx, noted)
    faults += _verify_heads(rx)
    faults += [
        Fault(name, seq, "was recorded, but is gone") for name, seq in sorted(noted.items()) if seq > seen.get(name, 0)
    ]
    if rx is None:
        faults += _verify_anchors(events)
        if bucket:
            faults += _compare_with_bucket()
        else:
            unasked.append("the bucket of anchors")
    return Report(faults, events, unasked, [] if rx else restores.checks())


def _verify_chains(rx: str | None, noted: Collection[str]) -> tuple[list[Fault], int, dict[str, int]]:
    """Faults, how many events there are, and the newest number of each chain that is `noted`."""
    rows = AuditEvent.objects.order_by("rx", "seq").annotate(vouched=_vouched())
    faults: list[Fault] = []
    seen: dict[str, int] = {}
    current, seq, head, events = "", 0, "", 0
    for event in (rows if rx is None else rows.filter(rx=rx)).iterator(chunk_size=2000):
        events += 1
        if event.rx != current:
            current, seq, head = event.rx, 0, ""
        seq += 1
        if event.seq != seq:
            faults.append(Fault(current, seq, "missing"))
            seq = event.seq
        elif event.prev_hash != head:
            faults.append(Fault(current, seq, "does not follow the event before it"))
        faults += [Fault(current, seq, what) for what in _own_faults(event, event.vouched or 0)]
        head = event.hash
        if current in noted:
            seen[current] = seq
    return faults, events, seen


def _verify_heads(rx: str | None) -> Iterator[Fault]:
    """Heads that were sealed, and are no longer what they were. The database compares; only faults come back."""
    same = AuditEvent.objects.filter(rx=OuterRef("rx"), seq=OuterRef("seq"))
    rows = AuditAnchorHead.objects.filter(~Exists(same.filter(hash=OuterRef("hash")))).annotate(there=Exists(same))
    wrong = (rows if rx is None else rows.filter(rx=rx)).order_by("rx", "seq")
    for name, seq, there in wrong.values_list("rx", "seq", "there").iterator(2000):
        yield Fault(name, seq, "differs from its anchor" if there else "anchored, but gone")


def _vouched() -> Case:
    """Events from before there were keys are good as far as the first signed anchor, and those before it, seal them.

    The number up to which that is so; asked only for events without a key.
    """
    first = AuditAnchor.objects.exclude(key="").order_by("id").values("pk").first()
    if first is None:
        return Case(default=Value(0))
    sealed = AuditAnchorHead.objects.filter(rx=OuterRef("rx"), anchor__lte=first["pk"])
    newest = Subquery(sealed.order_by("-seq").values("seq")[:1])
    return Case(When(key="", then=newest), default=Value(0), output_field=IntegerField())


def _own_faults(event: AuditEvent, vouched: int) -> Iterator[str]:
    if not signing.knows(event.key):
        yield f"signed with a key that is not in RX_AUDIT_KEYS: {event.key}"
    elif event.hash != chain.digest(event):
        yield "changed"
    elif not event.key and event.seq > vouched:
        yield "not signed"


def _verify_anchors(events: int) -> Iterator[Fault]:
    prev, sealed, signed = "", 0, False
    for row, heads in _anchors_with_heads():
        if row.prev_digest != prev:
            yield Fault("", row.pk, "an anchor is missing before this one")
        if not signing.knows(row.key):
            yield Fault("", row.pk, f"signed with a key that is not in RX_AUDIT_KEYS: {row.key}")
        elif row.digest != anchors.digest(row, heads):
            yield Fault("", row.pk, "the anchor was changed")
        elif signed and not row.key:
            yield Fault("", row.pk, "not signed")
        prev, sealed, signed = row.digest, row.events, signed or bool(row.key)
    if sealed > events:
        yield Fault("", 0, f"{sealed} events were sealed, and {events} are there")


def _anchors_with_heads() -> Iterator[tuple[AuditAnchor, list[anchors.Head]]]:
    """Each anchor with its own heads, in two readings side by side."""
    sealed = AuditAnchorHead.objects.order_by("anchor_id", "id").values_list("anchor_id", "rx", "seq", "hash")
    groups = groupby(sealed.iterator(2000), key=itemgetter(0))
    number, group = next(groups, (0, iter(())))
    for row in AuditAnchor.objects.order_by("id").iterator(chunk_size=500):
        while number and number < row.pk:  # of an anchor that is gone, which is told by the one after it
            number, group = next(groups, (0, iter(())))
        yield row, sorted((rx, seq, head) for _pk, rx, seq, head in group) if number == row.pk else []


def _compare_with_bucket() -> Iterator[Fault]:
    rows, pending = {}, set()
    late = timezone.now() - _UNPUBLISHED
    for number, digest, at in AuditAnchor.objects.values_list("pk", "digest", "at").iterator(2000):
        rows[number] = digest
        if at >= late:
            pending.add(number)
    kept: set[int] = set()
    known = [(check.after, check.upto) for check in restores.checks() if check.by]
    for number, digest in anchors.published():
        kept.add(number)
        if number not in rows:
            if any(after < number <= upto for after, upto in known):
                continue
            yield Fault("", number, "the bucket has an anchor that the database has not")
        elif rows[number] != digest:
            yield Fault("", number, "the bucket has another anchor under this number")
    for number in sorted(set(rows) - kept - pending):
        yield Fault("", number, "is not in the bucket of anchors")
