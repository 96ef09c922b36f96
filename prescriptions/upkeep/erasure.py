"""Erasure: tombstone first, then every version of every object, then proof. Nothing can come back.

A render that was under way sees the tombstone before and after its put and deletes what it stored; the sweep looks
again once every lease has run out, and only an empty listing counts as done.
"""

import logging
from datetime import date, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from prescriptions import audit
from prescriptions.audit.actors import SYSTEM, Actor
from prescriptions.infra import storage
from prescriptions.infra.per_process import per_process
from prescriptions.infra.problems import Problem
from prescriptions.infra.rounds import Rounds
from prescriptions.models import Document, Page, Prescription, Variant
from prescriptions.review import opening, replays
from prescriptions.variants import claims
from transforms.keys import prefix

log = logging.getLogger("rx.erasure")


def settled_after() -> timedelta:
    """After the tombstone no claim starts; what had started is over when its lease and one call to S3 are."""
    return claims.lease() + timedelta(seconds=settings.RX_ERASURE_SETTLE)


def erase(prescription: Prescription, *, actor: Actor = SYSTEM) -> None:
    """Erase a prescription.

    Raises Problem 409 (kept by law or hold; links are cut), 503 (tombstone set, sweep goes on).
    """
    now = timezone.now()
    Prescription.objects.filter(pk=prescription.pk, links_cut_at=None).update(links_cut_at=now)
    if reason := kept_because(prescription):
        _forget_variants(prescription.pk)
        raise Problem(409, "kept", "This prescription must be kept", f"{reason} The customer's links no longer work.")
    with transaction.atomic():
        set_now = Prescription.objects.filter(_not_kept(now.date()), pk=prescription.pk, erased_at=None).update(
            erased_at=now, patient_ref="", order_ref=""
        )
        if set_now:
            opening.close_for_erasure(prescription.pk)
            replays.forget(prescription.pk)
            audit.record(prescription.pk, audit.Verb.ERASED, actor=actor)
    if set_now:
        log.info("tombstone", extra={"rx": prescription.pk})
    purge(prescription.pk)


def kept_because(prescription: Prescription) -> str:
    """Why it may not be erased now, as a sentence; empty when it may."""
    if prescription.legal_hold:
        return f"It is under a legal hold: {prescription.legal_hold}."
    if prescription.retain_until and prescription.retain_until > timezone.now().date():
        return f"It must be kept until {prescription.retain_until:%d %B %Y}."
    return ""


def purge(rx: str) -> bool:
    """Delete all objects and rows of an erased prescription; True when S3 is proved empty for good. Idempotent.

    Raises storage.StorageUnavailable; the sweep will come back.
    """
    deleted = sum(
        storage.delete_everything(bucket, prefix(rx))
        for bucket in (settings.RX_VARIANTS_BUCKET, settings.RX_ORIGINALS_BUCKET)
    )
    Variant.objects.filter(page__prescription=rx).delete()
    Page.objects.filter(prescription=rx).delete()
    Document.objects.filter(prescription=rx).delete()
    settled = Prescription.objects.filter(pk=rx, purged_at=None, erased_at__lte=timezone.now() - settled_after())
    proved = bool(deleted == 0 and settled.update(purged_at=timezone.now()))
    log.info("purged", extra={"rx": rx, "deleted": deleted, "proved_empty": proved})
    return proved


def sweep(limit: int = 20) -> int:
    """Look again at erased prescriptions that are not proved empty; returns how many are proved now.

    Raises storage.StorageUnavailable; the next one goes on behind that prescription.
    """
    due = Prescription.objects.filter(purged_at=None, erased_at__lte=timezone.now() - settled_after()).only("erased_at")
    return sum(purge(row.pk) or purge(row.pk) for row in _rounds().next(due, limit))


@per_process
def _rounds() -> Rounds:
    return Rounds("erased_at")


def _not_kept(today: date) -> Q:
    return Q(legal_hold="") & (Q(retain_until=None) | Q(retain_until__lte=today))


def _forget_variants(rx: str) -> None:
    """What the edge could still serve to an old link; it will be made again for those who may see it."""
    storage.delete_everything(settings.RX_VARIANTS_BUCKET, prefix(rx))
    Variant.objects.filter(page__prescription=rx).delete()
