"""What the edge alone can ask: does whoever sends a large body hold something that is good here, and was a link taken
back?

Before it reads a body it hands on the address, Authorization and cookies. What they may do with the body is decided by
the view that gets it. The edge is told who they are, for it has room for so many bodies of one sender.
"""

import re
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from prescriptions.api.authentication import BearerAuthentication
from prescriptions.audit import actors
from prescriptions.infra.methods import methods
from prescriptions.infra.problems import Problem
from prescriptions.order_pages.access import PHONE, open_link, open_phone, presented
from prescriptions.variants import links
from prescriptions.variants.links import lent

_ORDER: Final = re.compile(r"/orders/([^/?]+)/")
_PHONE: Final = re.compile(rf"{PHONE}(?:[/?]|\Z)")
_IN_PIECES: Final = re.compile(r"/(?:upload|orders/[^/?]+/prescription)/uploads(?:[/?]|\Z)")
_LINK: Final = re.compile(r"[0-9a-f]{12}")


@methods("GET")
def may_send(request: HttpRequest) -> HttpResponse:
    """204 and X-Rx-Sender, or 401 (the API) or 403 (an order's pages) without a body; the edge has the words."""
    address = request.headers.get("X-Rx-Address", "")
    api = address.startswith("/api/")
    try:
        sender = _caller(request) if api else _customer(request, address)
    except (AuthenticationFailed, Problem):
        sender = ""  # an edge can say no more than no; what it asks for counts as a try like any other
    if not sender:
        return HttpResponse(status=401 if api else 403)
    return HttpResponse(status=204, headers={"X-Rx-Sender": sender})


@methods("GET")
def is_good(request: HttpRequest) -> HttpResponse:
    """Was the link with this id taken back? 204 or 403 without a body; and X-Rx-Cut, the ids of all that were, from
    which the edge judges for a while by itself: `*` where they are too many for a header.
    """
    cut = lent.all_taken_back()
    name = request.headers.get("X-Rx-Link", "")
    good = bool(_LINK.fullmatch(name)) and not links.taken_back(name)
    told = "*" if cut is None else " ".join(cut) or "-"
    return HttpResponse(status=204 if good else 403, headers={"X-Rx-Cut": told, "Cache-Control": "no-store"})


def _customer(request: HttpRequest, address: str) -> str:
    """By a good link, of this order if the address names one; or as the phone that an order was handed over to."""
    if _PHONE.match(address):
        lent_to = open_phone(request)
        return f"link-{lent_to.id}" if lent_to else ""
    shown = presented(request) if _IN_PIECES.match(address) else ""
    link = open_link(request, shown or request.COOKIES.get(settings.RX_ORDER_COOKIE, ""))
    order = _ORDER.match(address)
    return f"link-{link.id}" if link and (order is None or order[1] == link.order_ref) else ""


def _caller(request: HttpRequest) -> str:
    """By a good token, or as a member of staff who is signed in."""
    if "Authorization" not in request.headers:
        return actors.staff(request.user).chain if request.user.is_authenticated else ""
    found = BearerAuthentication().authenticate(Request(request))
    return f"token-{found[1].pk}" if found else ""
