"""Every session of staff is judged, by whatever way it comes: see `sessions`."""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from prescriptions.accounts import sessions
from prescriptions.accounts.sessions import Refusal

_ADMIN: Final = "/admin/"


class StaffSessions:
    """After Django's own middleware: `request.user` is somebody only while the session counts; asked when it is needed.

    `request.refusal` says why it does not. In the admin people are sent to where they can mend it, and back.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.refusal = None  # type: ignore[attr-defined]
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            found = request.user

            def judged() -> Any:
                user, request.refusal = sessions.judge(request, found)  # type: ignore[attr-defined]
                return user

            request.user = SimpleLazyObject(judged)  # type: ignore[assignment]
        response = self.get_response(request)
        if settings.SESSION_COOKIE_NAME in request.COOKIES or request.path.startswith(sessions.PAGES):
            response.headers.setdefault("Cache-Control", "private, no-store")  # it may be about whoever asks
        return response

    def process_view(self, request: HttpRequest, view: Any, *_: Any) -> HttpResponse | None:
        if not request.path.startswith(_ADMIN) or request.path == reverse("admin:login"):
            return None
        if request.user.is_authenticated:
            return None
        if request.refusal is Refusal.FACTOR and request.session.session_key:  # type: ignore[attr-defined]
            return HttpResponseRedirect(reverse("mfa_index"), status=303)
        if request.method == "POST":
            return HttpResponseRedirect(f"{reverse('admin:login')}?{urlencode({'next': _came_from(request)})}")
        return None


def _came_from(request: HttpRequest) -> str:
    """The page that a form was on: what was typed there is still kept in its tab, and its address takes a GET."""
    parts = urlsplit(request.headers.get("Referer", ""))
    return (
        parts.path if parts.netloc == request.get_host() and parts.path.startswith(_ADMIN) else reverse("admin:index")
    )
