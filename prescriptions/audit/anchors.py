"""Anchors seal the heads of all chains every few minutes, and a copy of each goes where nothing can be taken back.

The bucket of anchors is object-locked: until its retention has run out, nobody deletes or replaces what lies there,
whatever else they hold. That is what `rxaudit verify` compares the database with. A copy also names what was done since
the anchor before, so that it can be told what a restored database has lost.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Any, Final

from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone

from prescriptions.audit import restores, signing
from prescriptions.infra import storage
from prescriptions.models import AuditAnchor, AuditAnchorHead, AuditEvent

Head = tuple[str, int, str]  # prescription, number, hash
Act = tuple[str, int, str, str]  # prescription, number, verb, time (ISO 8601)
_FOLDER: Final = "anchors/"
# A transaction that began before the last anchor may be committed after it. None lives as long as this.
_OVERLAP: Final = timedelta(minutes=10)
_CHUNK: Final = 500
_TOGETHER: Final = 100  # SQLite has a limit for how deep a condition is


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
            id=max(last.pk if last else 0, restores.known_up_to()) + 1,
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


def published(after: int = 0) -> Iterator[tuple[int, str]]:
    """Number and digest of every anchor that the bucket ever took, in their order; those with higher numbers than
    `after`. Raises storage.StorageUnavailable.

    All versions count: who writes over an anchor, or hides it behind a marker, has not removed it.
    """
    for key in storage.anchor_keys(_FOLDER, after=f"{_FOLDER}{after:010d}-~" if after else ""):
        number, _, kept = key.removeprefix(_FOLDER).removesuffix(".json").partition("-")
        if number.isdecimal():
            yield int(number), kept


@dataclass(frozen=True, slots=True)
class Copy:
    """What an anchor in the bucket says, and our key has signed. `acts`: None where it does not name any: it is from
    before they were named, or what it names was not signed.
    """

    number: int
    heads: list[Head]
    acts: list[Act] | None


def copy_of(number: int, kept: str) -> Copy | None:
    """The copy of an anchor by its number and digest; None: nobody with our key has written it.

    Any version of the object will do: what somebody wrote over it counts for nothing.
    Raises storage.StorageUnavailable.
    """
    for data in storage.anchor_versions(_key(number, kept)):
        try:
            content = json.loads(data)
            heads = [(str(rx), int(seq), str(head)) for rx, seq, head in content["heads"]]
            row = AuditAnchor(prev_digest=content["prev"], events=content["events"], key=content["key"])
            if content["number"] != number or not signing.same(digest(row, heads), kept):
                continue
            acts = content.get("acts")
            if acts is not None and not signing.same(_sign_acts(row.key, kept, acts), content.get("acts_digest", "")):
                acts = None
        except (ValueError, KeyError, TypeError):
            continue
        return Copy(number, heads, None if acts is None else [(rx, seq, verb, at) for rx, seq, verb, at in acts])
    return None


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
        "heads": (heads := heads_of(row)),
        "acts": (acts := _acts(row, heads)),
        "acts_digest": _sign_acts(row.key, row.digest, acts),
    }
    return json.dumps(content, separators=(",", ":")).encode()


def _sign_acts(key: str, sealed: str, acts: Sequence[Act]) -> str:
    return signing.sign(["rx-acts-v1", sealed, acts], key=key)


def _acts(row: AuditAnchor, heads: Sequence[Head]) -> list[Act]:
    """What was done between the anchor before and this one, and is more than a look."""
    acts: list[Act] = []
    upto = {rx: seq for rx, seq, _hash in heads}
    for chunk in _chunks(sorted(upto), _TOGETHER):
        before = AuditAnchorHead.objects.order_by().filter(rx__in=chunk, anchor__lt=row.pk)
        sealed = dict(before.values_list("rx").annotate(Max("seq")))
        grown = reduce(or_, (Q(rx=rx, seq__gt=sealed.get(rx, 0), seq__lte=upto[rx]) for rx in chunk))
        rows = AuditEvent.objects.filter(grown).exclude(verb__in=restores.NO_ACTS).order_by("rx", "seq")
        acts += [(event.rx, event.seq, event.verb, event.at.isoformat()) for event in rows]
    return acts


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


def _chunks(items: list[str], size: int = _CHUNK) -> Iterable[list[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))
