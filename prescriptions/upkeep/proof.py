"""What was proved of an erasure, and what was not: each part says yes, no or unknown, and since or until when."""

from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection

from prescriptions import audit
from prescriptions.models import AuditEvent, Document, Page, Prescription
from prescriptions.variants import links

# An edge keeps an answer no longer (deploy/nginx/variant.conf), whether it can be reached or not.
EDGE_KEEPS: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Proof:
    """`objects`: when a listing of all versions was empty, after the last render could have ended; None: not yet.
    `rows`: none are left. `store`, `database`: are the deleted bytes gone from its volumes, from its file; None: not
    known. `edges`, `browsers`: from when on none has it any more. `backups`: the day on which the last one with it runs
    out. `ledger`: since when a restored database forgets it again.
    """

    erased: datetime
    objects: datetime | None
    rows: bool
    store: bool | None
    database: bool | None
    edges: datetime | None
    browsers: datetime
    backups: date
    ledger: datetime | None
    audit_whole: bool
    event: int | None
    event_hash: str

    def as_fields(self) -> dict[str, Any]:
        return asdict(self)


def of(prescription: Prescription) -> Proof | None:
    """None: it is not erased."""
    erased = prescription.erased_at
    if erased is None:
        return None
    event = event_of(prescription)
    rows = [model.objects.filter(prescription=prescription.pk).exists() for model in (Page, Document)]
    purged = prescription.purged_at
    return Proof(
        erased=erased,
        objects=purged,
        rows=not any(rows),
        store=bool(prescription.compacted_at) if settings.RX_STORE_COMPACT_URL else None,
        database=bool(prescription.wiped_at) if connection.vendor == "sqlite" else None,
        edges=purged and purged + EDGE_KEEPS,
        browsers=erased + timedelta(seconds=settings.RX_LINK_TTL + links.ROUNDING),
        backups=(erased + timedelta(days=settings.RX_BACKUP_DAYS)).date(),
        ledger=prescription.noted_at,
        audit_whole=not audit.verify(prescription.pk).faults,
        event=event.seq if event else None,
        event_hash=event.hash if event else "",
    )


def event_of(prescription: Prescription) -> AuditEvent | None:
    """Who erased it, and why it was allowed; the first one, where a restored database forgot it again."""
    return AuditEvent.objects.filter(rx=prescription.pk, verb=audit.Verb.ERASED).order_by("seq").first()
