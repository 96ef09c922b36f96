"""Who was refused leaves a trace: staff without the right, and a client that asks for another's prescription.

Links that open nothing are told by the edges' logs (`edge_logs`).
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse

from prescriptions.audit import actors, looks
from prescriptions.audit.actors import Actor
from prescriptions.audit.chain import Verb
from prescriptions.models import ApiToken, Prescription
from transforms.keys import is_id

log = logging.getLogger("rx.audit")

# Of one actor and hour so many prescriptions are told apart; the rest is one number.
_APART: Final = 100
_NAME: Final = 100
# What addresses call the prescription.
_NAMED: Final = ("rx", "object_id")


class Refusals:
    """Records answers that say no to somebody we know: 403, and 404 where a client's token asked for another's rows."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code in (403, 404) and request.resolver_match is not None:
            try:
                _look_into(request, response.status_code)
            except DatabaseError as error:  # the answer is no all the same
                log.error("a refusal was not recorded", extra={"reason": type(error).__name__})
        return response


def _look_into(request: HttpRequest, status: int) -> None:
    match = request.resolver_match
    token = getattr(request, "auth", None)  # DRF leaves it here
    if isinstance(token, ApiToken):
        actor = actors.of_token(token)
    elif status == 403 and request.user.is_authenticated:
        actor = actors.staff(request.user)
    else:
        return
    asked = _asked(match.kwargs if match else {})
    row = Prescription.objects.filter(pk=asked).values("client").first() if asked else None
    if status == 404 and (row is None or not isinstance(token, ApiToken) or _may_see(token, row["client"])):
        return
    _record(actor, asked if row else "", {"what": (match.view_name if match else "")[:_NAME]})


def _may_see(token: ApiToken, client: str) -> bool:
    return client == token.client or "rx:all" in token.scopes


def _asked(kwargs: Mapping[str, Any]) -> str:
    named = next((str(kwargs[name]) for name in _NAMED if name in kwargs), "")
    return named if is_id(named) else ""


def _record(actor: Actor, rx: str, data: dict[str, str]) -> None:
    """On the prescription's chain, or on the actor's own where it names none or too many."""
    if rx and looks.how_many(actor, Verb.REFUSED) >= _APART:
        rx = ""
    looks.looked(rx or actor.chain, Verb.REFUSED, actor=actor, data=data)
