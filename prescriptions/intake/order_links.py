"""Signed order links: the right of one customer to upload to, and see, one order.

The signature is the right. What is stored is only which links were taken back, by id, until they would have ended.
"""

import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from django.core import signing
from django.utils import timezone

from prescriptions.infra.problems import Problem
from prescriptions.models import REFERENCE, RevokedOrderLink

SALT = "rx-order-link-v2"
MOST_REVOKED = 100_000  # of one client: some thousands a day, each for a month
_AT_ONCE = 5000  # forgotten by one sweep


class LinkScope(StrEnum):
    """What a link is good for."""

    ORDER = "order"  # to send, and to see what was sent and how it fares
    UPLOAD = "upload"  # to send, and to see nothing
    PHONE = "phone"  # to send into another link's draft, and to see nothing else; never signed: `handovers`


@dataclass(frozen=True, slots=True)
class OrderLink:
    """What a verified link says: which order of which client, for which patient if the client said so, until when
    (unix seconds), and by what name it can be taken back.
    """

    order_ref: str
    client: str
    expires: int
    signed: str
    patient_ref: str = ""
    id: str = ""
    scope: str = LinkScope.ORDER
    parent_draft: str = ""  # of a phone: as whose draft it sends

    @property
    def shows(self) -> bool:
        """May its holder see what is there already?"""
        return self.scope == LinkScope.ORDER


def mint(
    *, order_ref: str, client: str, expires_in: int, patient_ref: str = "", scope: str = LinkScope.ORDER
) -> OrderLink:
    """A link for one order, valid for `expires_in` seconds.

    With `patient_ref`, earlier prescriptions of that patient can be used again.
    """
    expires, name = int(time.time()) + expires_in, secrets.token_hex(8)
    signed = signing.dumps([order_ref, client, expires, patient_ref, name, str(scope)], salt=SALT)
    return OrderLink(order_ref, client, expires, signed, patient_ref, name, scope)


def verify(signed: str) -> OrderLink | None:
    """The link, or None when it is forged or expired. Says nothing of whether it was taken back."""
    link = signed_by_us(signed)
    return link if link is not None and link.expires > time.time() else None


def signed_by_us(signed: str) -> OrderLink | None:
    """The link, however long ago it has ended; None when it is forged."""
    try:
        order_ref, client, expires, patient_ref, name, scope = signing.loads(signed, salt=SALT)
        scope = LinkScope(scope)
        if scope is LinkScope.PHONE:
            return None
    except (signing.BadSignature, ValueError, TypeError):
        return None
    found = OrderLink(order_ref, client, expires, signed, patient_ref, name, scope)
    return found if REFERENCE.match(order_ref) else None


def opened(signed: str) -> OrderLink | None:
    """The link if it opens anything now. One query for a link that verifies."""
    link = verify(signed)
    return None if link is None or taken_back(link) else link


def taken_back(link: OrderLink) -> bool:
    return RevokedOrderLink.objects.filter(client=link.client, link=link.id).exists()


def revoke(client: str, name: str, *, longest: datetime) -> None:
    """A client takes back one of its links. Kept until `longest`, after which none that exists now is good anyway.

    Raises Problem 409 where it has taken back so many that its names can only be made up.
    """
    mine = RevokedOrderLink.objects.filter(client=client)
    if mine[:MOST_REVOKED].count() >= MOST_REVOKED and not mine.filter(link=name).exists():
        detail = f"At most {MOST_REVOKED:,} links of a client that were taken back are remembered. Let them end."
        raise Problem(409, "too-many-links", "Too many links", detail)
    RevokedOrderLink.objects.update_or_create(client=client, link=name, defaults={"until": longest})


def sweep() -> int:
    """Forget what has run out, so much at a time; returns how much."""
    ended = RevokedOrderLink.objects.filter(until__lt=timezone.now()).order_by("until").values_list("pk", flat=True)
    return RevokedOrderLink.objects.filter(pk__in=list(ended[:_AT_ONCE])).delete()[0]


def ends(link: OrderLink) -> datetime:
    return datetime.fromtimestamp(link.expires, UTC)


def page_path(link: OrderLink) -> str:
    """The order's page, with the link that opens it."""
    return f"/orders/{link.order_ref}/prescription?link={link.signed}"


def upload_path(link: OrderLink) -> str:
    """The bare upload form, with the link that opens it."""
    return f"/upload/?link={link.signed}"
