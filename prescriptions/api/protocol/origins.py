"""Which other origins may call the API from a browser (CORS): those that clients list as theirs.

A preflight carries no token, so it is allowed where any client lists the origin. The answer itself may be read only
where the client whose token was sent does; of files in pieces, or the client whose order's link was. Cookies never
count: nothing here allows credentials.
"""

import re
from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest

from prescriptions.models import ApiToken, origins_of
from prescriptions.models.access import somebody_lists

_OPEN = re.compile(r"/api/v1/|/(?:orders/[^/]+/prescription|upload)/uploads(?:/|\Z)")


def may_call(sender: Any, request: HttpRequest, **_: Any) -> bool:
    """Receiver of django-cors-headers' `check_request_enabled`."""
    origin = request.headers.get("Origin", "")
    if not origin or not _OPEN.match(request.path):
        return False
    try:
        if request.method == "OPTIONS":
            return somebody_lists(origin)
        token = getattr(request, "auth", None)  # left there by DRF; the other by an order's link
        client = token.client if isinstance(token, ApiToken) else getattr(request, "rx_client", "")
        return bool(client) and origin in origins_of(client)
    except DatabaseError:  # the answer that is on its way says so, or the next one will
        return False
