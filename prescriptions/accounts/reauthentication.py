"""Before what cannot be undone, whoever asks proves again who they are."""

import time
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from prescriptions.accounts import policy
from prescriptions.infra.problems import Problem


def is_fresh(request: HttpRequest) -> bool:
    """Did this session's owner sign in, or confirm it, within RX_SIGNED_IN_LATELY?"""
    return time.time() - policy.last_shown(request, request.user) < settings.RX_SIGNED_IN_LATELY


def page(request: HttpRequest, back: str) -> HttpResponseRedirect:
    """To where it is confirmed, and from there to `back`, an address of ours."""
    methods = get_adapter(request).get_reauthentication_methods(request.user)
    address = methods[0]["url"] if methods else reverse("account_reauthenticate")
    return HttpResponseRedirect(f"{address}?{urlencode({'next': back})}", status=303)


def problem() -> Problem:
    """What programs and scripts are told."""
    return Problem(
        403,
        "confirm-first",
        _("Confirm that it is you"),
        _("This cannot be undone. Confirm at %(address)s that it is you, then try again.")
        % {"address": settings.BASE_URL + reverse("account_reauthenticate")},
    )


def demand(request: HttpRequest) -> None:
    """Raises the problem unless it is fresh."""
    if not is_fresh(request):
        raise problem()
