"""How long a session lasts. Every look at `request.user` passes here: admin, API, and allauth's own pages."""

import time
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from allauth.mfa.utils import is_mfa_enabled
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef
from django.http import HttpRequest
from django.utils import timezone

from prescriptions.accounts import policy, trail

PAGES: Final = "/accounts/"  # where a session without its second factor may get one
_BEGUN: Final = "rx_begun"
_SEEN: Final = "rx_seen"
_AT_ONCE: Final = 1000  # forgotten by one sweep
_JUST_BEGUN: Final = timedelta(minutes=5)  # its session may not be written yet
_STEP: Final = 30  # seconds: writing the session with every request would double its cost
# Scripts send these by themselves; a page that stands open is not somebody at work. A heartbeat says so with a field.
_BY_ITSELF: Final = ("/heartbeat/", "/review/live/")
ACTIVE: Final = "active"


class Refusal(StrEnum):
    """Why a session does not count."""

    IDLE = "idle"
    LENGTH = "length"
    FACTOR = "second factor"


def begin(request: HttpRequest, **_: Any) -> None:
    """Somebody has signed in: both clocks start. A receiver of Django's signal."""
    request.session[_BEGUN] = request.session[_SEEN] = int(time.time())


def judge(request: HttpRequest, user: Any) -> tuple[Any, Refusal | None]:
    """The user of this request, or nobody and why. A session that is over is ended here, and the audit log knows."""
    if not user.is_authenticated:
        return user, None
    session, now = request.session, int(time.time())
    begun, seen = session.setdefault(_BEGUN, now), session.setdefault(_SEEN, now)
    refusal = None
    if now - begun >= settings.RX_SESSION_LENGTH:
        refusal = Refusal.LENGTH
    elif now - seen >= settings.RX_SESSION_IDLE:
        refusal = Refusal.IDLE
    elif not policy.was_used(request, user) and policy.is_needed(user):
        # An older session, of somebody who has a factor by now: they sign in with it. Others may set one up.
        refusal = Refusal.FACTOR
        if not is_mfa_enabled(user):
            return (user, None) if request.path.startswith(PAGES) else (AnonymousUser(), refusal)
    if refusal is not None:
        trail.tell(user, trail.Verb.ENDED, {"why": str(refusal)})
        session.flush()
        return AnonymousUser(), refusal
    if now - seen >= _STEP and is_activity(request):
        session[_SEEN] = now
    return user, None


def forget_expired() -> int:
    """Delete sessions that nobody can use any more, and what lists them, so many at a time; returns how many."""
    expired = Session.objects.filter(expire_date__lt=timezone.now()).order_by("expire_date")
    forgotten: int = Session.objects.filter(pk__in=list(expired.values_list("pk", flat=True)[:_AT_ONCE])).delete()[0]
    gone = UserSession.objects.filter(~Exists(Session.objects.filter(pk=OuterRef("session_key"))))
    gone = gone.filter(created_at__lt=timezone.now() - _JUST_BEGUN).order_by("pk")
    UserSession.objects.filter(pk__in=list(gone.values_list("pk", flat=True)[:_AT_ONCE])).delete()
    return forgotten


def is_activity(request: HttpRequest) -> bool:
    """Did a person do this? A heartbeat counts if its page says that somebody used keys or pointer meanwhile."""
    if request.path.endswith(_BY_ITSELF):
        return bool(request.POST.get(ACTIVE))
    return True
