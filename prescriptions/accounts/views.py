"""Pages and forms of signing in that neither Django nor allauth has as we need them."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar

import requests
from allauth.account import forms as account_forms
from allauth.account.views import PasswordChangeView
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from allauth.socialaccount.providers.openid_connect import views as openid
from allauth.usersessions.adapter import get_adapter
from allauth.usersessions.models import UserSession
from allauth.usersessions.views import ListUserSessionsView
from django.contrib import messages
from django.contrib.auth.views import PasswordResetConfirmView
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext_lazy as _

from prescriptions.accounts import lockout, reauthentication, trail

log = logging.getLogger("rx.accounts")
# A mark in what a browser says of itself, and its name. The first that fits: they all claim to be the later ones, too.
_BROWSERS: Final = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser/": "Samsung Internet",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "CriOS/": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
}
_SYSTEMS: Final = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}
View = TypeVar("View", bound=Callable[..., HttpResponse])


def with_provider(view: View) -> View:
    """Decorator of views that call the provider of single sign-on: where it is away people get a page, and can wait."""

    @wraps(view)
    def asking(request: HttpRequest, **named: str) -> HttpResponse:
        try:
            return view(request, **named)
        except (requests.RequestException, ValueError, KeyError) as error:  # no answer, or none that can be read
            log.warning("the provider of single sign-on does not answer", extra={"reason": type(error).__name__})
            page = render(request, "accounts/provider_away.html", status=503)
            page.headers["Retry-After"] = "30"
            return page

    return asking  # type: ignore[return-value]


def sign_in_elsewhere(request: HttpRequest, provider_id: str) -> HttpResponse:
    """To the provider, and back to `next`."""
    return _to_provider(request, provider_id)


def confirm_elsewhere(request: HttpRequest) -> HttpResponse:
    """The same, and the provider is to ask who it is, whatever it knows. `auth_time` proves that it did."""
    return _to_provider(request, "sso", auth_params="prompt=login&max_age=0")


def _to_provider(request: HttpRequest, provider_id: str, **more: str) -> HttpResponse:
    """Of the address `next` alone counts: allauth would send on whatever it says, a `redirect_uri` or `state` too."""
    asked = QueryDict(mutable=True)
    asked.update({"process": "login", "next": request.GET.get("next", ""), **more})
    request.GET = asked  # type: ignore[assignment]
    answer: HttpResponse = openid.login(request, provider_id)
    return answer


class ChangePassword(PasswordChangeView):
    """For whoever has one; the provider's people have none here."""

    def dispatch(self, request: HttpRequest, *rest: Any, **named: Any) -> HttpResponse:
        if request.user.is_authenticated and not request.user.has_usable_password():
            messages.info(request, _("You have no password here: your provider signs you in."))
            return HttpResponseRedirect(reverse("mfa_index"), status=303)
        answer: HttpResponse = super().dispatch(request, *rest, **named)
        return answer


class ChangePasswordForm(account_forms.ChangePasswordForm):
    """allauth's, by our labels."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        labels = {
            "oldpassword": _("Password so far"),
            "password1": _("New password"),
            "password2": _("New password again"),
        }
        for name, label in labels.items():
            self.fields[name].label = label
            self.fields[name].widget.attrs.pop("placeholder", None)


class SetUpApp(ActivateTOTPForm):
    """allauth's, with the label that the code has wherever it is asked for."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.fields["code"].label = _("Code")


class AddPasskey(AddWebAuthnForm):
    """Ticked: it can be used instead of name and password. Not: it is the second step after them."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        field = self.fields["passwordless"]
        field.initial, field.label = True, _("Sign in with it alone, without a password")
        field.help_text = _("It then asks for your finger, your face or a PIN.")


class SetPassword(PasswordResetConfirmView):
    """The holder of an administrator's link chooses a password, once. Then they sign in like everybody else."""

    template_name = "accounts/set_password.html"
    success_url = reverse_lazy("account_login")
    reset_url_token = "choose"  # noqa: S105 - a part of the address, once the token is in the session

    def form_valid(self, form: Form) -> HttpResponse:
        answer = super().form_valid(form)  # type: ignore[arg-type]
        user: Any = self.user
        trail.tell(user, trail.Verb.PASSWORD_SET, {"by": "link"})
        lockout.unlock(user.get_username())
        return answer

    def get_context_data(self, **named: Any) -> dict[str, Any]:
        return super().get_context_data(**named) | {"person": getattr(self, "user", None)}


class Sessions(ListUserSessionsView):
    """One's own sessions. A form that names one ends that one; one that names none ends all but this."""

    def get_context_data(self, **named: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**named)
        for session in context["sessions"]:
            session.program = program(session.user_agent)
        return context

    def form_valid(self, form: Form) -> HttpResponse:
        if not reauthentication.is_fresh(self.request):
            return reauthentication.page(self.request, self.request.path)
        named = self.request.POST.get("session")
        if named is None:
            answer: HttpResponse = super().form_valid(form)
            return answer
        found = UserSession.objects.filter(user=self.request.user, pk=int(named) if named.isdecimal() else 0)
        get_adapter().end_sessions(found.exclude(session_key=self.request.session.session_key))
        return HttpResponseRedirect(self.get_success_url())


def program(agent: str) -> str:
    """A User-Agent as people say it: "Chrome, Windows". What is none of a browser we know stays as it is, cut."""
    browser = next((name for mark, name in _BROWSERS.items() if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS.items() if mark in agent), "")
    return f"{browser}, {system}" if browser and system else agent[:60]
