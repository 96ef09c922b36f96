"""Which other origins may call the API from a browser (CORS): those that clients list as theirs.

A preflight carries no token, so it is allowed where any client lists the origin. The answer itself may be read only
where the client whose token was sent does. Cookies never count: nothing here allows credentials.
"""

from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest

from prescriptions.models import ApiToken, origins_of
from prescriptions.models.access import somebody_lists

_API = "/api/v1/"


def may_call(sender: Any, request: HttpRequest, **_: Any) -> bool:
    """Receiver of django-cors-headers' `check_request_enabled`."""
    origin = request.headers.get("Origin", "")
    if not origin or not request.path.startswith(_API):
        return False
    try:
        if request.method == "OPTIONS":
            return somebody_lists(origin)
        token = getattr(request, "auth", None)  # left there by DRF
        return isinstance(token, ApiToken) and origin in origins_of(token.client)
    except DatabaseError:  # the answer that is on its way says so, or the next one will
        return False
