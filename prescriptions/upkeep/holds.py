"""Legal holds: while one is set, nobody erases the prescription, no person, no program and no job.

Reasons are codes and file numbers, which the audit log may tell; no words that somebody typed.
"""

from django.db import transaction
from django.utils import timezone

from prescriptions import audit
from prescriptions.audit.actors import Actor
from prescriptions.infra.problems import Problem, erased
from prescriptions.models import REFERENCE, REFERENCE_HELP, HoldReason, Prescription


def put(prescription: Prescription, *, reason: str, reference: str = "", actor: Actor) -> None:
    """Set the hold, or replace its reason. The same one again changes nothing.

    Raises Problem 400 (no such reason, no such reference), 410.
    """
    wrong = {}
    if reason not in HoldReason.values:
        wrong["reason"] = f"One of {', '.join(HoldReason.values)}."
    if reference and not REFERENCE.match(reference):
        wrong["reference"] = REFERENCE_HELP
    if wrong:
        errors = [{"pointer": f"/{name}", "detail": detail} for name, detail in wrong.items()]
        raise Problem(400, "invalid", "The request is not valid", " ".join(wrong.values()), errors=errors)
    hold = f"{reason} {reference}".strip()
    with transaction.atomic():
        rows = Prescription.objects.filter(pk=prescription.pk, erased_at=None)
        if rows.exclude(legal_hold=hold).update(legal_hold=hold, held_since=timezone.now()):
            data = {"reason": reason, "reference": reference}
            audit.record(prescription.pk, audit.Verb.HOLD_SET, actor=actor, data=data)
        elif not rows.exists():
            raise erased()


def lift(prescription: Prescription, *, actor: Actor) -> None:
    """End the hold. Where there is none, nothing happens."""
    with transaction.atomic():
        rows = Prescription.objects.filter(pk=prescription.pk).exclude(legal_hold="")
        if rows.update(legal_hold="", held_since=None):
            audit.record(prescription.pk, audit.Verb.HOLD_LIFTED, actor=actor)


def parts(hold: str) -> tuple[str, str]:
    """Reason and file number of a hold as it is stored. One from before there were codes is all reason."""
    reason, _, reference = hold.partition(" ")
    return (reason, reference) if reason in HoldReason.values else (hold, "")


def words(hold: str) -> str:
    """A hold for people."""
    reason, reference = parts(hold)
    told = str(HoldReason(reason).label) if reason in HoldReason.values else reason
    return f"{told}, {reference}" if reference else told
