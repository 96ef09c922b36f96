"""All pages as one PDF, kept like a variant: put together once, by whoever has the row, and read from S3 by all others.

It lies under its prescription, so it goes with an erasure and where links are cut. Its key follows from how its pages
are in it: a page that was turned makes another one. It shows the pages as they are, never what was blacked out.
"""

import hashlib
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import IntegrityError, transaction

from prescriptions.infra import metrics, storage
from prescriptions.infra.database import agreed
from prescriptions.infra.guards import bulkheads
from prescriptions.infra.per_process import per_process
from prescriptions.infra.problems import erased, links_cut, not_ready
from prescriptions.models import Page, Prescription, WholePdf, new_identifier
from prescriptions.variants import links
from prescriptions.variants.documents import whole_pdf
from prescriptions.variants.fairness.askers import Asker
from prescriptions.variants.fairness.room import Room
from prescriptions.variants.pictures import preset_of
from transforms.objects import NewObject
from transforms.version import PIPELINE

MEDIA_TYPE: Final = "application/pdf"
# Pages are waited for as long as the request waits. Joining them and the put come after that.
_LEASE_SECONDS: Final = 45
_LOOK_SECONDS: Final = 0.2  # how often who waits looks at the row
# Each of them has a thread here while another request makes what it wants.
_WAITERS, _OF_ONE = 32, 8


@dataclass(frozen=True, slots=True)
class Pdf:
    """A stored PDF."""

    key: str
    etag: str
    size: int


def find(prescription: Prescription, *, by: Asker, a4: bool, wait: float) -> Pdf:
    """The PDF, made now if it is not there. Waits up to `wait` seconds for its pages, or for whoever makes it.

    Raises Problem: 409 (links are cut), 410, 422 (a page cannot be made), 429, 503 (ask again; what was made is kept),
    TransformError, StorageUnavailable.
    """
    if links.are_cut(prescription):
        raise links_cut()
    deadline, form = time.monotonic() + wait, "a4" if a4 else ""
    digest = _digest(prescription, form)
    with _room().place(by.unit) as found:
        if not found:
            metrics.quota_refused("documents")
            raise not_ready(retry_after=5)
        while True:
            row = WholePdf.objects.filter(prescription=prescription, form=form).first()
            if row is not None and row.until is None and row.digest == digest and _is_there(row):
                return Pdf(row.key, row.etag, row.size or 0)
            if (claim := _claim(prescription, form, digest, row)) is not None:
                return _make(claim, row, prescription, by=by, a4=a4, wait=max(0.0, deadline - time.monotonic()))
            if time.monotonic() >= deadline:
                raise not_ready()
            bulkheads.give_back_connection()
            time.sleep(_LOOK_SECONDS)


def forget(rx: str) -> None:
    """The rows, when all objects of the prescription are deleted."""
    WholePdf.objects.filter(prescription=rx).delete()


def _digest(prescription: Prescription, form: str) -> str:
    pages = Page.objects.filter(prescription=prescription).order_by("number")
    how = "\n".join([PIPELINE, form, *(str(preset_of(page, whole_pdf.PRESET)) for page in pages)])
    return hashlib.sha256(how.encode()).hexdigest()[:32]


def _is_there(row: WholePdf) -> bool:
    try:
        return storage.head_variant(row.key).etag == row.etag
    except storage.ObjectMissing:
        return False


def _claim(prescription: Prescription, form: str, digest: str, row: WholePdf | None) -> WholePdf | None:
    """The row, if this call may make it: nobody else does, or whoever did is not heard of any more."""
    now = agreed.now()
    mine = {"owner": new_identifier(), "until": now + timedelta(seconds=settings.RX_WAIT + _LEASE_SECONDS)}
    if row is None:
        try:
            with transaction.atomic():
                return WholePdf.objects.create(prescription=prescription, form=form, digest=digest, **mine)
        except IntegrityError:
            return None
    if row.until is not None and row.until > now:
        return None
    as_it_was = WholePdf.objects.filter(pk=row.pk, owner=row.owner, until=row.until)
    if not as_it_was.update(digest=digest, etag="", size=None, **mine):
        return None
    return WholePdf(pk=row.pk, prescription=prescription, form=form, digest=digest, **mine)


def _make(
    claim: WholePdf, before: WholePdf | None, prescription: Prescription, *, by: Asker, a4: bool, wait: float
) -> Pdf:
    held = WholePdf.objects.filter(pk=claim.pk, owner=claim.owner)
    try:
        with whole_pdf.whole(prescription, by=by, a4=a4, wait=wait) as file:
            data = file.read()
        bulkheads.give_back_connection()
        new = NewObject(data=data, media_type=MEDIA_TYPE, metadata={"source": claim.digest})
        put = storage.put_variant(claim.key, new)
    except BaseException:
        held.delete()
        raise
    if not held.filter(prescription__erased_at=None).update(until=None, etag=put.etag, size=put.size):
        # Erased, or its links were cut, while it was put; or another has it, and puts the same.
        if not WholePdf.objects.filter(prescription=prescription, digest=claim.digest).exists():
            storage.delete_variant(claim.key)
        alive = Prescription.objects.filter(pk=prescription.pk, erased_at=None).exists()
        raise not_ready() if alive else erased()
    if before is not None and before.digest != claim.digest:
        with suppress(storage.StorageUnavailable):  # the reconciler deletes what no row names
            storage.delete_variant(before.key)
    return Pdf(claim.key, put.etag, put.size)


@per_process
def _room() -> Room:
    return Room(_WAITERS, of_one=_OF_ONE)
