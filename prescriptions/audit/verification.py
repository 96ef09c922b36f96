"""Is the audit log whole? Chains, signatures and anchors against each other, and against two witnesses elsewhere."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import redis
from django.utils import timezone

from prescriptions.audit import anchors, chain, signing, witness
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
    """`unasked` names witnesses that could not be asked: what only they know is not proved."""

    faults: list[Fault]
    events: int
    unasked: list[str]


def verify(rx: str | None = None, *, bucket: bool = True) -> Report:
    """Everything that is wrong with one chain, or with all of them and the anchors. No faults: nobody tampered.

    `bucket=False` leaves out the comparison with the bucket of anchors. Raises storage.StorageUnavailable.
    """
    faults, seen = _verify_chains(rx)
    unasked: list[str] = []
    try:
        noted = witness.recall() if rx is None else {rx: witness.recall_one(rx)}
    except redis.RedisError:
        noted, unasked = {}, ["Redis"]
    faults += [
        Fault(name, seq, "was recorded, but is gone") for name, seq in sorted(noted.items()) if seq > seen.get(name, 0)
    ]
    if rx is None:
        faults += _verify_anchors(sum(seen.values()))
        if bucket:
            faults += _compare_with_bucket()
        else:
            unasked.append("the bucket of anchors")
    return Report(faults, sum(seen.values()), unasked)


def _verify_chains(rx: str | None) -> tuple[list[Fault], dict[str, int]]:
    """Faults, and the newest number of each chain."""
    rows = AuditEvent.objects.order_by("rx", "seq")
    anchored, vouched = _anchored(rx), _vouched(rx)
    faults: list[Fault] = []
    seen: dict[str, int] = {}
    current, seq, head = "", 0, ""
    for event in (rows if rx is None else rows.filter(rx=rx)).iterator(chunk_size=2000):
        if event.rx != current:
            current, seq, head = event.rx, 0, ""
        seq += 1
        if event.seq != seq:
            faults.append(Fault(current, seq, "missing"))
            seq = event.seq
        elif event.prev_hash != head:
            faults.append(Fault(current, seq, "does not follow the event before it"))
        faults += [Fault(current, seq, what) for what in _own_faults(event, vouched.get(current, 0))]
        known = anchored.pop((current, seq), None)
        if known is not None and known != event.hash:
            faults.append(Fault(current, seq, "differs from its anchor"))
        head, seen[current] = event.hash, seq
    faults += [Fault(name, number, "anchored, but gone") for name, number in sorted(anchored)]
    return faults, seen


def _own_faults(event: AuditEvent, vouched: int) -> Iterator[str]:
    if not signing.knows(event.key):
        yield f"signed with a key that is not in RX_AUDIT_KEYS: {event.key}"
    elif event.hash != chain.digest(event):
        yield "changed"
    elif not event.key and event.seq > vouched:
        yield "not signed"


def _anchored(rx: str | None) -> dict[tuple[str, int], str]:
    rows = AuditAnchorHead.objects.all() if rx is None else AuditAnchorHead.objects.filter(rx=rx)
    return {(name, seq): head for name, seq, head in rows.values_list("rx", "seq", "hash").iterator(2000)}


def _vouched(rx: str | None) -> dict[str, int]:
    """Events from before there were keys are good as far as the first signed anchor, and those before it, seal them."""
    first = AuditAnchor.objects.exclude(key="").order_by("id").first()
    if first is None:
        return {}
    rows = AuditAnchorHead.objects.filter(anchor__lte=first)
    return dict((rows if rx is None else rows.filter(rx=rx)).order_by("anchor").values_list("rx", "seq"))


def _verify_anchors(events: int) -> Iterator[Fault]:
    prev, sealed, signed = "", 0, False
    for row in AuditAnchor.objects.order_by("id").prefetch_related("heads").iterator(chunk_size=50):
        if row.prev_digest != prev:
            yield Fault("", row.pk, "an anchor is missing before this one")
        if not signing.knows(row.key):
            yield Fault("", row.pk, f"signed with a key that is not in RX_AUDIT_KEYS: {row.key}")
        elif row.digest != anchors.digest(row, anchors.heads_of(row)):
            yield Fault("", row.pk, "the anchor was changed")
        elif signed and not row.key:
            yield Fault("", row.pk, "not signed")
        prev, sealed, signed = row.digest, row.events, signed or bool(row.key)
    if sealed > events:
        yield Fault("", 0, f"{sealed} events were sealed, and {events} are there")


def _compare_with_bucket() -> Iterator[Fault]:
    rows, pending = {}, set()
    late = timezone.now() - _UNPUBLISHED
    for number, digest, at in AuditAnchor.objects.values_list("pk", "digest", "at").iterator(2000):
        rows[number] = digest
        if at >= late:
            pending.add(number)
    kept: set[int] = set()
    for number, digest in anchors.published():
        kept.add(number)
        if number not in rows:
            yield Fault("", number, "the bucket has an anchor that the database has not")
        elif rows[number] != digest:
            yield Fault("", number, "the bucket has another anchor under this number")
    for number in sorted(set(rows) - kept - pending):
        yield Fault("", number, "is not in the bucket of anchors")
