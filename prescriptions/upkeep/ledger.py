"""The ledger of erasures: ids and times, signed, in the object-locked bucket beside the anchors of the audit log.

A database that is restored from a back-up has again what was erased since. The ledger is not restored with it: whoever
serves holds the two against each other first. Nothing here erases; `replaying` does.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from django.utils import timezone

from prescriptions.audit import signing
from prescriptions.infra import storage
from prescriptions.models import Draft, LedgerHead, Prescription

_FOLDER: Final = "erasures/"
_STAMP: Final = "%Y%m%dT%H%M%S%f"
_ENTRY: Final = re.compile(
    r"erasures/(?P<at>\d{8}T\d{12})-(?P<rx>[0-9a-f]{32})-(?P<kid>[a-z0-9]{0,8})-(?P<mac>[0-9a-f]{32})"
)
# Clocks of several machines, and puts that take their time: what is noted now may stand before what was noted already.
_OVERLAP: Final = timedelta(minutes=10)
_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Difference:
    """What the ledger says and this database does not. `forged`: how many entries nobody with our key has written."""

    alive: list[str]
    forged: int = 0


def note(rx: str) -> None:
    """Write one erasure into the ledger for good. Twice is no harm. Raises storage.StorageUnavailable."""
    at = timezone.now().astimezone(UTC).strftime(_STAMP)
    kid = signing.signing_key()
    key = f"{_FOLDER}{at}-{rx}-{kid}-{_mac(at, rx, kid)}"
    storage.put_anchor(key, b"")
    Prescription.objects.filter(pk=rx, noted_at=None).update(noted_at=timezone.now())


def compare() -> Difference:
    """Hold this database against the ledger, from where it has last caught up. Without a difference it catches up.

    Raises storage.StorageUnavailable.
    """
    known = head()
    alive: list[str] = []
    forged, last = 0, known
    keys = storage.anchor_keys(_FOLDER, after=_before(known))
    while chunk := list(islice(keys, _AT_ONCE)):
        entries = {key: rx for key in chunk if (rx := _read(key))}
        forged += len(chunk) - len(entries)
        alive += _alive(set(entries.values()))
        last = max([last, *entries])  # never one that is none of ours: it would say how far we have read
    if not alive and last > known:
        LedgerHead.objects.get_or_create(pk=1, defaults={"key": last})
        LedgerHead.objects.filter(pk=1, key__lt=last).update(key=last, at=timezone.now())
    return Difference(alive, forged)


def head() -> str:
    """How far this database has caught up: a key of the ledger, or nothing. One query."""
    return LedgerHead.objects.filter(pk=1).values_list("key", flat=True).first() or ""


def entries() -> Iterator[tuple[str, str]]:
    """Time (ISO 8601) and id of every erasure in the ledger, oldest first. Raises storage.StorageUnavailable."""
    for key in storage.anchor_keys(_FOLDER):
        if rx := _read(key):
            yield _time_of(key).isoformat(), rx


def _alive(rxs: set[str]) -> list[str]:
    """Those of these that this database still has, as prescriptions or as the drafts that they were."""
    prescriptions = Prescription.objects.filter(pk__in=rxs, erased_at=None).values_list("pk", flat=True)
    return sorted({*prescriptions, *Draft.objects.filter(pk__in=rxs).values_list("pk", flat=True)})


def _read(key: str) -> str:
    """The id in an entry; empty for what is none of ours: it would be a way to have things deleted."""
    found = _ENTRY.fullmatch(key)
    if found is None or not signing.knows(found["kid"]):
        return ""
    return found["rx"] if found["mac"] == _mac(found["at"], found["rx"], found["kid"]) else ""


def _mac(at: str, rx: str, kid: str) -> str:
    return signing.sign(["rx-erasure-v1", kid, at, rx], key=kid)[:32]


def _time_of(key: str) -> datetime:
    return datetime.strptime(key.removeprefix(_FOLDER)[:21], _STAMP).replace(tzinfo=UTC)


def _before(key: str) -> str:
    """Where to begin to read: some minutes before a key, or at the beginning."""
    return f"{_FOLDER}{(_time_of(key) - _OVERLAP).strftime(_STAMP)}" if key else ""
