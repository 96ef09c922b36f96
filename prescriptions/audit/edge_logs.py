"""Edges' access logs become looks: each line counts once, whoever is killed at what moment.

An edge serves hits without Python and without SQL, so only its log knows of them. A file is known by its first line,
which holds a request id and so is like no other: rotated or copied, it is the same file. How far it was read is a row,
which moves in the transaction that counts what was read. What can no longer be read is told as a gap.
"""

import hashlib
import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from prescriptions.audit import chain, looks
from prescriptions.audit.actors import LINK, NOBODY, SYSTEM
from prescriptions.audit.edge_lines import Answer, Malformed, Picture, Refusal, parse
from prescriptions.models import EdgeLog, Figure, Prescription, Tally

log = logging.getLogger("rx.audit")

# What one turn takes in, and so what it holds in memory: lines, bytes of a line, things to count, who was refused, and
# for how many prescriptions each.
_LINES: Final = 200_000
_LINE: Final = 64 * 1024
_KEYS: Final = 5_000
_REFUSED: Final = 500
_OF_EACH: Final = 20
_OTHERS: Final = "others"
_CHUNK: Final = 500
# nginx writes to the file that was renamed until it has been told to open another one.
_SETTLED: Final = timedelta(minutes=1)
_REMEMBERED: Final = timedelta(days=30)
_PACKED: Final = (".gz", ".bz2", ".xz", ".zst")


@dataclass(slots=True)
class Span:
    """So many, from when to when."""

    first: datetime
    last: datetime
    count: int = 0


@dataclass(slots=True)
class Batch:
    """What was read of one file and is not committed yet, up to `offset` bytes. `more`: there is more to read.

    `counted`: what was told, with the hour in place of its moment; `answers`: all lines by outcome and hour, and their
    bytes.
    """

    offset: int
    lines: int = 0
    malformed: int = 0
    until: datetime | None = None
    more: bool = False
    refused: Counter[str] = field(default_factory=Counter)
    counted: dict[Picture | Refusal, Span] = field(default_factory=dict)
    answers: Counter[tuple[str, datetime]] = field(default_factory=Counter)
    sizes: Counter[tuple[str, datetime]] = field(default_factory=Counter)


def chain_of(edge: str) -> str:
    """The audit chain of what concerns an edge and no prescription."""
    return f"edge-{edge}"


def read_all(edges: Mapping[str, Path] | None = None) -> bool:
    """One turn at every log of RX_ACCESS_LOGS, or of `edges`: name to path. True when some have more to read."""
    logs = settings.RX_ACCESS_LOGS if edges is None else edges
    more = False
    for edge, path in logs.items():
        try:
            more |= read(edge, path)
        except OSError as error:  # one that cannot be read keeps no other from being read; its lines wait
            log.error("an edge's log cannot be read", extra={"edge": edge, "reason": type(error).__name__})
    return more


def read(edge: str, current: Path) -> bool:
    """One turn at an edge's log and what was rotated away from it, the oldest file first."""
    more = False
    for file in _files(current):
        try:
            with file.open("rb") as source:
                more |= _read_file(edge, source, rotated=file != current)
        except FileNotFoundError:  # rotated at this moment: it has another name by now
            more = True
    if not current.exists():
        log.error("an edge has no log", extra={"edge": edge, "file": str(current)})
    _miss(edge, {identity for file in _files(current) if (identity := _identity_of(file))})
    return more


def _files(current: Path) -> list[Path]:
    """`access.log.2`, `access.log-20261129`, `access.log.1`, `access.log`."""
    rotated = [
        (file.stat().st_mtime, file)
        for file in current.parent.glob(f"{current.name}[.-]*")
        if file.suffix not in _PACKED and file.is_file()
    ]
    return [file for _at, file in sorted(rotated)] + ([current] if current.exists() else [])


def _identity_of(file: Path) -> str:
    try:
        with file.open("rb") as source:
            return _identity(source)
    except FileNotFoundError:
        return ""


def _identity(source: BinaryIO) -> str:
    """Empty as long as there is no whole line."""
    first = source.readline(_LINE)
    whole = first.endswith(b"\n") or len(first) == _LINE
    return hashlib.sha256(first).hexdigest() if whole else ""


def _read_file(edge: str, source: BinaryIO, *, rotated: bool) -> bool:
    identity = _identity(source)
    if not identity:
        return False
    row = EdgeLog.objects.filter(edge=edge, identity=identity).first() or EdgeLog(edge=edge, identity=identity)
    found = os.fstat(source.fileno())
    settled = rotated and found.st_mtime < (timezone.now() - _SETTLED).timestamp()
    cut = found.st_size < row.offset
    batch = _take(source, min(row.offset, found.st_size), last=settled)
    ended = settled and not batch.more
    if batch.offset == row.offset and ended == row.ended:
        return False
    if _commit(row, batch, ended=ended, cut=cut):
        log.info("edge log read", extra={"edge": edge, "lines": batch.lines, "malformed": batch.malformed})
    return batch.more


