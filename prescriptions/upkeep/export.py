"""An export: a ZIP of prescriptions as they were sent, what was said of them, who did what. Streamed, never on disk.

Names in it are made of ids, positions and known endings alone; how a file was called when it was sent is in its data.
"""

import json
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any, Final

from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from prescriptions import audit
from prescriptions.audit import listings
from prescriptions.audit.actors import Actor
from prescriptions.infra import storage
from prescriptions.models import AuditEvent, Consent, Document, Prescription, Redaction, Sheet, retention_of
from transforms.keys import original_key

_ENDINGS: Final = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/heic": "heic",
    "image/heif": "heif",
    "image/avif": "avif",
    "application/pdf": "pdf",
}
_REVIEW: Final = (
    "status", "status_at", "queued_at", "outcome", "decided_at", "reason", "reason_page", "customer_text",
    "internal_note", "prescribed_on", "prescriber", "registration_number", "checklist", "override_reason", "overridden",
    "valid_until",
)  # fmt: skip
_LINE: Final = (
    "position", "line_ref", "name", "strength", "schedule", "quantity_ordered", "quantity_allowed", "decision",
    "reason",
)  # fmt: skip
_DOCUMENT: Final = ("position", "name", "media_type", "size", "sha256")
_PAGE: Final = ("number", "index", "width", "height", "rotation", "notices")
_MESSAGE: Final = ("author", "text", "at", "page", "expires_at", "answered_at")


# Of an answer that sends it.
HEADERS: Final = {
    "Content-Disposition": 'attachment; filename="prescriptions.zip"',
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


class _Pipe:
    """What ZipFile writes to: kept until it is taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        return

    def close(self) -> None:
        return

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def export(rxs: Sequence[str], *, actor: Actor, by: str) -> Iterator[bytes]:
    """The bytes of the ZIP; each export is on the chain of each prescription. `by`: what was asked for.

    Raises storage.StorageUnavailable in the middle: what was sent by then is no whole ZIP, and no reader takes it for
    one.
    """
    audit.record_all(list(rxs), audit.Verb.EXPORTED, actor=actor, data={"by": by, "prescriptions": len(rxs)})
    return _stream(rxs)


def _stream(rxs: Sequence[str]) -> Iterator[bytes]:
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:
        for rx in rxs:
            prescription = Prescription.objects.select_related("review").filter(pk=rx, erased_at=None).first()
            if prescription is None:
                continue  # erased meanwhile
            for name, content in (("data.json", _data(prescription)), ("audit.json", _events(rx))):
                text = json.dumps(content, cls=DjangoJSONEncoder, indent=1, ensure_ascii=False)
                archive.writestr(_entry(f"{rx}/{name}"), text.encode())
                yield pipe.take()
            for document in prescription.documents.all():
                yield from _original(archive, pipe, document)
    yield pipe.take()


def _original(archive: zipfile.ZipFile, pipe: _Pipe, document: Document) -> Iterator[bytes]:
    name = f"{document.prescription_id}/originals/{document.position:02d}"
    try:
        _described, chunks = storage.open_original(original_key(document.prescription_id, document.pk))
    except storage.ObjectMissing:
        archive.writestr(_entry(f"{name}-missing.txt"), b"The storage does not have this file.\n")
        return
    entry = _entry(f"{name}.{_ENDINGS.get(document.media_type, 'bin')}")
    with archive.open(entry, "w", force_zip64=True) as file:
        for chunk in chunks:
            file.write(chunk)
            yield pipe.take()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, timezone.localtime().timetuple()[:6])
    entry.external_attr = 0o600 << 16
    return entry


def _data(prescription: Prescription) -> dict[str, Any]:
    review = getattr(prescription, "review", None)
    consent = Consent.objects.filter(prescription=prescription).first()
    boxes = Redaction.objects.filter(page__prescription=prescription).values("page__number", "boxes", "confirmed_at")
    papers = Sheet.objects.filter(page__prescription=prescription)
    kept = retention_of(prescription)
    columns = ("id", "client", "order_ref", "patient_ref", "created_at", "links_cut_at")
    return {
        **{name: getattr(prescription, name) for name in columns},
        "retention": {"rule": kept.rule, "keep_until": kept.keep_until, "erase_on": kept.erase_on},
        "legal_hold": prescription.legal_hold,
        "documents": [_fields(row, _DOCUMENT) for row in prescription.documents.all()],
        "pages": [_fields(row, _PAGE) for row in prescription.pages.all()],
        "redactions": list(boxes),
        "sheets": list(papers.values("page__number", "corners", "source", "proposed", "created_at", "retired_at")),
        "order_lines": [_fields(row, _LINE) for row in prescription.order_lines.all()],
        "review": review and _fields(review, _REVIEW),
        "messages": [_fields(row, _MESSAGE) for row in review.messages.all()] if review else [],
        "consent": consent and _fields(consent, ("version", "language", "given_at")),
    }


def _fields(row: Any, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(row, f"{name}_id" if name == "reason" else name) for name in names}


def _events(rx: str) -> list[dict[str, Any]]:
    """Ids of staff, not their names: the export may be the patient's own. Of lists that it was on, who was given one
    and when; what else was on them concerns others.
    """
    columns = ("seq", "at", "actor", "verb", "data", "hash")
    lists = list(listings.with_any([rx]).order_by("at", "pk").values("rx", *columns))
    for row in lists:
        row["data"] = {"list": row.pop("rx")} | {name: row["data"][name] for name in ("until", "asked", "count")}
    return [*AuditEvent.objects.filter(rx=rx).order_by("seq").values(*columns), *lists]
