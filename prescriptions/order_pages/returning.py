"""The way back to the shop: to the order's return_url, with its reference and how its newest prescription stands.

The reference and the status are hints for the shop's page, which anybody can type: what counts it reads by API, or is
told by event. Nothing of a patient goes along.
"""

from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from prescriptions.intake.customers.progress import Progress
from prescriptions.intake.order_links import OrderLink
from prescriptions.models import Order, Review, ReviewStatus
from prescriptions.models.access import origin_of, origins_of
from prescriptions.review.publication import standing

_OURS: Final = ("order_ref", "status")


def address(link: OrderLink, sent: Sequence[Progress]) -> str:
    """Where the customer goes back to; empty where the shop has said nothing, or where its origin is listed no more.

    `sent`: the order's prescriptions, the newest first; the status of one is for whom the link shows it.
    """
    url = Order.objects.filter(client=link.client, ref=link.order_ref).values_list("return_url", flat=True).first()
    if not url or origin_of(url) not in origins_of(link.client):
        return ""
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in _OURS]
    said = [("order_ref", link.order_ref)]
    if sent and link.shows:
        said.append(("status", _status(sent[0])))
    return urlunsplit(parts._replace(query=urlencode([*kept, *said])))


def _status(newest: Progress) -> str:
    """In the API's word."""
    review: Review | None = getattr(newest.prescription, "review", None)
    return str((standing(review) if review else ReviewStatus.QUEUED).value)
