"""The audit log: record, verify, anchor. Each prescription has a chain of its own, so none waits for another.

What is recorded must never hold patient data: ids, codes, numbers and digests only.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, Max, OuterRef
from django.utils import timezone

from prescriptions.audit.actors import Actor
from prescriptions.infra import logs
from prescriptions.models import AuditAnchor, AuditAnchorHead, AuditEvent

_FORMAT = "rx-audit-v1"
# Two writers of one chain meet rarely; the one that lost reads the new head and tries again.
_TRIES = 8


class Verb(StrEnum):
    """What is audited besides the review's transitions, which are `review.<action>`."""

    RECEIVED = "received"
    LINK_MINTED = "link.minted"
    MANIFEST_OPENED = "manifest.opened"
    PAGE_OPENED = "page.opened"
    PAGE_SEEN = "page.seen"
    PAGE_ROTATED = "page.rotated"
    DOWNLOADED = "original.downloaded"
    DOCUMENT_DOWNLOADED = "document.downloaded"
    REDACTED = "page.redacted"
    PRIORITY_SET = "review.priority"
    LINES_SET = "order.lines"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with the log: of which chain (empty: the anchors), at which number, and what."""

    rx: str
    seq: int
    what: str


def record(rx: str, verb: str, *, actor: Actor, data: Mapping[str, Any] | None = None) -> AuditEvent:
    """Append one event to the chain of a prescription, in the caller's transaction if there is one."""
    return record_all([rx], verb, actor=actor, data=data)[0]


def record_all(
    rxs: Sequence[str], verb: str, *, actor: Actor, data: Mapping[str, Any] | None = None
) -> list[AuditEvent]:
    """The same event on several chains, in two queries."""
    at = timezone.now()
    for _attempt in range(_TRIES):
        heads = _heads(rxs)
        events = [_next(rx, heads.get(rx), verb, actor, dict(data or {}), at) for rx in dict.fromkeys(rxs)]
        try:
            with transaction.atomic():
                return AuditEvent.objects.bulk_create(events)
        except IntegrityError:
            continue  # another event took the number; unique(rx, seq) is what keeps the chain a chain
    reason = "The audit log could not be written: too many writers at once. Try again."
    raise IntegrityError(reason)


def record_once(rx: str, verb: str, *, actor: Actor, data: Mapping[str, Any]) -> None:
    """Record what says nothing new when it is repeated: the same act of the same actor counts once."""
    record_all_once([rx], verb, actor=actor, data=data)


def record_all_once(rxs: Sequence[str], verb: str, *, actor: Actor, data: Mapping[str, Any]) -> None:
    """The same on several chains; one query when all of them have it."""
    known = AuditEvent.objects.filter(rx__in=rxs, verb=verb, actor=str(actor), data=dict(data))
    fresh = sorted(set(rxs) - set(known.values_list("rx", flat=True)))
    if fresh:
        record_all(fresh, verb, actor=actor, data=data)


def digest(event: AuditEvent) -> str:
    """The event's hash: SHA-256 over canonical JSON of all its columns and the hash before it."""
    content = {
        "format": _FORMAT,
        "rx": event.rx,
        "seq": event.seq,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": event.actor,
        "actor_name": event.actor_name,
        "verb": event.verb,
        "data": event.data,
        "request_id": event.request_id,
        "prev": event.prev_hash,
    }
    return hashlib.sha256(_canonical(content)).hexdigest()


def verify(rx: str | None = None) -> list[Fault]:
    """Everything that is wrong with one chain, or with all of them and the anchors. Empty: nobody tampered."""
    rows = AuditEvent.objects.order_by("rx", "seq")
    faults: list[Fault] = []
    anchored = _anchored(rx)
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
        if event.hash != digest(event):
            faults.append(Fault(current, seq, "changed"))
        known = anchored.pop((current, seq), None)
        if known is not None and known != event.hash:
            faults.append(Fault(current, seq, "differs from its anchor"))
        head = event.hash
    faults += [Fault(chain, number, "anchored, but gone") for chain, number in sorted(anchored)]
    return faults if rx is not None else faults + _verify_anchors()


def anchor() -> AuditAnchor | None:
    """Seal the heads of all chains that grew since the last anchor; None when none did. Publish the digest elsewhere.

    Who can write to the database can rewrite a whole chain; they cannot rewrite a digest that was printed or mailed.
    """
    with transaction.atomic():
        last = AuditAnchor.objects.order_by("-id").first()
        heads = _unanchored_heads()
        if not heads:
            return None
        prev = last.digest if last else ""
        made = AuditAnchor.objects.create(
            at=timezone.now(), chains=len(heads), prev_digest=prev, digest=_anchor_digest(prev, heads)
        )
        AuditAnchorHead.objects.bulk_create(
            [AuditAnchorHead(anchor=made, rx=rx, seq=seq, hash=head) for rx, seq, head in heads], batch_size=500
        )
        return made


def _heads(rxs: Iterable[str]) -> dict[str, AuditEvent]:
    later = AuditEvent.objects.filter(rx=OuterRef("rx"), seq__gt=OuterRef("seq"))
    return {row.rx: row for row in AuditEvent.objects.filter(~Exists(later), rx__in=list(rxs))}


def _next(rx: str, head: AuditEvent | None, verb: str, actor: Actor, data: dict[str, Any], at: datetime) -> AuditEvent:
    event = AuditEvent(
        rx=rx,
        seq=head.seq + 1 if head else 1,
        at=at,
        actor=str(actor)[:64],
        actor_name=actor.name[:150],
        verb=str(verb),
        data=data,
        request_id=logs.request_id(),
        prev_hash=head.hash if head else "",
    )
    event.hash = digest(event)
    return event


def _canonical(content: object) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def _anchored(rx: str | None) -> dict[tuple[str, int], str]:
    rows = AuditAnchorHead.objects.all() if rx is None else AuditAnchorHead.objects.filter(rx=rx)
    return {(chain, seq): head for chain, seq, head in rows.values_list("rx", "seq", "hash")}


def _unanchored_heads() -> list[tuple[str, int, str]]:
    sealed = dict(AuditAnchorHead.objects.values_list("rx").annotate(last=Max("seq")))
    grown = {
        rx: last
        for rx, last in AuditEvent.objects.order_by().values_list("rx").annotate(last=Max("seq"))
        if last > sealed.get(rx, 0)
    }
    heads: list[tuple[str, int, str]] = []
    for chunk in _chunks(sorted(grown), 500):
        rows = AuditEvent.objects.filter(rx__in=chunk, seq__in={grown[rx] for rx in chunk})
        heads += [(row.rx, row.seq, row.hash) for row in rows if grown[row.rx] == row.seq]
    return sorted(heads)


def _chunks(items: list[str], size: int) -> Iterable[list[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _anchor_digest(prev: str, heads: Sequence[tuple[str, int, str]]) -> str:
    return hashlib.sha256(_canonical([_FORMAT, prev, heads])).hexdigest()


def _verify_anchors() -> list[Fault]:
    faults, prev = [], ""
    for row in AuditAnchor.objects.order_by("id").prefetch_related("heads").iterator(chunk_size=50):
        heads = sorted((head.rx, head.seq, head.hash) for head in row.heads.all())
        if row.prev_digest != prev:
            faults.append(Fault("", row.pk, "an anchor is missing before this one"))
        if row.digest != _anchor_digest(row.prev_digest, heads):
            faults.append(Fault("", row.pk, "the anchor was changed"))
        prev = row.digest
    return faults
