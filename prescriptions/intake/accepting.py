"""Intake: sniff, limit, hash and probe every file, then keep the originals and a receipt, then write the rows. All of
an upload or nothing of it.

Never trusts a name or a declared type, and never decodes: the sandbox does.
"""

import hashlib
import logging
import os
import re
import time
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone

from prescriptions.infra import metrics, storage
from prescriptions.infra.guards import bulkheads
from prescriptions.infra.problems import Problem
from prescriptions.intake import loose, once, receipts
from prescriptions.intake.checked import Checked
from prescriptions.intake.once import Reservation
from prescriptions.intake.receipts import Receipt
from prescriptions.models import (
    KEY,
    KEY_HELP,
    REFERENCE,
    REFERENCE_HELP,
    Consent,
    Document,
    IdempotencyKey,
    Page,
    PageLight,
    Prescription,
    Replay,
    Sheet,
    new_identifier,
)
from prescriptions.review import opening
from transforms import sandbox
from transforms.errors import RendererBusy, SourceTooLarge, TooManyPages, TransformError
from transforms.formats import SNIFF_BYTES, SourceType, sniff
from transforms.keys import original_key
from transforms.limits import LIMITS

if TYPE_CHECKING:
    Upload = UploadedFile[Any]  # generic for the type checker only
else:
    Upload = UploadedFile

log = logging.getLogger("rx.intake")

# Called with the prescription's id in the transaction that writes it.
Taken = Callable[[str], None]

