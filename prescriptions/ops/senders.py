"""What the edge asks before it reads a large body: does whoever sends it hold something that is good here?

Only the edge can ask, and it hands on the address, Authorization and cookies. What they may do with the body is decided
by the view that gets it. The edge is told who they are, for it has room for so many bodies of one sender.
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
from prescriptions.order_pages.access import open_link

_ORDER: Final = re.compile(r"/orders/([^/?]+)/")


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


def _customer(request: HttpRequest, address: str) -> str:
    """By a good link, of this order if the address names one."""
    link = open_link(request, request.COOKIES.get(settings.RX_ORDER_COOKIE, ""))
    order = _ORDER.match(address)
    return f"link-{link.id}" if link and (order is None or order[1] == link.order_ref) else ""


def _caller(request: HttpRequest) -> str:
    """By a good token, or as a member of staff who is signed in."""
    if "Authorization" not in request.headers:
        return actors.staff(request.user).chain if request.user.is_authenticated else ""
    found = BearerAuthentication().authenticate(Request(request))
    return f"token-{found[1].pk}" if found else ""
