"""Erasures that two people have to want (RX_ERASURE_FOUR_EYES): one asks, another with the permission agrees.

Whoever comes in by admin or API goes through here. A program may ask; only a person may agree.
"""

from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from prescriptions import audit
from prescriptions.audit.actors import SYSTEM, Actor, ActorKind
from prescriptions.infra.problems import Problem
from prescriptions.models import ApiToken, AuditEvent, ErasureRequest, OverrideReason, Prescription
from prescriptions.upkeep import erasure
from prescriptions.upkeep.erasure import Override

_AT_ONCE = 200
_TOKEN_MADE = "token.made"  # noqa: S105 - as prescriptions/api/tokens.py records it


def erase(prescription: Prescription, *, actor: Actor, override: Override | None = None) -> ErasureRequest | None:
    """Erase it; or ask, or agree with who asked. The request that now waits for somebody else; None: it is erased.

    Raises as `erasure.erase`; Problem 403 where an override was asked for that this person may not agree with.
    """
    if not settings.RX_ERASURE_FOUR_EYES:
        erasure.erase(prescription, actor=actor, override=override)
        return None
    if erasure.kept_because(prescription, override_of(waiting(prescription)) or override):
        erasure.erase(prescription, actor=actor, override=override)  # which says why not
    asked = waiting(prescription) or _ask(prescription, actor, override)
    if not may_agree(asked, actor):
        return asked
    if asked.override and not actor.may("override_retention"):
        detail = _("It must be kept, and was asked for all the same: your role does not allow you to agree.")
        raise Problem(403, "forbidden", _("Not allowed"), detail)
    told = {"asked_by": asked.asked_by, "asked_at": asked.asked_at.isoformat()}
    erasure.erase(prescription, actor=actor, override=override_of(asked), told=told)
    return None


def waiting(prescription: Prescription) -> ErasureRequest | None:
    """What was asked for and has not run out."""
    return ErasureRequest.objects.filter(pk=prescription.pk, expires_at__gt=timezone.now()).first()


def may_agree(asked: ErasureRequest, actor: Actor) -> bool:
    """Another one than who asked, and a person who works here; nor may one be behind both, by a token."""
    if actor.user is None or not actor.user.is_active or str(actor) == asked.asked_by:
        return False
    return not (_acts_as(str(actor), asked.asked_by) or _acts_as(asked.asked_by, str(actor)))


def _acts_as(one: str, other: str) -> bool:
    """Has one made a token that erases in the other's name, or that is the other?"""
    kind, _, pk = other.partition(":")
    if kind not in (ActorKind.CLIENT, ActorKind.STAFF):
        return False
    named = ApiToken.objects.filter(Q(pk=pk) if kind == ActorKind.CLIENT else Q(user=pk))
    chains = [f"token-{token.pk}" for token in named.only("scopes") if "rx:erase" in token.scopes]
    return AuditEvent.objects.filter(rx__in=chains, verb=_TOKEN_MADE, actor=one).exists()


def override_of(asked: ErasureRequest | None) -> Override | None:
    """The override that was asked for, which the other person agrees with."""
    return Override(OverrideReason(asked.override), asked.reference) if asked and asked.override else None


def drop(prescription: Prescription, *, actor: Actor) -> None:
    """Somebody does not want it (any more). Where nothing was asked for, nothing happens."""
    with transaction.atomic():
        if ErasureRequest.objects.filter(pk=prescription.pk).delete()[0]:
            audit.record(prescription.pk, audit.Verb.ERASURE_DROPPED, actor=actor)


def expire() -> int:
    """Forget what nobody agreed with in time; returns how many. For the sweep."""
    over = ErasureRequest.objects.filter(expires_at__lte=timezone.now()).order_by("expires_at")
    done = 0
    for asked in over[:_AT_ONCE]:
        with transaction.atomic():
            if ErasureRequest.objects.filter(pk=asked.pk, expires_at=asked.expires_at).delete()[0]:
                audit.record(asked.pk, audit.Verb.ERASURE_DROPPED, actor=SYSTEM, data={"why": "expired"})
                done += 1
    return done


def _ask(prescription: Prescription, actor: Actor, override: Override | None) -> ErasureRequest:
    now = timezone.now()
    asked = ErasureRequest(
        prescription=prescription,
        asked_by=str(actor),
        asked_by_name=actor.name,
        asked_at=now,
        expires_at=now + timedelta(seconds=settings.RX_ERASURE_CONFIRM_WITHIN),
        override=override.reason.value if override else "",
        reference=override.reference if override else "",
    )
    data = {"until": asked.expires_at.isoformat()}
    if override:
        data |= {"override": asked.override, "reference": asked.reference}
    try:
        with transaction.atomic():
            ErasureRequest.objects.filter(pk=prescription.pk, expires_at__lte=now).delete()
            asked.save(force_insert=True)
            audit.record(prescription.pk, audit.Verb.ERASURE_ASKED, actor=actor, data=data)
    except IntegrityError:  # somebody else asked at the same moment, and may have dropped it since
        return ErasureRequest.objects.filter(pk=prescription.pk).first() or _ask(prescription, actor, override)
    return asked
