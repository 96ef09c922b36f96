"""Intake: sniff, limit, hash and probe every file, then keep the originals, then write the rows. All of an upload
or nothing of it.

Never trusts a name or a declared type, and never decodes: the sandbox does.
"""

import hashlib
import logging
import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone

from prescriptions.infra import metrics, storage
from prescriptions.infra.problems import Problem
from prescriptions.models import (
    REFERENCE,
    REFERENCE_HELP,
    Document,
    IdempotencyKey,
    Page,
    Prescription,
    new_identifier,
)
from prescriptions.review import opening
from transforms import sandbox
from transforms.errors import SourceTooLarge, TooManyPages, TransformError
from transforms.formats import SourceType, sniff
from transforms.geometry import Size
from transforms.keys import original_key, prefix
from transforms.limits import LIMITS

if TYPE_CHECKING:
    Upload = UploadedFile[Any]  # generic for the type checker only
else:
    Upload = UploadedFile

log = logging.getLogger("rx.intake")

# How long an upload that holds an Idempotency-Key may take before another try may take the key over.
_IN_PROGRESS = timedelta(minutes=2)
_BIDI_AND_CONTROL = re.compile(
    r"[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that may be kept: what its rows will say. `size` in bytes, `pages` in upright pixels."""

    document_id: str
    media_type: str
    size: int
    sha256: str
    name: str
    pages: tuple[Size, ...]


def accept(
    files: Sequence[Upload], *, client: str, order_ref: str = "", patient_ref: str = "", idempotency_key: str = ""
) -> Prescription:
    """One upload becomes one prescription with its documents and pages.

    Raises Problem (400, 409, 413, 415, 422) naming each file that was refused; then neither row nor object is left.
    """
    with metrics.upload("api"):
        return _accept_once(files, client, order_ref, patient_ref, idempotency_key)


def _accept_once(
    files: Sequence[Upload], client: str, order_ref: str, patient_ref: str, idempotency_key: str
) -> Prescription:
    _check_request(files, order_ref, patient_ref, idempotency_key)
    if not idempotency_key:
        return _accept(files, client, order_ref, patient_ref)
    fingerprint = fingerprint_of(files, order_ref, patient_ref)
    held = _hold(client, idempotency_key, fingerprint)
    if held.prescription is not None:
        return held.prescription
    try:
        prescription = _accept(files, client, order_ref, patient_ref)
    except BaseException:
        held.delete()
        raise
    IdempotencyKey.objects.filter(pk=held.pk).update(prescription=prescription)
    return prescription


def display_name(raw: str) -> str:
    """A file name fit to be shown: no path, no control or direction characters, NFC, at most 150 characters."""
    name = os.path.basename(raw.replace("\\", "/"))  # noqa: PTH119 - it is text from a stranger, not a path
    return unicodedata.normalize("NFC", _BIDI_AND_CONTROL.sub("", name)).strip()[:150].rstrip()


def _check_request(files: Sequence[Upload], order_ref: str, patient_ref: str, idempotency_key: str) -> None:
    errors = []
    if not files:
        errors.append({"pointer": "/files", "detail": "Send at least one file."})
    if len(files) > LIMITS.files:
        errors.append({"pointer": "/files", "detail": f"{len(files)} files; at most {LIMITS.files} at a time."})
    for field, value in (("order_ref", order_ref), ("patient_ref", patient_ref)):
        if value and not REFERENCE.match(value):
            errors.append({"pointer": f"/{field}", "detail": REFERENCE_HELP})
    if idempotency_key and not re.fullmatch(r"[\x21-\x7e]{1,100}", idempotency_key):
        errors.append({"header": "Idempotency-Key", "detail": "1 to 100 visible ASCII characters."})
    if errors:
        raise Problem(400, "invalid", "The request is not valid", errors[0]["detail"], errors=errors)


def _accept(files: Sequence[Upload], client: str, order_ref: str, patient_ref: str) -> Prescription:
    rx = new_identifier()
    checked = _check_files(files, rx)
    stored = False
    try:
        for file, item in zip(files, checked, strict=True):
            stored = True
            keep(rx, file, item)
        prescription = write_rows(rx, checked, client=client, order_ref=order_ref, patient_ref=patient_ref)
    except BaseException:
        if stored:
            _take_back(rx)
        raise
    log.info("received", extra={"rx": rx, "documents": len(checked), "pages": sum(len(c.pages) for c in checked)})
    return prescription


def keep(rx: str, file: Upload, item: Checked) -> None:
    """Store a checked file as an original. Raises storage.StorageUnavailable."""
    file.seek(0)
    key = original_key(rx, item.document_id)
    storage.put_original(key, file.read(), media_type=item.media_type, sha256=item.sha256)


def _check_files(files: Sequence[Upload], rx: str) -> list[Checked]:
    """Every file is looked at, so that one answer names everything that is wrong."""
    checked: list[Checked] = []
    refused: list[tuple[int, TransformError]] = []
    for index, file in enumerate(files):
        try:
            checked.append(check(file, rx))
        except TransformError as error:
            refused.append((index, error))
    pages = sum(len(item.pages) for item in checked)
    if not refused and pages > LIMITS.pdf_pages:
        refused.append(
            (0, TooManyPages(f"{pages} pages in all; at most {LIMITS.pdf_pages} in one prescription are allowed."))
        )
    if refused:
        first = refused[0][1]
        errors: list[dict[str, Any]] = [
            {
                "pointer": f"/files/{index}",
                "file": display_name(files[index].name or ""),
                "code": error.code,
                "detail": error.detail,
            }
            for index, error in refused
        ]
        raise Problem(
            first.status,
            first.code,
            first.title,
            first.detail,
            errors=errors,
            retry_after=5 if first.status == 503 else None,
        )
    return checked


def check(file: Upload, rx: str) -> Checked:
    """Look into one file of prescription `rx`. Raises TransformError."""
    file.seek(0)
    kind = sniff(file.read(64))
    limit = LIMITS.pdf_bytes if kind is SourceType.PDF else LIMITS.image_bytes
    size = file.size or 0
    if size > limit:
        raise SourceTooLarge(f"The file has {size / 2**20:.1f} MiB; at most {limit // 2**20} MiB are allowed.")
    file.seek(0)
    data = file.read()
    probe = sandbox.default().probe(data, owner=rx)
    digest = hashlib.sha256(data).hexdigest()
    return Checked(new_identifier(), probe.media_type, len(data), digest, display_name(file.name or ""), probe.pages)


def write_rows(rx: str, checked: Sequence[Checked], *, client: str, order_ref: str, patient_ref: str) -> Prescription:
    """The prescription with its documents and pages, numbered in the order given."""
    with transaction.atomic():
        prescription = Prescription.objects.create(id=rx, client=client, order_ref=order_ref, patient_ref=patient_ref)
        pages = []
        for position, item in enumerate(checked, 1):
            document = Document.objects.create(
                id=item.document_id,
                prescription=prescription,
                position=position,
                media_type=item.media_type,
                size=item.size,
                sha256=item.sha256,
                name=item.name,
            )
            pages += [
                Page(prescription=prescription, document=document, index=index, width=size.width, height=size.height)
                for index, size in enumerate(item.pages, 1)
            ]
        for number, page in enumerate(pages, 1):
            page.number = number
        Page.objects.bulk_create(pages)
        opening.open_review(prescription, pages)
    return prescription


def _take_back(rx: str) -> None:
    """Remove the originals of an upload that did not come to a row; what cannot be removed is reported, not hidden."""
    try:
        storage.delete_everything(settings.RX_ORIGINALS_BUCKET, prefix(rx))
    except storage.StorageUnavailable:
        log.error("originals without rows are left behind", extra={"rx": rx})


def fingerprint_of(files: Sequence[Upload], order_ref: str, patient_ref: str) -> str:
    """What an Idempotency-Key stands for: SHA-256 (hex) over references and files."""
    digest = hashlib.sha256(f"{order_ref}\n{patient_ref}\n".encode())
    for file in files:
        file.seek(0)
        digest.update(hashlib.sha256(file.read()).digest())
    return digest.hexdigest()


def _hold(client: str, key: str, fingerprint: str) -> IdempotencyKey:
    """The row of this key: ours to fill (no prescription yet), or the earlier answer. Raises Problem 409, 422."""
    now = timezone.now()
    IdempotencyKey.objects.filter(client=client, key=key, prescription=None, created_at__lt=now - _IN_PROGRESS).delete()
    row, ours = IdempotencyKey.objects.select_related("prescription").get_or_create(
        client=client, key=key, defaults={"fingerprint": fingerprint, "created_at": now}
    )
    if ours:
        return row
    if row.fingerprint != fingerprint:
        raise Problem(
            422,
            "idempotency-key-reused",
            "This Idempotency-Key belongs to another upload",
            "Use a new key for other files or fields.",
        )
    if row.prescription is None:
        raise Problem(
            409, "in-progress", "The same upload is in progress", "Ask again with the same key.", retry_after=2
        )
    return row
