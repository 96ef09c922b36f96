"""All prescriptions of one patient or one order: found for an erasure or an export, and erased, so many at a time."""

from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from prescriptions.audit.actors import Actor
from prescriptions.infra.problems import Problem, not_found
from prescriptions.intake.tus import uploads
from prescriptions.models import REFERENCE, REFERENCE_HELP, Draft, Prescription
from prescriptions.review import orders, replays
from prescriptions.upkeep import erasure, four_eyes
from prescriptions.upkeep.erasure import Override

# Each is emptied before the next, so that none is served any more when the answer is given.
AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class Whose:
    """A patient's reference or an order's, and whose client's: two clients may use the same one."""

    by: str  # patient_ref or order_ref
    reference: str
    client: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one: `erased`, `waiting` (for a second person) or `kept`, and why."""

    rx: str
    status: str
    detail: str = ""


def find(rows: QuerySet[Prescription], whose: Whose) -> QuerySet[Prescription]:
    """Those of `rows`, which the caller may see, newest first.

    Raises Problem 400 (no reference, or one that several clients use), 404.
    """
    if whose.by not in ("patient_ref", "order_ref") or not REFERENCE.match(whose.reference):
        raise _invalid(whose.by, REFERENCE_HELP)
    found = rows.filter(**{whose.by: whose.reference}, erased_at=None)
    if whose.client:
        found = found.filter(client=whose.client)
    clients = sorted(set(found.order_by().values_list("client", flat=True)))
    if not clients:
        raise not_found()
    if len(clients) > 1:
        raise _invalid("client", f"Say whose: {', '.join(clients)} use this reference.")
    return found.order_by("-created_at", "-id")


def erase(
    rows: QuerySet[Prescription], whose: Whose, *, actor: Actor, override: Override | None = None
) -> tuple[list[Outcome], int]:
    """Erase them as `four_eyes.erase` does, the first `AT_ONCE`; and how many are left for the next time.

    An order's unsent files go too; so does what was ordered for a patient, and has no prescription. Raises as `find`;
    StorageUnavailable: what was begun is finished by the sweep.
    """
    found = list(find(rows, whose)[: AT_ONCE + 1])
    client = found[0].client
    outcomes = [_erase(prescription, actor, override) for prescription in found[:AT_ONCE]]
    if not any(outcome.status == "waiting" for outcome in outcomes):
        if whose.by == "order_ref":
            _drop_draft(client, whose.reference)
        else:
            orders.forget_patient(client, whose.reference)
            replays.forget_of(client, patient_ref=whose.reference)
        uploads.forget_of(client, whose.by, whose.reference)
    return outcomes, max(0, len(found) - AT_ONCE)


def _erase(prescription: Prescription, actor: Actor, override: Override | None) -> Outcome:
    try:
        asked = four_eyes.erase(prescription, actor=actor, override=override)
    except Problem as problem:
        if problem.code == "erased":
            return Outcome(prescription.pk, "erased")
        return Outcome(prescription.pk, "kept", problem.detail)
    return Outcome(prescription.pk, "waiting" if asked else "erased")


def _drop_draft(client: str, order_ref: str) -> None:
    """What was chosen and not sent becomes a tombstone, as if it had been abandoned."""
    for draft in Draft.objects.filter(client=client, order_ref=order_ref):
        with transaction.atomic():
            if not Draft.objects.filter(pk=draft.pk).delete()[0]:
                continue
            Prescription.objects.create(id=draft.pk, client=client, erased_at=timezone.now())
        erasure.purge(draft.pk)


def _invalid(name: str, detail: str) -> Problem:
    errors = [{"pointer": f"/{name}", "detail": detail}]
    return Problem(400, "invalid", "The request is not valid", detail, errors=errors)
