"""What every miss asks of the database: statements that are written once (`infra.database.prepared`)."""

from datetime import datetime
from typing import Any

from django.db.models import Exists, F, OuterRef, QuerySet

from prescriptions.infra.database import prepared
from prescriptions.infra.database.prepared import Change
from prescriptions.models import Page, Prescription, Variant, VariantState

OPEN = (VariantState.QUEUED, VariantState.RENDERING, VariantState.RETRY)


def not_erased() -> Exists:
    """Never a join: it would move all conditions into a subquery, which PostgreSQL does not look at again after it has
    waited for the row, and a claim would have two winners."""
    return Exists(Page.objects.filter(pk=OuterRef("page"), prescription__erased_at=None))


# --- Asked for --------------------------------------------------------------------------------------------------------
@prepared.rows
def of_image(page: int, sheet: str, stored: str, pipeline: str) -> QuerySet[Variant]:
    """The variant of this form, of a page or of the sheet in it; there is at most one."""
    return Variant.objects.filter(page=page, sheet=sheet, stored=stored, pipeline=pipeline).order_by()


@prepared.rows
def by_id(variant_id: str) -> QuerySet[Variant]:
    return Variant.objects.filter(pk=variant_id).order_by()


@prepared.count
def other_sizes(page: int) -> QuerySet[Variant]:
    """Variants of a page that nobody advertised."""
    return Variant.objects.filter(page=page, advertised=False)


@prepared.count
def open_in(lane: str) -> QuerySet[Variant]:
    """Variants that are queued or under way in a lane."""
    return Variant.objects.filter(state__in=OPEN, lane=lane)


@prepared.rows
def earliest() -> QuerySet[Variant]:
    """Of all that is queued or under way, the one whose lease or pause ends first; none at rest."""
    return Variant.objects.filter(state__in=OPEN).order_by("lease_until")[:1]


# --- Made -------------------------------------------------------------------------------------------------------------
@prepared.update
def begin(variant_id: str, owner: str, pipeline: str, attempts: int, lease_until: datetime) -> Change[Variant]:
    """A queued claim of this owner, begun less than `attempts` times, is under way in a process of this release."""
    queued = Variant.objects.filter(
        not_erased(),
        pk=variant_id,
        owner=owner,
        pipeline=pipeline,
        state=VariantState.QUEUED,
        attempts__lt=attempts,
    )
    values = {"state": VariantState.RENDERING, "attempts": F("attempts") + 1, "lease_until": lease_until}
    return Change(queued, values)


@prepared.rows
def to_make(variant_id: str) -> QuerySet[Variant]:
    """With its page, prescription and document."""
    return Variant.objects.select_related("page__prescription", "page__document").filter(pk=variant_id).order_by()


@prepared.rows
def alive(rx: str) -> QuerySet[Prescription]:
    """The prescription, unless it was erased."""
    return Prescription.objects.filter(pk=rx, erased_at=None).order_by()


@prepared.update
def finish(
    variant_id: str,
    owner: str,
    size: int,
    width: int,
    height: int,
    etag: str,
    cost_usd: float | None,
    milliseconds: float,
    timings: dict[str, Any],
    ready_at: datetime,
) -> Change[Variant]:
    """The variant is ready, if it is still this owner's."""
    held = Variant.objects.filter(pk=variant_id, owner=owner, state=VariantState.RENDERING)
    values = {
        "state": VariantState.READY,
        "size": size,
        "width": width,
        "height": height,
        "etag": etag,
        "cost_usd": cost_usd,
        "milliseconds": milliseconds,
        "timings": timings,
        "ready_at": ready_at,
        "error_code": "",
        "error_detail": "",
    }
    return Change(held, values)
