"""What reviewers do to a page besides deciding: open it, turn it. Addresses change; no stored variant is touched."""

from django.db import transaction
from django.utils.translation import gettext as _

from prescriptions import audit
from prescriptions.audit.actors import Actor
from prescriptions.infra.database import agreed
from prescriptions.infra.problems import Problem, not_found
from prescriptions.models import Page, Prescription, Redaction
from prescriptions.review.transitions import load

_QUARTER_TURNS = (0, 90, 180, 270)


def opened(rx: str, number: int, *, actor: Actor) -> None:
    """Somebody is looking at a page. Raises Problem 404, 410."""
    load(rx)
    if not Page.objects.filter(prescription_id=rx, number=number).exists():
        raise not_found()
    audit.looked(rx, audit.Verb.PAGE_OPENED, actor=actor, data={"page": number})


def uncovered(rx: str, number: int, *, actor: Actor) -> None:
    """Somebody lifts the confirmed boxes off a page, on their own screen. Raises Problem 404 (also where nothing is
    blacked out), 410.
    """
    load(rx)
    page = Page.objects.filter(prescription_id=rx, number=number)
    if not Redaction.objects.filter(page__in=page, superseded_at=None).exclude(boxes=[]).exists():
        raise not_found()
    audit.looked(rx, audit.Verb.UNCOVERED, actor=actor, data={"page": number})


def rotate(rx: str, number: int, degrees: int, *, actor: Actor) -> Page:
    """Set which way is up, clockwise, for every URL that we give out from now on. Raises Problem 403, 404, 410, 422."""
    if not actor.may("claim_review"):
        raise Problem(403, "forbidden", _("Not allowed"), _("Your role does not allow this."))
    if degrees not in _QUARTER_TURNS:
        raise Problem(422, "invalid", _("The request is not valid"), _("Allowed are 0, 90, 180 and 270 degrees."))
    load(rx)
    with transaction.atomic():
        changed = Page.objects.filter(prescription_id=rx, number=number).exclude(rotation=degrees)
        if changed.update(rotation=degrees):
            data = {"page": number, "rotation": degrees}
            audit.record(rx, audit.Verb.PAGE_ROTATED, actor=actor, data=data)
            Prescription.objects.filter(pk=rx).update(updated_at=agreed.now())
    page = Page.objects.filter(prescription_id=rx, number=number).first()
    if page is None:
        raise not_found()
    return page
