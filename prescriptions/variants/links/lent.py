"""Links that can be taken back: each is a row, and its token carries the row's id.

The row decides. An edge remembers which ids were taken back, asks again every ten seconds while such links are used,
and lets in by nobody's word that is older than thirty (deploy/nginx/rx.js).
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from prescriptions import audit
from prescriptions.audit.actors import Actor
from prescriptions.infra import problems
from prescriptions.infra.problems import Problem
from prescriptions.models import LentLink, Prescription
from prescriptions.variants.links.tokens import Scope, are_cut

MOST: Final = 100
# With those that were taken back and have not ended yet: each of them is told to every edge.
MOST_IN_ALL: Final = 500
LONGEST: Final = 30 * 86_400  # seconds
# As many as fit into the header by which an edge is told. With more of them it asks each time.
TOLD: Final = 2000
_AT_ONCE: Final = 5000  # forgotten by one sweep


def make(prescription: Prescription, *, scope: Scope, expires_in: int, pages: Sequence[int], actor: Actor) -> LentLink:
    """A link that ends after `expires_in` seconds, or when it is taken back. `pages`: only these; none: all.

    Raises Problem 409 where the prescription has as many that are good as it may have, or its links were cut; 410 where
    it was erased.
    """
    now = timezone.now()
    with transaction.atomic():
        _hold(prescription.pk)  # two at once are counted one after the other
        found = Prescription.objects.get(pk=prescription.pk)
        if found.erased_at is not None:
            raise problems.erased()
        if are_cut(found):
            raise problems.links_cut()
        standing = LentLink.objects.filter(prescription=found.pk, expires_at__gt=now)
        if standing.filter(revoked_at=None).count() >= MOST or standing.count() >= MOST_IN_ALL:
            raise Problem(
                409,
                "too-many-links",
                "Too many links",
                f"A prescription has at most {MOST} links that can be taken back, and {MOST_IN_ALL} with those that "
                "were and have not ended yet. Take some back, or use those.",
            )
        return LentLink.objects.create(
            id=secrets.token_hex(6),
            prescription=found,
            scope=scope,
            pages=list(pages),
            made_by=str(actor),
            made_at=now,
            expires_at=(now + timedelta(seconds=expires_in)).replace(microsecond=0),
        )


def take_back(link: LentLink, *, actor: Actor) -> None:
    """It opens nothing from now on; at an edge within thirty seconds. Once more changes nothing."""
    if LentLink.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=timezone.now()):
        audit.record(link.prescription_id, audit.Verb.LINK_TAKEN_BACK, actor=actor, data={"link": link.pk})


def taken_back(name: str) -> bool:
    """Was the link with this id taken back? One that no row tells of, was: a database that was restored knows less."""
    return not LentLink.objects.filter(pk=name, revoked_at=None).exists()


def all_taken_back() -> list[str] | None:
    """Ids of those that would still be good; None where they are too many to be told."""
    rows = LentLink.objects.filter(revoked_at__isnull=False, expires_at__gt=timezone.now())
    ids = list(rows.order_by().values_list("pk", flat=True)[: TOLD + 1])
    return ids if len(ids) <= TOLD else None


def cut(rx: str, now: datetime) -> None:
    """With all other links of a prescription (`are_cut`). Those wait until the last of them has ended; these may be
    longer. Whoever makes one at this moment has made it before, and it is cut, or is refused.
    """
    with transaction.atomic():
        _hold(rx)
        Prescription.objects.filter(pk=rx, links_cut_at=None).update(links_cut_at=now)
        LentLink.objects.filter(prescription=rx, revoked_at=None).update(revoked_at=now)


def sweep() -> int:
    """Forget what has ended by itself; returns how many."""
    ended = LentLink.objects.filter(expires_at__lt=timezone.now()).order_by("expires_at").values_list("pk", flat=True)
    return LentLink.objects.filter(pk__in=list(ended[:_AT_ONCE])).delete()[0]


def _hold(rx: str) -> None:
    list(Prescription.objects.select_for_update().filter(pk=rx).values_list("pk"))
