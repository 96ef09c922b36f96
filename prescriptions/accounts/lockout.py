"""What axes counts by: whose account, from where. And the page of whoever is locked out.

A browser in which somebody of staff has signed in before counts as a place of its own: whoever guesses beside it, in
the same pharmacy or behind the same carrier, cannot lock it out.
"""

import hashlib
import ipaddress
import secrets
from datetime import timedelta
from typing import Any, Final

from axes.models import AccessAttempt
from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.crypto import salted_hmac

_SALT: Final = "rx.known-browser"
_KEEP: Final = 180 * 86_400  # seconds
_NOWHERE: Final = "::"  # neither the edge nor a socket named anybody


def address(request: HttpRequest) -> str:
    """Whose request it is: what the edge, and only it, wrote into X-Forwarded-For. A network of IPv6 is one."""
    named = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip() or request.META.get("REMOTE_ADDR")
    try:
        found = ipaddress.ip_address(named or _NOWHERE)
    except ValueError:
        return _NOWHERE
    return str(ipaddress.ip_network((found, 64), strict=False)[0]) if found.version == 6 else str(found)


def place(request: HttpRequest) -> str:
    """The address to count by: the client's, or one made up for a browser that is known (fd00::/8 is nobody's)."""
    known = _known(request)
    if not known:
        return address(request)
    return str(ipaddress.IPv6Address(b"\xfd" + hashlib.sha256(known.encode()).digest()[:15]))


def is_known(request: HttpRequest) -> bool:
    """Has somebody of staff signed in with this browser before?"""
    return bool(_known(request))


def remember(response: HttpResponse) -> None:
    """This browser is known from now on. Says of nobody who they are."""
    response.set_cookie(
        settings.RX_KNOWN_COOKIE,
        signing.dumps(secrets.token_hex(8), salt=_SALT),
        max_age=_KEEP,
        path="/accounts/",
        secure=bool(settings.SESSION_COOKIE_SECURE),
        httponly=True,
        samesite="Lax",
    )


def username(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """The account's name as axes keeps it: a keyed hash, for what was typed there may be a password."""
    return _digest(str((credentials or {}).get("username") or request.POST.get("login", "")))


def unlock(name: str) -> bool:
    """Forget all failures of an account; True where there were any."""
    return bool(AccessAttempt.objects.filter(username=_digest(name)).delete()[0])


def pause(request: HttpRequest | None = None) -> timedelta:
    """How long a lock lasts from the last failure that counted."""
    return timedelta(seconds=settings.RX_LOGIN_PAUSE)


def locked(request: HttpRequest, _response: Any = None, _credentials: Any = None) -> HttpResponse:
    """The answer to whoever is locked out: alike for names that exist and those that do not."""
    minutes = -(-settings.RX_LOGIN_PAUSE // 60)
    page = render(request, "accounts/locked.html", {"minutes": minutes}, status=429)
    page.headers["Retry-After"], page.headers["Cache-Control"] = str(settings.RX_LOGIN_PAUSE), "no-store"
    return page


def _known(request: HttpRequest) -> str:
    try:
        return str(signing.loads(request.COOKIES.get(settings.RX_KNOWN_COOKIE, ""), salt=_SALT, max_age=_KEEP))
    except signing.BadSignature:
        return ""


def _digest(name: str) -> str:
    return salted_hmac(_SALT, name.strip().lower(), algorithm="sha256").hexdigest()
