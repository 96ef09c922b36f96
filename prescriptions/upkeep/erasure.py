"""Erasure: tombstone first, then every version of every object, then proof. Nothing can come back.

A render that was under way sees the tombstone before and after its put and deletes what it stored; the sweep looks
again once every lease has run out, and only an empty listing counts as done. The ledger has it by then, so that a
restored database forgets it again (`replaying`).
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from prescriptions import audit
from prescriptions.audit.actors import SYSTEM, Actor
from prescriptions.infra import storage
from prescriptions.infra.database import agreed
from prescriptions.infra.database.rounds import Rounds
from prescriptions.infra.per_process import per_process
from prescriptions.infra.problems import Problem, erased
from prescriptions.intake.tus import uploads
from prescriptions.models import (
    Document,
    ErasureRequest,
    OverrideReason,
    Page,
    Prescription,
    Variant,
    retention_of,
    write_down,
)
from prescriptions.review import opening, orders, replays
from prescriptions.review.desk import prescribers
from prescriptions.upkeep import holds, ledger, remains
from prescriptions.variants import claims
from prescriptions.variants.documents import stored_pdf
from prescriptions.variants.links import lent
from transforms.keys import prefix

log = logging.getLogger("rx.erasure")


@dataclass(frozen=True, slots=True)
class Override:
    """Why it is erased before its time is over, and under which file number. Both are told to the audit log."""

    reason: OverrideReason
    reference: str = ""


def settled_after() -> timedelta:
    """After the tombstone no claim starts; what had started is over when its lease and one call to S3 are."""
    return claims.lease() + timedelta(seconds=settings.RX_ERASURE_SETTLE)


def erase(
    prescription: Prescription,
    *,
    actor: Actor = SYSTEM,
    override: Override | None = None,
    told: Mapping[str, Any] | None = None,
) -> None:
    """Erase a prescription. `override` ends its retention, never a hold; `told`: codes for the audit log.

    Raises Problem 409 (kept by law or hold; links are cut), 410 (somebody was faster), StorageUnavailable (tombstone
    set, sweep goes on).
    """
    lent.cut(prescription.pk, agreed.now())
    write_down(prescription)
    if reason := kept_because(prescription, override):
        _forget_variants(prescription.pk)
        raise _kept(reason)
    data = dict(told or {})
    if override is not None and kept_because(prescription):
        data |= {"override": override.reason.value, "reference": override.reference}
        data |= {"kept_until": retention_of(prescription).keep_until.isoformat()}
    if not bury(prescription.pk, _not_kept(timezone.localdate(), override), actor=actor, data=data):
        # A hold was set, or it was erased, since it was read.
        now_kept = Prescription.objects.get(pk=prescription.pk)
        raise erased() if now_kept.erased_at else _kept(kept_because(now_kept, override))
    purge(prescription.pk)


def bury(rx: str, condition: Q, *, actor: Actor, data: Mapping[str, Any]) -> bool:
    """The tombstone, and all rows that tell of it, in one transaction. False: it does not meet the condition (any
    more), and nothing is done.
    """
    with transaction.atomic():
        order = orders.hold_for(rx)
        whose = Prescription.objects.filter(pk=rx).values("client", "patient_ref", "order_ref").first()
        if whose is None or not Prescription.objects.filter(condition, pk=rx, erased_at=None).update(
            erased_at=agreed.now(), patient_ref="", order_ref="", legal_hold="", held_since=None
        ):
            return False
        opening.close_for_erasure(rx)
        if order:
            orders.forget(order)
        replays.forget(rx)
        replays.forget_of(**whose)
        ErasureRequest.objects.filter(pk=rx).delete()
        audit.record(rx, audit.Verb.ERASED, actor=actor, data=data)
    log.info("tombstone", extra={"rx": rx})
    return True


def kept_because(prescription: Prescription, override: Override | None = None) -> str:
    """Why it may not be erased now, as a sentence; empty when it may. An override ends the retention, and no hold."""
    if prescription.legal_hold:
        return _("It is under a legal hold: %(why)s.") % {"why": holds.words(prescription.legal_hold)}
    until = retention_of(prescription).keep_until
    if override is None and until > timezone.localdate():
        return _("It must be kept until %(date)s.") % {"date": f"{until:%d %B %Y}"}
    return ""


def _kept(reason: str) -> Problem:
    links = _("The customer's links no longer work.")
    return Problem(409, "kept", _("This prescription must be kept"), f"{reason} {links}")


def purge(rx: str) -> bool:
    """Delete all objects and rows of an erased prescription; True when S3 is proved empty for good. Idempotent.

    Of one that is not erased nothing is deleted. Raises storage.StorageUnavailable; the sweep will come back.
    """
    tombstone = Prescription.objects.filter(pk=rx, erased_at__isnull=False).first()
    if tombstone is None:
        return False
    if tombstone.noted_at is None:
        ledger.note(rx)
    deleted = sum(
        storage.delete_everything(bucket, prefix(rx))
        for bucket in (settings.RX_VARIANTS_BUCKET, settings.RX_ORIGINALS_BUCKET)
    )
    Variant.objects.filter(page__prescription=rx).delete()
    Page.objects.filter(prescription=rx).delete()
    Document.objects.filter(prescription=rx).delete()
    stored_pdf.forget(rx)
    uploads.forget(rx)
    replays.forget(rx)  # again: an answer that was under way at the tombstone may have been kept since
    remains.forget_likeness(rx)
    prescribers.forget(rx)  # again: a release that does not know them may have set the tombstone
    settled = Prescription.objects.filter(pk=rx, purged_at=None, erased_at__lte=agreed.now() - settled_after())
    proved = bool(deleted == 0 and settled.update(purged_at=agreed.now()))
    log.info("purged", extra={"rx": rx, "deleted": deleted, "proved_empty": proved})
    return proved


def sweep(limit: int = 20) -> int:
    """Look again at erased prescriptions that are not proved empty; returns how many are proved now.

    Raises storage.StorageUnavailable; the next one goes on behind that prescription.
    """
    due = Prescription.objects.filter(purged_at=None, erased_at__lte=agreed.now() - settled_after()).only("erased_at")
    proved = sum(purge(row.pk) or purge(row.pk) for row in _rounds().next(due, limit))
    remains.wipe()
    _note_older(limit)
    return proved


@per_process
def _rounds() -> Rounds:
    return Rounds("erased_at")


def _note_older(limit: int) -> None:
    """What was erased before there was a ledger, or while its bucket was away."""
    due = Prescription.objects.filter(noted_at=None, erased_at__lte=agreed.now() - settled_after())
    for rx in due.order_by("erased_at").values_list("pk", flat=True)[:limit]:
        ledger.note(rx)


def _not_kept(today: date, override: Override | None) -> Q:
    over = Q(retain_until=None) | Q(retain_until__lte=today)
    return Q(legal_hold="") & (Q() if override else over)


def _forget_variants(rx: str) -> None:
    """What the edge could still serve to an old link; it will be made again for those who may see it."""
    stored_pdf.forget(rx)
    storage.delete_everything(settings.RX_VARIANTS_BUCKET, prefix(rx))
    Variant.objects.filter(page__prescription=rx).delete()
