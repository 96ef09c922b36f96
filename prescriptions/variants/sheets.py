"""Sheets: which one of a page counts, and what happens to older ones.

A digest of the corners names the variants, so other corners are another address; the objects of older ones are deleted.
"""

import logging
from collections.abc import Sequence

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from prescriptions import audit
from prescriptions.audit.actors import Actor
from prescriptions.infra import storage
from prescriptions.infra.database import agreed
from prescriptions.infra.problems import Problem, not_found
from prescriptions.models import Image, Page, Prescription, Sheet, SheetSource, Variant
from prescriptions.models.finding import find_page, hold_page
from transforms.errors import SheetMissing
from transforms.keys import sheet_prefix
from transforms.request.paper import CornersRefused, Paper, Wrong

log = logging.getLogger("rx.sheets")

_BATCH = 50


def find_image(rx: str, number: int, sheet: str | None = None) -> Image:
    """The page, or the sheet in it with this digest; with an empty one the sheet that counts now. Its prescription and
    document are at hand. Raises Problem 404, 410 (also of a sheet that counts no more), SheetMissing (404).
    """
    page = find_page(rx, number)
    return page if sheet is None else sheet_of(page, sheet)


def sheet_of(page: Page, digest: str = "") -> Sheet:
    """As `find_image`, of a page at hand."""
    standing = Sheet.objects.filter(page=page, retired_at=None, proposed=False).first()
    if standing is not None and digest in ("", standing.digest):
        standing.page = page
        return standing
    if not digest:
        raise SheetMissing
    if Sheet.objects.filter(page=page, digest=digest, retired_at__isnull=False).exists():
        raise Problem(
            410,
            "sheet-superseded",
            "This sheet was replaced",
            "Its corners were set anew, or it was said to be none. "
            "Request the page's identifier followed by `s` to get the current one.",
        )
    raise not_found()


def known(page: Page, digest: str) -> Image | None:
    """The page itself without a digest; else the sheet in it that has or had this name."""
    if not digest:
        return page
    row = Sheet.objects.filter(page=page, digest=digest).first()
    if row is not None:
        row.page = page
    return row


def set_corners(rx: str, number: int, corners: Sequence[Sequence[float]], *, actor: Actor) -> Sheet:
    """The paper lies here, for everybody, from now on: [x, y] in upright pixels of the page, clockwise from its own top
    left. What was proposed is taken up by its very corners. Raises Problem 403, 404, 410, 422.
    """
    check_actor(actor)
    page = find_page(rx, number)
    paper = _paper(corners, page)
    with transaction.atomic():
        hold_page(page)
        standing = Sheet.objects.filter(page=page, retired_at=None).first()
        if standing is not None and standing.digest == paper.digest:
            if not standing.proposed:
                standing.page = page
                return standing
            made = standing
            made.proposed, made.source, made.set_by = False, SheetSource.PERSON, actor.user
            made.save(update_fields=["proposed", "source", "set_by"])
        else:
            _retire(page)
            # Rows left over from the last time these very corners counted. Objects without one are the same pictures;
            # whatever ends them lists what there is.
            Variant.objects.filter(page=page, sheet=paper.digest).delete()
            made = Sheet.of(page, paper, source=SheetSource.PERSON)
            made.set_by = actor.user
            made.save()
        _told(page, audit.Verb.SHEET_SET, actor, sheet=paper.digest)
    made.page = page
    return made


def refuse(rx: str, number: int, *, actor: Actor) -> None:
    """There is no sheet in it, for everybody, from now on. Raises Problem 403, 404, 410."""
    check_actor(actor)
    page = find_page(rx, number)
    with transaction.atomic():
        hold_page(page)
        if _retire(page):
            _told(page, audit.Verb.SHEET_REFUSED, actor)


def paper_of(page: Page, digest: str) -> tuple[Paper, bytes]:
    """What a renderer needs to know of a sheet: where it lies, and its light. Raises SheetMissing unless it counts."""
    row = Sheet.objects.defer(None).filter(page=page, digest=digest, retired_at=None, proposed=False).first()
    if row is None:
        raise SheetMissing
    return row.paper, bytes(row.light)


def is_retired(page: Page, digest: str) -> bool:
    """Does the sheet with this digest, if one, count no more? Asked after a put that took a while."""
    return bool(digest) and not Sheet.objects.filter(page=page, digest=digest, retired_at=None).exists()


def clear_retired(page: Page) -> bool:
    """Delete the objects and rows of all sheets of this page that no longer count; True when none is left."""
    standing = Sheet.objects.filter(page=page, retired_at=None).values_list("digest", flat=True).first()
    try:
        for row in Sheet.objects.filter(page=page, retired_at__isnull=False, cleared_at=None):
            if row.digest != standing:
                _delete_variants(page, row.digest)
            Sheet.objects.filter(pk=row.pk).update(cleared_at=timezone.now())
    except storage.StorageUnavailable:
        log.warning("retired sheets are still stored", extra={"rx": page.prescription_id, "page": page.number})
        return False  # the sweep will come back
    return True


def sweep() -> int:
    """Finish what `clear_retired` could not; returns how many pages are clear now. For the beat."""
    due = Sheet.objects.filter(retired_at__isnull=False, cleared_at=None).order_by("retired_at")
    pages = {row.page_id: row.page for row in due.select_related("page__prescription")[:_BATCH]}
    return sum(clear_retired(page) for page in pages.values())


def check_actor(actor: Actor) -> None:
    """Raises Problem 403 unless they may set and refuse sheets."""
    if not actor.may("claim_review"):
        raise Problem(403, "forbidden", _("Not allowed"), _("Your role does not allow this."))


def _retire(page: Page) -> bool:
    done = Sheet.objects.filter(page=page, retired_at=None).update(retired_at=timezone.now())
    if done:
        transaction.on_commit(lambda: clear_retired(page), robust=True)
    return bool(done)


def _told(page: Page, verb: audit.Verb, actor: Actor, **more: str) -> None:
    audit.record(page.prescription_id, verb, actor=actor, data={"page": page.number, **more})
    Prescription.objects.filter(pk=page.prescription_id).update(updated_at=agreed.now())


def _delete_variants(page: Page, digest: str) -> None:
    """What S3 has of it goes, whether or not a row tells of it: a link finds the object by its key."""
    prefix = sheet_prefix(page.prescription_id, page.number, digest)
    storage.delete_everything(settings.RX_VARIANTS_BUCKET, prefix)
    Variant.objects.filter(page=page, sheet=digest).delete()


def _paper(corners: Sequence[Sequence[float]], page: Page) -> Paper:
    try:
        return Paper.of(corners, page.size)
    except CornersRefused as refused:
        detail = {
            Wrong.POINTS: _("Send four corners, each [x, y] in pixels of the page."),
            Wrong.OUTSIDE: _("A corner may lie outside the page by a tenth of its longer side at most."),
            Wrong.CROSSED: _("The corners must go clockwise around the sheet, from its own top left."),
            Wrong.SMALL: _("Each side of the sheet must be at least 32 pixels long."),
            Wrong.STEEP: _("No sheet looks like that in a photo: one corner is too sharp, or much too far away."),
        }[refused.why]
    errors = [{"pointer": "/corners", "detail": detail}]
    raise Problem(422, "invalid", _("The request is not valid"), detail, errors=errors)
