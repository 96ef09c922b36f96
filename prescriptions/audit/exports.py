"""An export of the audit log that proves itself: JSON whose last member is a signature over every byte before it.

Who has the file and the audit key can tell, without the database, that nobody changed it.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC
from typing import Any, BinaryIO, Final

from prescriptions.audit import signing
from prescriptions.models import AuditEvent

_FORMAT: Final = "rx-audit-export-v1"
_HEAD: Final = re.compile(rb'\{"format":"rx-audit-export-v1","key":"([a-z0-9]{0,8})","')
_TAIL: Final = re.compile(rb'\],"count":([0-9]{1,12}),"signature":"([0-9a-f]{64})"\}\n\Z')
_SIGNED: Final = b',"signature":"'
_MOST_TAIL: Final = 128
_CHUNK: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Verdict:
    """`genuine`: not a byte was changed since it was signed. `key`: what signed it; empty: nothing did."""

    genuine: bool
    key: str
    count: int


class NoExport(ValueError):
    """Not a whole file of ours, or signed with a key that is not here."""


def write(events: Iterable[AuditEvent], about: dict[str, Any]) -> Iterator[bytes]:
    """The file, piece by piece. `about`: who asked for what, and when."""
    key = signing.signing_key()
    mac = signing.stream(key, _FORMAT)
    count = 0

    def signed(text: str) -> bytes:
        piece = text.encode()
        mac.update(piece)
        return piece

    yield signed(f'{{"format":"{_FORMAT}","key":"{key}","about":{_json(about)},"events":[\n')
    for event in events:
        yield signed((",\n" if count else "") + _json(_row(event)))
        count += 1
    yield signed(f'\n],"count":{count}')
    yield _SIGNED + f'{mac.hexdigest()}"}}\n'.encode()


def verify(file: BinaryIO) -> Verdict:
    """Is this an export that nobody changed? `file` is at its beginning, and can be sought in. Raises NoExport."""
    head = _HEAD.match(file.read(_MOST_TAIL))
    size = file.seek(0, 2)
    file.seek(max(0, size - _MOST_TAIL))
    end = file.read()
    tail = _TAIL.search(end)
    if head is None or tail is None:
        raise NoExport("This is no export of the audit log, or a part of it is missing.")
    key = head[1].decode()
    if not signing.knows(key):
        message = f"It was signed with the key {key}, which is not in RX_AUDIT_KEYS."
        raise NoExport(message)
    mac = signing.stream(key, _FORMAT)
    left = size - len(end) + end.rindex(_SIGNED)
    file.seek(0)
    while left and (piece := file.read(min(left, _CHUNK))):
        mac.update(piece)
        left -= len(piece)
    return Verdict(signing.same(mac.hexdigest(), tail[2].decode()), key, int(tail[1]))


def _row(event: AuditEvent) -> dict[str, Any]:
    """Every column, with the chain's own signature: whoever has the database can find it there."""
    return {
        "rx": event.rx,
        "seq": event.seq,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": event.actor,
        "actor_name": event.actor_name,
        "verb": event.verb,
        "data": event.data,
        "request_id": event.request_id,
        "prev": event.prev_hash,
        "hash": event.hash,
        "key": event.key,
    }


def _json(content: Any) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