def _take(source: BinaryIO, offset: int, *, last: bool) -> Batch:
    """Whole lines from `offset` on. What comes after the last line end is one only if nothing can follow (`last`)."""
    source.seek(offset)
    batch = Batch(offset)
    while line := source.readline(_LINE):
        size = len(line)
        while not line.endswith(b"\n") and (line := source.readline(_LINE)):
            size += len(line)
        if not line and not last:
            break
        batch.offset += size
        batch.lines += 1
        try:
            if size > len(line):
                raise Malformed  # longer than any of ours, or without an end
            _count(batch, *parse(line))
        except Malformed:
            batch.malformed += 1
        if batch.lines >= _LINES or len(batch.counted) >= _KEYS:
            batch.more = True
            break
    return batch


def _count(batch: Batch, at: datetime, answer: Answer | None, said: Picture | Refusal | None) -> None:
    batch.until, hour = at, looks.hour_of(at)
    if answer is not None:
        batch.answers[answer.outcome, hour] += 1
        batch.sizes[answer.outcome, hour] += answer.size
    if said is None:
        return
    key = replace(said, at=hour)
    if isinstance(key, Refusal) and key not in batch.counted:
        key = _bounded(batch, key)
    span = batch.counted.setdefault(key, Span(at, at))
    span.first, span.last, span.count = min(span.first, at), max(span.last, at), span.count + 1


def _bounded(batch: Batch, key: Refusal) -> Refusal:
    """Made-up prescriptions crowd out those of their own address alone, and addresses each other."""
    if key.address not in batch.refused and len(batch.refused) >= _REFUSED:
        return replace(key, rx="", address=_OTHERS)
    batch.refused[key.address] += 1
    return key if batch.refused[key.address] <= _OF_EACH else replace(key, rx="")


def _commit(row: EdgeLog, batch: Batch, *, ended: bool, cut: bool) -> bool:
    """Move the row and count, or neither; False when another reader was faster."""
    before, since = row.offset, row.until
    row.offset, row.ended, row.read_at, row.until = batch.offset, ended, timezone.now(), batch.until or since
    row.lines, row.malformed = row.lines + batch.lines, row.malformed + batch.malformed
    moved = {name: getattr(row, name) for name in ("offset", "ended", "read_at", "until", "lines", "malformed")}
    try:
        with transaction.atomic():
            if row._state.adding:
                row.save()
            elif not EdgeLog.objects.filter(pk=row.pk, offset=before).update(**moved):
                return False
            looks.add(list(_tallies(row.edge, batch)))
            Figure.objects.add(
                Tally("edge", outcome, hour, count, batch.sizes[outcome, hour])
                for (outcome, hour), count in batch.answers.items()
            )
            if cut:
                _tell(row.edge, chain.Verb.EDGE_GAP, _gap(row.identity, since, "shorter"))
            if batch.malformed:
                _tell(row.edge, chain.Verb.EDGE_MALFORMED, {"log": row.identity[:12], "count": batch.malformed})
    except IntegrityError:
        return False
    return True


def _tallies(edge: str, batch: Batch) -> Iterator[looks.Tally]:
    """Of prescriptions that there are, on their chains; all others together, so that nobody makes chains up."""
    known = _known({said.rx for said in batch.counted})
    apart: dict[tuple[str, str, str, str, datetime], Span] = {}
    for said, span in batch.counted.items():
        rx = said.rx if said.rx in known else chain_of(edge)
        if isinstance(said, Picture):
            data = {"page": said.page, "until": said.until, "link": said.link}
            if said.scope != "f":
                data["scope"] = said.scope
            what = (rx, chain.Verb.PICTURE_SENT.value, str(LINK), looks.written(data), said.at)
        else:
            detail = looks.written({"address": said.address, "what": said.what})
            what = (rx, chain.Verb.REFUSED.value, str(NOBODY), detail, said.at)
        one = apart.setdefault(what, Span(span.first, span.last))
        one.first, one.last = min(one.first, span.first), max(one.last, span.last)
        one.count += span.count
    for (rx, verb, actor, detail, _hour), one in apart.items():
        yield looks.Tally(rx, verb, actor, detail, one.count, one.first, one.last)


def _known(rxs: set[str]) -> set[str]:
    wanted, found = sorted(rxs), set[str]()
    for start in range(0, len(wanted), _CHUNK):
        rows = Prescription.objects.filter(pk__in=wanted[start : start + _CHUNK])
        found.update(rows.values_list("pk", flat=True))
    return found


def _miss(edge: str, present: set[str]) -> None:
    """Files that went before they had been read to their end; each is missed once."""
    gone = EdgeLog.objects.filter(edge=edge, ended=False).exclude(identity__in=present)
    for row in list(gone):
        with transaction.atomic():
            if EdgeLog.objects.filter(pk=row.pk, ended=False).update(ended=True):
                _tell(edge, chain.Verb.EDGE_GAP, _gap(row.identity, row.until, "gone"))
                log.error("an edge's log was lost", extra={"edge": edge, "since": str(row.until)})
    old = EdgeLog.objects.filter(edge=edge, ended=True, read_at__lt=timezone.now() - _REMEMBERED)
    old.exclude(identity__in=present).delete()


def _gap(identity: str, since: datetime | None, why: str) -> dict[str, str]:
    """From the last line that was read until now nobody knows who looked."""
    known = since.isoformat(timespec="seconds") if since else ""
    return {"log": identity[:12], "why": why, "since": known}


def _tell(edge: str, verb: chain.Verb, data: Mapping[str, object]) -> None:
    chain.record(chain_of(edge), verb, actor=SYSTEM, data=data)
