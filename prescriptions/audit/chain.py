"""The audit log is written here. Each prescription has a chain of its own, so none waits for another.

What is recorded must never hold patient data: ids, codes, numbers and digests only.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from prescriptions.audit import signing, witness
from prescriptions.audit.actors import Actor
from prescriptions.infra import logs
from prescriptions.models import AuditEvent

# Two writers of one chain meet rarely; the one that lost reads the new head and tries again.
_TRIES = 8


class Verb(StrEnum):
    """What is audited besides the review's transitions, which are `review.<action>`."""

    RECEIVED = "received"
    REBUILT = "prescription.rebuilt"
    DECISION_LOST = "decision.lost"
    RESTORE_CHECKED = "restore.checked"
    RESTORE_ACKNOWLEDGED = "restore.acknowledged"
    LINK_MINTED = "link.minted"
    LINK_TAKEN_BACK = "link.taken_back"
    MANIFEST_OPENED = "manifest.opened"
    PAGE_OPENED = "page.opened"
    PAGE_SEEN = "page.seen"
    PAGE_ROTATED = "page.rotated"
    PICTURE_SENT = "picture.sent"
    VARIANT_ASKED = "variant.asked"
    DOWNLOADED = "original.downloaded"
    DOCUMENT_DOWNLOADED = "document.downloaded"
    PRESCRIPTION_VIEWED = "prescription.viewed"
    LISTED = "prescriptions.listed"
    REVIEW_VIEWED = "review.viewed"
    PAPER_OPENED = "paper.opened"
    DECISION_VIEWED = "decision.viewed"
    ORDER_VIEWED = "order.viewed"
    ORDER_POLLED = "order.polled"
    LOG_VIEWED = "audit.viewed"
    LOG_EXPORTED = "audit.exported"
    REFUSED = "access.refused"
    EDGE_GAP = "edge.gap"
    EDGE_MALFORMED = "edge.malformed"
    REDACTED = "page.redacted"
    UNCOVERED = "page.uncovered"
    SHEET_SET = "page.sheet_set"
    SHEET_REFUSED = "page.sheet_refused"
    PRIORITY_SET = "review.priority"
    LINES_SET = "order.lines"
    ERASED = "erased"
    ERASURE_ASKED = "erasure.asked"
    ERASURE_DROPPED = "erasure.dropped"
    HOLD_SET = "hold.set"
    HOLD_LIFTED = "hold.lifted"
    EXPORTED = "exported"
    RETENTION_RUN = "retention.run"


# What only tells that somebody looked, or was not let to. The story of a review goes without.
LOOKS = frozenset({
    Verb.PICTURE_SENT, Verb.VARIANT_ASKED, Verb.PRESCRIPTION_VIEWED, Verb.LISTED, Verb.REVIEW_VIEWED,
    Verb.DECISION_VIEWED, Verb.PAPER_OPENED, Verb.ORDER_VIEWED, Verb.ORDER_POLLED, Verb.LOG_VIEWED, Verb.LOG_EXPORTED,
    Verb.REFUSED,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """An event before it has its place in a chain. `actor` as `str(Actor)` has it."""

    rx: str
    verb: str
    actor: str
    actor_name: str
    data: Mapping[str, Any]


def record(rx: str, verb: str, *, actor: Actor, data: Mapping[str, Any] | None = None) -> AuditEvent:
    """Append one event to the chain of a prescription, in the caller's transaction if there is one."""
    return record_all([rx], verb, actor=actor, data=data)[0]


def record_all(
    rxs: Sequence[str], verb: str, *, actor: Actor, data: Mapping[str, Any] | None = None
) -> list[AuditEvent]:
    """The same event on several chains, in two queries."""
    return append([Entry(rx, verb, str(actor), actor.name, data or {}) for rx in dict.fromkeys(rxs)])


def append(entries: Sequence[Entry]) -> list[AuditEvent]:
    """Any events on any chains, each after the one before it; two queries for a few hundred of them."""
    at = timezone.now()
    for _attempt in range(_TRIES):
        heads = _heads({entry.rx for entry in entries})
        events = []
        for entry in entries:
            heads[entry.rx] = _next(entry, heads.get(entry.rx), at)
            events.append(heads[entry.rx])
        try:
            with transaction.atomic():
                written = AuditEvent.objects.bulk_create(events)
        except IntegrityError:
            continue  # another event took the number; unique(rx, seq) is what keeps the chain a chain
        transaction.on_commit(partial(witness.note, {event.rx: event.seq for event in written}))
        return written
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
    """What `event.hash` must be: the signature over all its columns and the hash before it.

    Raises KeyError when its key is not known here.
    """
    content = {
        "format": signing.format_of(event.key),
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
    return signing.sign(content, key=event.key)


def _heads(rxs: Collection[str]) -> dict[str, AuditEvent]:
    if len(rxs) == 1:  # nearly always; a long chain has its end looked up, not looked for
        return {row.rx: row for row in AuditEvent.objects.filter(rx__in=rxs).order_by("-seq")[:1]}
    later = AuditEvent.objects.filter(rx=OuterRef("rx"), seq__gt=OuterRef("seq"))
    return {row.rx: row for row in AuditEvent.objects.filter(~Exists(later), rx__in=list(rxs))}


def _next(entry: Entry, head: AuditEvent | None, at: datetime) -> AuditEvent:
    event = AuditEvent(
        rx=entry.rx,
        seq=head.seq + 1 if head else 1,
        at=at,
        actor=entry.actor[:64],
        actor_name=entry.actor_name[:150],
        verb=str(entry.verb),
        data=dict(entry.data),
        request_id=logs.request_id(),
        prev_hash=head.hash if head else "",
        key=signing.signing_key(),
    )
    event.hash = digest(event)
    return event
