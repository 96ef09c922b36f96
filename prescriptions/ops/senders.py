"""What the edge asks before it reads a large body: does whoever sends it hold something that is good here?

Only the edge can ask, and it hands on the address, Authorization and cookies. What they may do with the body is decided
by the view that gets it.
"""

import re
from typing import Final

from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from prescriptions.api.authentication import BearerAuthentication
from prescriptions.infra.methods import methods
from prescriptions.infra.problems import Problem
from prescriptions.intake import order_links
from prescriptions.order_pages.access import open_link

_ORDER: Final = re.compile(r"/orders/([^/?]+)/")


@methods("GET")
def may_send(request: HttpRequest) -> HttpResponse:
    """204, or 401 (the API) or 403 (an order's pages) without a body; the edge has the words."""
    address = request.headers.get("X-Rx-Address", "")
    if address.startswith("/api/"):
        return HttpResponse(status=204 if _may_call(request) else 401)
    try:
        link = open_link(request, request.COOKIES.get(order_links.COOKIE, ""))
    except Problem:
        return HttpResponse(status=403)
    order = _ORDER.match(address)
    may = link is not None and (order is None or order[1] == link.order_ref)
    return HttpResponse(status=204 if may else 403)


def _may_call(request: HttpRequest) -> bool:
    """By a good token, or as a member of staff who is signed in."""
    if "Authorization" not in request.headers:
        return bool(request.user.is_authenticated)
    try:
        return BearerAuthentication().authenticate(Request(request)) is not None
    except (AuthenticationFailed, Problem):
        return False  # an edge can say no more than no; what it asks for counts as a try like any other