_NAME_MOST = 150
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,10}\Z")
_BIDI_AND_CONTROL = re.compile(
    r"[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def accept(files: Sequence[Upload], **fields: str) -> Prescription:
    """As `accept_once`, for those who do not care whether it was sent before."""
    return accept_once(files, taken=lambda rx: None, **fields)[0]


def accept_once(
    files: Sequence[Upload],
    *,
    client: str,
    order_ref: str = "",
    patient_ref: str = "",
    idempotency_key: str = "",
    fingerprint: str = "",
    taken: Taken = lambda rx: None,
) -> tuple[Prescription, bool]:
    """One upload becomes one prescription with its documents and pages; and whether it was one already.

    With the key of an earlier upload of the same files and references it is that upload's prescription. The key is
    reserved while it is worked on, and settled in the transaction of the rows. Raises Problem (400, 409 under way, 413,
    415, 422, 503) naming each file that was refused, storage.StorageUnavailable; then neither row nor object is left.

    `fingerprint`: what the key stands for, where that is not for the files to say; `taken` is called in that
    transaction.
    """
    with metrics.upload("api"), room():
        _check_request(files, order_ref, patient_ref, idempotency_key)
        if not idempotency_key:
            return _accept(files, client, order_ref, patient_ref, None, taken), False
        key = _Key.begin(client, idempotency_key, fingerprint or fingerprint_of(files, order_ref, patient_ref))
        if isinstance(key, Prescription):
            return key, True
        try:
            return _accept(files, client, order_ref, patient_ref, key, taken), False
        except BaseException:
            key.reservation.release()
            raise


def earlier(client: str, key: str, fingerprint: str) -> Prescription | None:
    """What an upload with this key has become. Raises Problem 422 where that was another one."""
    row = Replay.objects.filter(scope=kept_under(client), key=key, until=None).first() if key else None
    if row is not None and row.fingerprint != fingerprint:
        raise once.reused()
    return Prescription.objects.get(pk=row.answer["rx"]) if row else None


def room() -> AbstractContextManager[None]:
    """Raises RendererBusy where so many uploads are under way that one more would leave too few threads for pages."""
    return bulkheads.place("uploads", full=RendererBusy())


def display_name(raw: str) -> str:
    """A file name fit to be shown: no path, no control or direction characters, NFC, at most 150 characters of which
    the last are the extension: without it, a download opens in no program.
    """
    name = os.path.basename(raw.replace("\\", "/"))  # noqa: PTH119 - it is text from a stranger, not a path
    name = unicodedata.normalize("NFC", _BIDI_AND_CONTROL.sub("", name)).strip()
    if len(name) <= _NAME_MOST:
        return name
    extension = found[0] if (found := _EXTENSION.search(name)) else ""
    return name[: _NAME_MOST - len(extension)].rstrip() + extension


def _check_request(files: Sequence[Upload], order_ref: str, patient_ref: str, idempotency_key: str) -> None:
    errors = []
    if not files:
        errors.append({"pointer": "/files", "detail": "Send at least one file."})
    if len(files) > LIMITS.files:
        errors.append({"pointer": "/files", "detail": f"{len(files)} files; at most {LIMITS.files} at a time."})
    for field, value in (("order_ref", order_ref), ("patient_ref", patient_ref)):
        if value and not REFERENCE.match(value):
            errors.append({"pointer": f"/{field}", "detail": REFERENCE_HELP})
    if idempotency_key and not KEY.match(idempotency_key):
        errors.append({"header": "Idempotency-Key", "detail": KEY_HELP})
    if errors:
        raise Problem(400, "invalid", "The request is not valid", errors[0]["detail"], errors=errors)


def _accept(
    files: Sequence[Upload], client: str, order_ref: str, patient_ref: str, key: "_Key | None", taken: Taken
) -> Prescription:
    rx, until = new_identifier(), time.monotonic() + settings.RX_UPLOAD_WAIT
    if key:
        key.reservation.tell(f"/api/v1/prescriptions/{rx}")
    checked = _check_files(files, rx, until, key)
    announced = [item.document_id for item in checked]
    loose.announce(rx, announced)
    try:
        for file, item in zip(files, checked, strict=True):
            if time.monotonic() > until:
                raise storage.StorageUnavailable("put_object: no time left for the rest of the upload")
            if key:
                key.reservation.renew()
            keep(rx, file, item)
        sent_with = (key.key, key.fingerprint) if key else ()
        receipt = Receipt(rx, client, order_ref, patient_ref, timezone.now(), tuple(checked), key=sent_with)
        announced += receipts.put(receipt)
        with transaction.atomic():
            if key:
                key.settle(rx)
            loose.settle(announced)
            taken(rx)
            prescription = write_rows(receipt)
    except BaseException:
        loose.discard(rx, announced)
        raise
    log.info("received", extra={"rx": rx, "documents": len(checked), "pages": sum(len(c.pages) for c in checked)})
    return prescription


def keep(rx: str, file: Upload, item: Checked) -> None:
    """Store a checked file as an original, which was announced (`loose`). Raises storage.StorageUnavailable."""
    file.seek(0)
    key = original_key(rx, item.document_id)
    bulkheads.give_back_connection()
    storage.put_original(key, file.read(), media_type=item.media_type, sha256=item.sha256)


def _check_files(files: Sequence[Upload], rx: str, until: float, key: "_Key | None") -> list[Checked]:
    """Every file is looked at, so that one answer names everything that is wrong. `until`: time.monotonic() seconds."""
    checked: list[Checked] = []
    refused: list[tuple[int, TransformError]] = []
    for index, file in enumerate(files):
        try:
            if time.monotonic() > until:
                raise RendererBusy
            if key:
                key.reservation.renew()
            checked.append(check(file, rx))
        except TransformError as error:
            refused.append((index, error))
            file.close()  # of ten that are refused not all wait in memory
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


def check(file: Upload, rx: str, *, thumbnail: bool = False) -> Checked:
    """Look into one file of prescription `rx`: the only look until a variant is asked for. Raises TransformError."""
    file.seek(0)
    kind = sniff(file.read(SNIFF_BYTES))
    limit = LIMITS.pdf_bytes if kind is SourceType.PDF else LIMITS.image_bytes
    size = file.size or 0
    if size > limit:
        raise SourceTooLarge(f"The file has {size / 2**20:.1f} MiB; at most {limit // 2**20} MiB are allowed.")
    file.seek(0)
    data = file.read()
    probe = sandbox.default().probe(data, owner=rx, thumbnail=thumbnail)
    return Checked(
        document_id=new_identifier(),
        media_type=probe.media_type,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        name=display_name(file.name or ""),
        pages=probe.pages,
        notices=probe.notices,
        measures=probe.measures,
        thumbnail=probe.thumbnail,
    )


def write_rows(receipt: Receipt, *, rebuilt: bool = False) -> Prescription:
    """The prescription with its documents, pages and review; pages numbered in the order of the files.

    `rebuilt`: it was received before, and a restored database does not know of it.
    """
    with transaction.atomic():
        prescription = Prescription.objects.create(
            id=receipt.rx,
            client=receipt.client,
            order_ref=receipt.order_ref,
            patient_ref=receipt.patient_ref,
            created_at=receipt.received,
        )
        pages: list[Page] = []
        lights: list[PageLight] = []
        sheets: list[Sheet] = []
        for position, item in enumerate(receipt.files, 1):
            document = Document.objects.create(
                id=item.document_id,
                prescription=prescription,
                position=position,
                media_type=item.media_type,
                size=item.size,
                sha256=item.sha256,
                name=item.name,
            )
            for index, (size, codes, measures) in enumerate(
                zip(item.pages, item.notices, item.measures, strict=True), 1
            ):
                page = Page(prescription=prescription, document=document, index=index, number=len(pages) + 1)
                page.width, page.height, page.notices = size.width, size.height, list(codes)
                pages.append(page)
                if measures:
                    lights.append(page.take(measures))
                    if found := Sheet.found(page, measures.sheet):
                        sheets.append(found)
        Page.objects.bulk_create(pages)
        PageLight.objects.bulk_create(lights)
        Sheet.objects.bulk_create(sheets)
        if receipt.consent:
            version, language = receipt.consent
            given = receipt.received
            Consent.objects.create(prescription=prescription, version=version, language=language, given_at=given)
        opening.open_review(prescription, pages, rebuilt=rebuilt)
    return prescription


def fingerprint_of(files: Sequence[Upload], order_ref: str, patient_ref: str) -> str:
    """What an Idempotency-Key stands for: SHA-256 (hex) over references and files."""
    digest = hashlib.sha256(f"{order_ref}\n{patient_ref}\n".encode())
    for file in files:
        file.seek(0)
        digest.update(hashlib.sha256(file.read()).digest())
    return digest.hexdigest()


def kept_under(client: str) -> str:
    """The scope of a client's keys of uploads."""
    return f"upload:{client}"


@dataclass(frozen=True, slots=True)
class _Key:
    """An Idempotency-Key that is reserved, and what it was sent with."""

    client: str
    key: str
    fingerprint: str
    reservation: Reservation

    @classmethod
    def begin(cls, client: str, key: str, fingerprint: str) -> "_Key | Prescription":
        """The prescription of an earlier upload, if there is one. Raises Problem: 409, 422."""
        if (earlier := cls._of_the_release_before(client, key, fingerprint)) is not None:
            return earlier
        begun = once.begin(kept_under(client), key, fingerprint)
        if isinstance(begun, dict):
            return Prescription.objects.get(pk=begun["rx"])
        return cls(client, key, fingerprint, begun)

    @staticmethod
    def _of_the_release_before(client: str, key: str, fingerprint: str) -> Prescription | None:
        row = IdempotencyKey.objects.select_related("prescription").filter(client=client, key=key).first()
        if row is None or row.prescription is None:
            return None
        if row.fingerprint != fingerprint:
            raise once.reused()
        return row.prescription

    def settle(self, rx: str) -> None:
        """In the transaction that writes the prescription. Raises Problem 409 where another one has the key by now."""
        self.reservation.settle({"rx": rx}, rx=rx)
        IdempotencyKey.objects.filter(client=self.client, key=self.key, prescription=None).delete()
        IdempotencyKey.objects.create(
            client=self.client, key=self.key, fingerprint=self.fingerprint, prescription_id=rx
        )
