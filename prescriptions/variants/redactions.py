"""Redactions: which boxes are burnt out of a page for redacted links, and what happens to older versions.

A digest of the boxes names the variants, so a new redaction is a new address; the objects of older ones are deleted.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from prescriptions import audit
from prescriptions.audit.actors import Actor
from prescriptions.infra import storage
from prescriptions.infra.problems import Problem
from prescriptions.models import Image, Page, Redaction, Variant
from prescriptions.models.finding import find_page, hold_page
from transforms import redaction
from transforms.errors import RedactionMissing
from transforms.geometry import Box
from transforms.keys import page_prefixes
from transforms.limits import LIMITS
from transforms.request.size import Oversize
from transforms.request.spec import Spec, Stored

log = logging.getLogger("rx.redactions")

_PREFIX = redaction.PREFIX
_BATCH = 50


def confirm(rx: str, number: int, boxes: Sequence[Sequence[int]], *, actor: Actor) -> Redaction:
    """Burn these boxes ([x, y, width, height], upright pixels of the page) out of the page from now on.

    Links that may show only the redacted page lead to the new version at once. Raises Problem: 403, 404, 410, 422.
    """
    if not actor.may("redact_page"):
        raise Problem(403, "forbidden", _("Not allowed"), _("Your role does not allow this."))
    page = find_page(rx, number)
    checked = _check(boxes, page)
    digest, now = digest_of(page, checked), timezone.now()
    with transaction.atomic():
        hold_page(page)
        current = Redaction.objects.filter(page=page, superseded_at=None).first()
        if current is not None and current.digest == digest:
            return current
        Redaction.objects.filter(page=page, superseded_at=None).update(superseded_at=now)
        made = Redaction.objects.create(
            page=page, boxes=checked, digest=digest, confirmed_by=actor.user, confirmed_at=now
        )
        # Rows left over from the last time these very boxes counted.
        Variant.objects.filter(page=page, stored__contains=f"/{_PREFIX}{digest}.").delete()
        data = {"page": number, "digest": digest, "boxes": len(checked)}
        audit.record(rx, audit.Verb.REDACTED, actor=actor, data=data)
        transaction.on_commit(lambda: clear_superseded(page), robust=True)
    return made


def uncovers(rx: str, number: int, boxes: Sequence[Sequence[int]]) -> bool:
    """Would these boxes leave open some of what is blacked out now? Each must still lie within one of them.

    Raises Problem as `confirm` does.
    """
    page = find_page(rx, number)
    current = Redaction.objects.filter(page=page, superseded_at=None).first()
    if current is None:
        return False
    checked = _check(boxes, page)
    return not all(any(_holds(outer, inner) for outer in checked) for inner in current.boxes)


def _holds(outer: Sequence[int], inner: Sequence[int]) -> bool:
    return all(
        outer[side] <= inner[side] and inner[side] + inner[side + 2] <= outer[side] + outer[side + 2] for side in (0, 1)
    )


def digest_of(page: Page, boxes: Sequence[Sequence[int]]) -> str:
    """8 hex digits over page and boxes; their order does not matter."""
    return redaction.digest(page.identifier, [Box(*box) for box in boxes])


def current_digest(page: Page) -> str | None:
    """The digest that counts now; None where nobody has confirmed a redaction."""
    return Redaction.objects.filter(page=page, superseded_at=None).values_list("digest", flat=True).first()


def resolve(spec: Spec, image: Image, *, only_redacted: bool = False) -> Stored:
    """The stored form of a request, with `redacted` as the digest that counts.

    `only_redacted`: `default` means the redacted page, too (links of scope `r`). Raises SpecError, RedactionMissing
    (404: the clear page is no substitute), Problem 410 for the digest of an older redaction.
    """
    # Of `!w,h` larger than the page the specification says "fit", and its validators "reject".
    oversize: Oversize = "reject" if settings.RX_IIIF_OVERSIZE == "reject" else "fit"
    if only_redacted and spec.quality == "default":
        spec = replace(spec, quality="redacted")
    if not spec.quality.startswith("redacted"):
        return spec.resolve(image.size, oversize=oversize)
    page = image.page  # a sheet has the redaction of its page
    digest = current_digest(page)
    stored = spec.resolve(image.size, oversize=oversize, redaction=digest)
    asked = stored.quality.removeprefix(_PREFIX)
    if asked == digest:
        return stored
    if Redaction.objects.filter(page=page, digest=asked).exists():
        raise Problem(
            410,
            "redaction-superseded",
            "This redaction was replaced",
            "Request the quality `redacted` to get the current one.",
        )
    raise RedactionMissing


def boxes_of(page: Page, stored: Stored) -> tuple[Box, ...]:
    """What the renderer must burn out; empty for clear qualities. Raises RedactionMissing unless it still counts."""
    if not stored.quality.startswith(_PREFIX):
        return ()
    digest = stored.quality.removeprefix(_PREFIX)
    row = Redaction.objects.filter(page=page, digest=digest, superseded_at=None).first()
    if row is None:
        raise RedactionMissing
    return tuple(Box(*box) for box in row.boxes)


def is_superseded(page: Page, stored: str) -> bool:
    """Was this stored form redacted in a way that no longer counts? Asked after a put that took a while."""
    digest = _digest_in(stored)
    return bool(digest) and digest != current_digest(page)


def clear_superseded(page: Page) -> bool:
    """Delete the objects and rows of all redactions of this page that no longer count; True when none is left."""
    current = current_digest(page)
    due = list(Redaction.objects.filter(page=page, superseded_at__isnull=False, cleared_at=None))
    try:
        _delete_variants(page, {row.digest for row in due} - {current})
    except storage.StorageUnavailable:
        log.warning("superseded redactions are still stored", extra={"rx": page.prescription_id, "page": page.number})
        return False  # the sweep will come back
    Redaction.objects.filter(pk__in=[row.pk for row in due]).update(cleared_at=timezone.now())
    return True


def sweep() -> int:
    """Finish what `clear_superseded` could not; returns how many pages are clear now. For the beat."""
    due = Redaction.objects.filter(superseded_at__isnull=False, cleared_at=None).order_by("superseded_at")
    pages = {row.page_id: row.page for row in due.select_related("page__prescription")[:_BATCH]}
    return sum(clear_superseded(page) for page in pages.values())


def _delete_variants(page: Page, digests: set[str]) -> None:
    """What S3 has of them goes, whether or not a row tells of it: a link finds the object by its key."""
    if not digests:
        return
    for prefix in page_prefixes(page.prescription_id, page.number):
        for listed in storage.list_objects(settings.RX_VARIANTS_BUCKET, prefix):
            if _digest_in(listed.key) in digests:
                storage.delete_variant(listed.key)
    for digest in digests:
        Variant.objects.filter(page=page, stored__contains=f"/{_PREFIX}{digest}.").delete()


def _digest_in(stored: str) -> str:
    """Of the redaction that a stored form or a key names; empty where it names none."""
    _path, separator, file = stored.rpartition(f"/{_PREFIX}")
    return file.split(".")[0] if separator else ""


def _check(boxes: Sequence[Sequence[int]], page: Page) -> list[list[int]]:
    """Boxes inside the page, none of them empty, each once."""
    checked = []
    for box in boxes if isinstance(boxes, list | tuple) else ():
        whole = isinstance(box, list | tuple) and len(box) == 4 and all(type(value) is int for value in box)
        if not whole:
            raise _invalid(_("Each box is [x, y, width, height] in whole pixels."))
        x, y, width, height = box
        if x < 0 or y < 0 or width < 1 or height < 1 or x + width > page.width or y + height > page.height:
            size = {"width": page.width, "height": page.height}
            raise _invalid(_("A box must lie inside the page of %(width)d x %(height)d pixels.") % size)
        checked.append([x, y, width, height])
    unique = sorted({tuple(box) for box in checked})
    if not 1 <= len(unique) <= LIMITS.redactions:
        raise _invalid(_("Draw 1 to %(most)d boxes.") % {"most": LIMITS.redactions})
    return [list(box) for box in unique]


def _invalid(detail: str) -> Problem:
    errors = [{"pointer": "/boxes", "detail": detail}]
    return Problem(422, "invalid", _("The request is not valid"), detail, errors=errors)
