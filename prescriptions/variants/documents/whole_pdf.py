"""A whole prescription as one PDF: every page's print variant, made where it is missing, joined in the sandbox.

Page PDFs come from renderers, which are assumed hostile; so this process carries them from S3 to a child and never
looks into them. Nothing touches a disk: files that live in memory hold them, bounded in size and number.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO, Final

from prescriptions.infra import metrics, storage
from prescriptions.infra.per_process import per_process
from prescriptions.infra.problems import Problem, not_ready
from prescriptions.models import Page, Prescription, Variant, VariantState
from prescriptions.variants import asking
from prescriptions.variants.fairness.askers import Asker
from prescriptions.variants.fairness.room import Room
from prescriptions.variants.pictures import preset_of
from transforms import sandbox
from transforms.keys import variant_key
from transforms.limits import LIMITS, MIB
from transforms.request.spec import Stored
from transforms.version import PIPELINE

PRESET: Final = "print"
_AHEAD: Final = 4  # pages in the making at once: enough for the workers, few enough to leave the queue to others
_AT_ONCE: Final = 2  # documents in the making, of one asker one: each may hold its pages and itself in memory


def fit(text: str | None) -> bool:
    """What `?fit=` asks for: True for sheets of A4, False for pages of their own size. Raises Problem 400."""
    if text not in (None, "", "a4"):
        raise Problem(400, "invalid", "The request is not valid", "`fit` must be `a4`, or be left out.")
    return text == "a4"


def whole(prescription: Prescription, *, by: Asker, a4: bool, wait: float) -> BinaryIO:
    """The PDF as an open file at its start; the caller closes it. Waits up to `wait` seconds for pages.

    Raises Problem: 410, 422 (a page cannot be made: a document that lacks one would mislead), 429, 503 (ask again; what
    was made is kept), TransformError, StorageUnavailable.
    """
    deadline = time.monotonic() + wait
    pages = list(Page.objects.select_related("document").filter(prescription=prescription).order_by("number"))
    for page in pages:
        page.prescription = prescription
    with _turn(by), _memory("pages") as file:
        sizes = [_fetch(page, stored, by, file, deadline) for page, stored in _made_ahead(pages, by)]
        file.flush()
        return sandbox.default().assemble(file, sizes, a4=a4, owner=prescription.pk)


def _made_ahead(pages: Sequence[Page], by: Asker) -> Iterator[tuple[Page, Stored]]:
    """Each page with the stored form of its print variant; the next few are being made meanwhile."""
    wanted = [(page, preset_of(page, PRESET)) for page in pages]
    ready = set(
        Variant.objects.filter(page__in=pages, sheet="", pipeline=PIPELINE, state=VariantState.READY).values_list(
            "page_id", "stored"
        )
    )
    missing = [(page, stored) for page, stored in wanted if (page.pk, str(stored)) not in ready]
    started = 0
    for page, stored in wanted:
        while started < len(missing) and missing[started][0].number < page.number + _AHEAD:
            with _naming(missing[started][0]):
                asking.find_or_claim(*missing[started], by=by)
            started += 1
        yield page, stored


def _fetch(page: Page, stored: Stored, by: Asker, file: BinaryIO, deadline: float) -> int:
    """Append a page's variant to `file`; returns its size in bytes."""
    key = variant_key(page.prescription_id, page.number, PIPELINE, stored)
    try:
        return _append(key, file)
    except storage.ObjectMissing:
        with _naming(page):
            asking.get_variant(page, stored, by=by, wait=max(0.0, deadline - time.monotonic()))
    try:
        return _append(key, file)
    except storage.ObjectMissing:
        raise not_ready() from None


def _append(key: str, file: BinaryIO) -> int:
    described, chunks = storage.open_variant(key)
    if file.tell() + described.size > LIMITS.document_bytes:
        raise _too_large()
    size = sum(file.write(chunk) for chunk in chunks)
    if size != described.size:
        raise storage.StorageUnavailable("get_object: the body ended early")
    return size


@contextmanager
def _naming(page: Page) -> Iterator[None]:
    """Name the one page, of many, that cannot be made."""
    try:
        yield
    except Problem as problem:
        if problem.status == 422:
            problem.detail = f"Page {page.number}: {problem.detail}"
        raise


@contextmanager
def _turn(by: Asker) -> Iterator[None]:
    with _room().place(by.unit) as found:
        if not found:
            metrics.quota_refused("documents")
            raise not_ready(retry_after=5)
        yield


@per_process
def _room() -> Room:
    return Room(_AT_ONCE, of_one=1)


@contextmanager
def _memory(name: str) -> Iterator[BinaryIO]:
    with os.fdopen(os.memfd_create(name), "w+b") as file:
        yield file


def _too_large() -> Problem:
    most = f"{LIMITS.document_bytes // MIB} MiB"
    detail = f"All pages together are larger than {most}. Download them one by one, or the original files."
    return Problem(422, "document-too-large", "Too large for one PDF", detail)
