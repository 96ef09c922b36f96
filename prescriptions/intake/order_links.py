"""Signed order links: the right of one customer to upload to, and see, one order.

Nothing is stored; the signature is the right.
"""

import time
from dataclasses import dataclass

from django.core import signing

from prescriptions.models import REFERENCE

SALT = "rx-order-link-v2"
COOKIE = "rx_order"


@dataclass(frozen=True, slots=True)
class OrderLink:
    """What a verified link says: which order of which client, for which patient if the client said so, until when
    (unix seconds).
    """

    order_ref: str
    client: str
    expires: int
    signed: str
    patient_ref: str = ""


def mint(*, order_ref: str, client: str, expires_in: int, patient_ref: str = "") -> OrderLink:
    """A link for one order, valid for `expires_in` seconds.

    With `patient_ref`, earlier prescriptions of that patient can be used again.
    """
    expires = int(time.time()) + expires_in
    signed = signing.dumps([order_ref, client, expires, patient_ref], salt=SALT)
    return OrderLink(order_ref, client, expires, signed, patient_ref)


def verify(signed: str) -> OrderLink | None:
    """The link, or None when it is forged or expired."""
    try:
        order_ref, client, expires, patient_ref = signing.loads(signed, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    if not REFERENCE.match(order_ref) or expires <= time.time():
        return None
    return OrderLink(order_ref, client, expires, signed, patient_ref)


def page_path(link: OrderLink) -> str:
    """The order's page, with the link that opens it."""
    return f"/orders/{link.order_ref}/prescription?link={link.signed}"


def upload_path(link: OrderLink) -> str:
    """The bare upload form, with the link that opens it."""
    return f"/upload/?link={link.signed}"
