"""Addresses of signing in and of one's own account: those of allauth that we use, under its names, and our own.

Nobody signs up, and no mail is sent, so what allauth has for that has no address.
"""

from collections.abc import Callable
from typing import Any, Final, cast

from allauth.account import views as account
from allauth.mfa import app_settings
from allauth.mfa.base import views as factors
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as passkeys
from allauth.socialaccount import views as social
from allauth.socialaccount.providers.openid_connect import views as openid
from django.http import HttpResponse
from django.urls import URLPattern, path

from prescriptions.accounts import views
from prescriptions.infra.methods import methods

_METHODS: Final = ("get", "head", "post", "options")  # Django's forms take PUT as well
_READ: Final = ("get", "head", "options")

# address: name, view. The names are allauth's: it looks addresses up by them.
_PAGES: Final[dict[str, tuple[str, Any]]] = {
    "login/": ("account_login", account.LoginView),
    "logout/": ("account_logout", account.LogoutView),
    "inactive/": ("account_inactive", account.AccountInactiveView),
    "confirm/": ("account_reauthenticate", account.ReauthenticateView),
    "password/": ("account_change_password", views.ChangePassword),
    "password/<uidb64>/<token>/": ("set_password", views.SetPassword),
    "sessions/": ("usersessions_list", views.Sessions),
    "factors/": ("mfa_index", factors.IndexView),
    "factors/code/": ("mfa_authenticate", factors.AuthenticateView),
    "factors/confirm/": ("mfa_reauthenticate", factors.ReauthenticateView),
    "factors/app/": ("mfa_activate_totp", totp.ActivateTOTPView),
    "factors/app/remove/": ("mfa_deactivate_totp", totp.DeactivateTOTPView),
    "factors/recovery/": ("mfa_view_recovery_codes", codes.ViewRecoveryCodesView),
    "factors/recovery/new/": ("mfa_generate_recovery_codes", codes.GenerateRecoveryCodesView),
    "factors/recovery/download/": ("mfa_download_recovery_codes", codes.DownloadRecoveryCodesView),
    "sso/cancelled/": ("socialaccount_login_cancelled", social.LoginCancelledView),
    "sso/error/": ("socialaccount_login_error", social.LoginErrorView),
}
_PASSKEYS: Final[dict[str, tuple[str, Any]]] = {
    "factors/passkeys/": ("mfa_list_webauthn", passkeys.ListWebAuthnView),
    "factors/passkeys/add/": ("mfa_add_webauthn", passkeys.AddWebAuthnView),
    "factors/passkeys/login/": ("mfa_login_webauthn", passkeys.LoginWebAuthnView),
    "factors/passkeys/confirm/": ("mfa_reauthenticate_webauthn", passkeys.ReauthenticateWebAuthnView),
    "factors/passkeys/<int:pk>/edit/": ("mfa_edit_webauthn", passkeys.EditWebAuthnView),
    "factors/passkeys/<int:pk>/remove/": ("mfa_remove_webauthn", passkeys.RemoveWebAuthnView),
}
_WITHOUT_FORM: Final = (
    factors.IndexView,
    account.AccountInactiveView,
    codes.ViewRecoveryCodesView,
    codes.DownloadRecoveryCodesView,
    passkeys.ListWebAuthnView,
    social.LoginCancelledView,
    social.LoginErrorView,
)


def _path(address: str, name: str, view: Any) -> URLPattern:
    allowed = _READ if view in _WITHOUT_FORM else _METHODS
    return path(address, cast("Callable[..., HttpResponse]", view.as_view(http_method_names=allowed)), name=name)


def _asking(view: Any) -> Any:
    return methods("GET", "HEAD")(views.with_provider(view))


_shown = {**_PAGES, **(_PASSKEYS if "webauthn" in app_settings.SUPPORTED_TYPES else {})}
urlpatterns = [
    *(_path(address, name, view) for address, (name, view) in _shown.items()),
    path("confirm/sso/", _asking(views.confirm_elsewhere), name="sso_reauthenticate"),
    path("sso/<str:provider_id>/login/", _asking(views.sign_in_elsewhere), name="openid_connect_login"),
    path("sso/<str:provider_id>/login/callback/", _asking(openid.callback), name="openid_connect_callback"),
]
