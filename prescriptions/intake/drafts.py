"""Drafts: files that a customer sends one by one become one prescription when the order's page is submitted.

Every file passes the checks of intake before it is kept. Nothing of a draft can be reviewed, listed or rendered by
anybody but the holder of the order's link, and what is not submitted within a day is erased like a prescription.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from prescriptions.infra import metrics, storage
from prescriptions.intake import accepting, loose, refusals
from prescriptions.intake.checked import Checked
from prescriptions.intake.order_links import LinkScope, OrderLink
from prescriptions.intake.refusals import refused
from prescriptions.models import Document, Draft, DraftFile, Prescription, new_identifier
from transforms import sandbox
from transforms.errors import TransformError
from transforms.formats import SourceType
from transforms.geometry import Size
from transforms.keys import original_key
from transforms.limits import LIMITS
from transforms.measure.page import Measures
from transforms.render import RenderJob
from transforms.request.presets import preset

log = logging.getLogger("rx.drafts")

_AGAIN: Final = "again-"  # and the earlier document, as the key of its copy
ABANDONED_AFTER = timedelta(days=1)
Taken = Callable[[DraftFile], None]


def files_of(link: OrderLink) -> list[DraftFile]:
    """What waits to be sent, in the chosen order; for a phone, what it has sent there itself."""
    return list(_files(link))


def add(link: OrderLink, file: accepting.Upload, *, key: str = "", taken: Taken = lambda row: None) -> DraftFile:
    """Check one file and keep it. The same `key` with the same bytes gives the same row. `taken` is called with a new
    one, in the transaction that writes it.

    Raises Problem (409, 413, 415, 422) in the customer's words; then neither row nor object is left.
    """
    name, size = accepting.display_name(file.name or ""), file.size or 0
    draft, _created = Draft.objects.get_or_create(**whose(link))
    known = draft.files.filter(key=key).first() if key else None
    if known is not None:
        file.seek(0)
        if hashlib.sha256(file.read()).hexdigest() != known.sha256:
            raise refused("idempotency-key-reused", 422, file=name)
        return known
    with metrics.upload("order"):
        refuse_full(link)
        if draft.files.count() >= LIMITS.order_files:
            raise refused("too-many-files", 422, file=name)
        try:
            with accepting.room():
                checked = accepting.check(file, draft.pk, thumbnail=True)
                loose.announce(draft.pk, [checked.document_id])
                accepting.keep(draft.pk, file, checked)
        except TransformError as error:
            raise refusals.of_transform(error, file=name, size=size) from None
        row = _insert_or_discard(draft.pk, checked, key or new_identifier(), taken, phone=_phone(link))
    log.info("draft file", extra={"rx": draft.pk, "pages": len(checked.pages)})
    return row


def reuse(link: OrderLink, earlier: Prescription) -> None:
    """Put the files of an earlier prescription into the draft: copies, so that each order keeps and erases its own.

    Raises Problem 409, 422, storage.ObjectMissing, storage.StorageUnavailable.
    """
    draft, _created = Draft.objects.get_or_create(**whose(link))
    for document in earlier.documents.prefetch_related("pages__lit", "pages__sheets"):
        key = f"{_AGAIN}{document.pk}"
        if draft.files.filter(key=key).exists():
            continue
        pages = tuple(document.pages.all())
        copy = Checked(
            new_identifier(),
            document.media_type,
            document.size,
            document.sha256,
            document.name,
            tuple(page.size for page in pages),
            tuple(tuple(page.notices) for page in pages),
            tuple(page.measures for page in pages),
        )
        data = storage.get_original(original_key(earlier.pk, document.pk), sha256=document.sha256)
        target = original_key(draft.pk, copy.document_id)
        loose.announce(draft.pk, [copy.document_id])
        storage.put_original(target, data, media_type=copy.media_type, sha256=copy.sha256)
        _insert_or_discard(draft.pk, copy, key)


def reused(link: OrderLink) -> set[str]:
    """Ids of the earlier prescriptions that have a file in the draft."""
    keys = [row.key for row in files_of(link) if row.key.startswith(_AGAIN)]
    documents = Document.objects.filter(pk__in=[key.removeprefix(_AGAIN) for key in keys])
    return set(documents.values_list("prescription", flat=True))


def remove(link: OrderLink, file_id: str) -> None:
    """Forget one file. The row goes first: what a submit took a moment ago must keep its original."""
    row = find(link, file_id)
    if row is None:
        return
    with transaction.atomic():
        if not DraftFile.objects.filter(pk=row.pk).delete()[0]:
            return
        loose.announce(row.draft_id, [row.pk])
    loose.discard(row.draft_id, [row.pk])


def arrange(link: OrderLink, order: Sequence[str]) -> None:
    """Put the files into this order of ids; those that are not named keep their places behind."""
    with transaction.atomic():
        draft = locked(link)
        if draft is not None:
            _number(_sorted(list(draft.files.all()), order))
            _touch(draft.pk)


def move(link: OrderLink, file_id: str, step: int) -> None:
    """Move one file up (-1) or down (+1)."""
    ids = [row.pk for row in files_of(link)]
    if file_id in ids:
        here = ids.index(file_id)
        there = min(max(here + step, 0), len(ids) - 1)
        ids[here], ids[there] = ids[there], ids[here]
        arrange(link, ids)


def thumbnail(link: OrderLink, file_id: str) -> bytes | None:
    """The first page as a small WebP, made at intake: nothing of a draft reaches the variants. None: not there.

    Raises TransformError, storage.ObjectMissing, storage.StorageUnavailable.
    """
    row = find(link, file_id)
    if row is None:
        return None
    if row.thumbnail:
        return bytes(row.thumbnail)
    size = Size(*row.pages[0])  # an earlier prescription's file, which was not looked at again: made once, and kept
    data = storage.get_original(original_key(row.draft_id, row.pk), sha256=row.sha256)
    job = RenderJob(SourceType(row.media_type), 1, preset("thumb", size), size)
    made = sandbox.default().render(data, job, owner=row.draft_id).data
    DraftFile.objects.filter(pk=row.pk).update(thumbnail=made)
    return made


def sweep(limit: int = 20) -> int:
    """Turn abandoned drafts into tombstones, which the erasure empties and proves empty. Returns how many.

    Needs the database only. A file that is on its way in finds the draft gone and is discarded.
    """
    before = timezone.now() - ABANDONED_AFTER
    done = 0
    for draft in Draft.objects.filter(touched_at__lt=before)[:limit]:
        with transaction.atomic():
            gone = Draft.objects.filter(pk=draft.pk, touched_at__lt=before).delete()[0]
            if gone:
                Prescription.objects.create(id=draft.pk, client=draft.client, erased_at=timezone.now())
        if gone:
            done += 1
            log.info("draft abandoned", extra={"rx": draft.pk})
    return done


def _insert_or_discard(
    draft_id: str, item: Checked, key: str, taken: Taken = lambda row: None, *, phone: str = ""
) -> DraftFile:
    row = None
    try:
        row = _insert(draft_id, item, key, taken, phone)
    finally:
        if row is None or row.pk != item.document_id:
            loose.discard(draft_id, [item.document_id])
    return row


def _insert(draft_id: str, item: Checked, key: str, taken: Taken, phone: str) -> DraftFile:
    """The new row, or the one that a parallel try with the same key has made. Raises Problem 409, 422."""
    with transaction.atomic():
        draft = Draft.objects.select_for_update().filter(pk=draft_id).first()
        if draft is None:
            raise refused("draft-closed", 409, file=item.name)
        rows = list(draft.files.all())
        same = next((row for row in rows if row.key == key), None)
        if same is not None:
            if same.sha256 != item.sha256:
                raise refused("idempotency-key-reused", 422, file=item.name)
            return same
        if len(rows) >= LIMITS.order_files:
            raise refused("too-many-files", 422, file=item.name)
        if sum(len(row.pages) for row in rows) + len(item.pages) > LIMITS.pdf_pages:
            raise refused("too-many-pages", 422, file=item.name)
        _touch(draft_id)
        loose.settle([item.document_id])
        row = DraftFile.objects.create(
            id=item.document_id,
            draft=draft,
            key=key,
            position=max((row.position for row in rows), default=0) + 1,
            media_type=item.media_type,
            size=item.size,
            sha256=item.sha256,
            name=item.name,
            pages=[[page.width, page.height] for page in item.pages],
            notices=[list(codes) for codes in item.notices],
            measures=[found and found.as_fields() for found in item.measures],
            thumbnail=item.thumbnail or None,
            phone=phone,
        )
        taken(row)
        return row


def refuse_full(link: OrderLink) -> None:
    """Raises Problem 429 `order-full`. Counted in the database, not in Redis: the rows are there, whoever submits holds
    the draft's lock, and nobody can be told that nobody knows.
    """
    since = timezone.now() - timedelta(days=1)
    sent = Prescription.objects.filter(client=link.client, order_ref=link.order_ref, created_at__gt=since)
    if sent.count() >= settings.RX_ORDER_UPLOADS:
        metrics.quota_refused("order-day")
        raise refusals.order_full()


def find(link: OrderLink, file_id: str) -> DraftFile | None:
    """A file that waits to be sent, if it is there for this link."""
    return _files(link).filter(pk=file_id).first()


def locked(link: OrderLink) -> Draft | None:
    return Draft.objects.select_for_update().filter(**whose(link)).first()


def whose(link: OrderLink) -> dict[str, Any]:
    """An order has one draft, which all links that show it share. One that only uploads has its own: what it neither
    sees nor sent it must not remove, reorder or send. A phone sends into the draft of the link that it was given by.
    """
    own = "" if link.shows else link.parent_draft if link.scope == LinkScope.PHONE else link.id
    return {"client": link.client, "order_ref": link.order_ref, "link": own}


def _files(link: OrderLink) -> QuerySet[DraftFile]:
    rows = DraftFile.objects.filter(draft__in=Draft.objects.filter(**whose(link)))
    return rows.filter(phone=link.id) if link.scope == LinkScope.PHONE else rows


def _phone(link: OrderLink) -> str:
    return link.id if link.scope == LinkScope.PHONE else ""


def _touch(draft_id: str) -> None:
    Draft.objects.filter(pk=draft_id).update(touched_at=timezone.now())


def _sorted(rows: list[DraftFile], order: Sequence[str]) -> list[DraftFile]:
    places = {file_id: place for place, file_id in enumerate(order)}
    return sorted(rows, key=lambda row: places.get(row.pk, len(places)))


def _number(rows: list[DraftFile]) -> None:
    for position, row in enumerate(rows, 1):
        row.position = position
    DraftFile.objects.bulk_update(rows, ["position"])


def checked_of(row: DraftFile) -> Checked:
    pages = tuple(Size(*page) for page in row.pages)
    # A file that was added before there were notices (or measures) has none.
    notices = tuple(map(tuple, row.notices)) or ((),) * len(pages)
    measures = tuple(found and Measures.of_fields(found) for found in row.measures) or (None,) * len(pages)
    return Checked(row.pk, row.media_type, row.size, row.sha256, row.name, pages, notices, measures)
