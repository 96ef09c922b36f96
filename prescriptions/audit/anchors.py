"""Anchors seal the heads of all chains every few minutes, and a copy of each goes where nothing can be taken back.

The bucket of anchors is object-locked: until its retention has run out, nobody deletes or replaces what lies there,
whatever else they hold. That is what `rxaudit verify` compares the database with.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from prescriptions.audit import signing
from prescriptions.infra import storage
from prescriptions.models import AuditAnchor, AuditAnchorHead, AuditEvent

Head = tuple[str, int, str]  # prescription, number, hash
_FOLDER: Final = "anchors/"
# A transaction that began before the last anchor may be committed after it. None lives as long as this.
_OVERLAP: Final = timedelta(minutes=10)
_CHUNK: Final = 500


def anchor(*, everything: bool = False) -> AuditAnchor | None:
    """Seal the heads of all chains that grew since the last anchor; None when none did.

    `everything` looks at all chains, and not only at those with events of late.
    """
    with transaction.atomic():
        last = AuditAnchor.objects.order_by("-id").first()
        since = None if everything or last is None else last.at - _OVERLAP
        heads, grown = _unanchored_heads(since)
        if not heads:
            return None
        made = AuditAnchor(
            at=timezone.now(),
            chains=len(heads),
            events=(last.events if last else 0) + grown,
            prev_digest=last.digest if last else "",
            key=signing.signing_key(),
        )
        made.digest = digest(made, heads)
        made.save()
        AuditAnchorHead.objects.bulk_create(
            [AuditAnchorHead(anchor=made, rx=rx, seq=seq, hash=head) for rx, seq, head in heads], batch_size=_CHUNK
        )
        return made


def digest(row: AuditAnchor, heads: Sequence[Head]) -> str:
    """What `row.digest` must be. Raises KeyError when its key is not known here."""
    counted = [row.events] if row.key else []
    return signing.sign([signing.format_of(row.key), row.prev_digest, *counted, heads], key=row.key)


def heads_of(row: AuditAnchor) -> list[Head]:
    return sorted((head.rx, head.seq, head.hash) for head in row.heads.all())


def publish() -> int:
    """Copy to the bucket what is not there yet, oldest first; returns how many. Raises storage.StorageUnavailable."""
    missing: list[AuditAnchor] = []
    for row in AuditAnchor.objects.order_by("-id").iterator(chunk_size=20):
        if storage.anchor_exists(_key(row.pk, row.digest)):
            break
        missing.append(row)
    for row in reversed(missing):
        storage.put_anchor(_key(row.pk, row.digest), _body(row))
    return len(missing)


def published() -> Iterator[tuple[int, str]]:
    """Number and digest of every anchor that the bucket ever took. Raises storage.StorageUnavailable.

    All versions count: who writes over an anchor, or hides it behind a marker, has not removed it.
    """
    for key in storage.anchor_keys(_FOLDER):
        number, _, kept = key.removeprefix(_FOLDER).removesuffix(".json").partition("-")
        if number.isdecimal():
            yield int(number), kept


def _key(number: int, kept: str) -> str:
    return f"{_FOLDER}{number:010d}-{kept}.json"


def _body(row: AuditAnchor) -> bytes:
    content: dict[str, Any] = {
        "number": row.pk,
        "at": row.at.isoformat(),
        "key": row.key,
        "chains": row.chains,
        "events": row.events,
        "prev": row.prev_digest,
        "digest": row.digest,
        "heads": heads_of(row),
    }
    return json.dumps(content, separators=(",", ":")).encode()


def _unanchored_heads(since: Any) -> tuple[list[Head], int]:
    """Heads that no anchor seals, and how many events came since those that are sealed. Of chains that grew after
    `since`, or of all.
    """
    events = AuditEvent.objects.order_by()
    recent = events if since is None else events.filter(at__gte=since)
    last = dict(recent.values_list("rx").annotate(last=Max("seq")))
    heads: list[Head] = []
    grown = 0
    for chunk in _chunks(sorted(last)):
        sealed = dict(AuditAnchorHead.objects.order_by().filter(rx__in=chunk).values_list("rx").annotate(Max("seq")))
        newer = {rx: last[rx] for rx in chunk if last[rx] > sealed.get(rx, 0)}
        rows = events.filter(rx__in=newer, seq__in=set(newer.values()))
        heads += [(row.rx, row.seq, row.hash) for row in rows if newer[row.rx] == row.seq]
        grown += sum(seq - sealed.get(rx, 0) for rx, seq in newer.items())
    return sorted(heads), grown


def _chunks(items: list[str]) -> Iterable[list[str]]:
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))
