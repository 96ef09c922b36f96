"""What allauth asks of a site: nobody signs up, messages are few, secrets are encrypted, limits are by address."""

import base64
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.internal import ratelimit
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from prescriptions.accounts import lockout, reauthentication, trail

_NAME: Final = "Prescriptions"  # as apps and browsers list it
_INFO: Final = b"rx second factors v1"
_SILENT: Final = ("account/messages/logged_in.txt", "account/messages/logged_out.txt")


class Account(DefaultAccountAdapter):
    """Accounts are made by administrators, or by single sign-on."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *rest: Any, **named: Any
    ) -> None:
        """People see that they are signed in."""
        if message_template not in _SILENT:
            super().add_message(request, level, message_template, *rest, **named)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Failures are limited by address. By account they would let strangers keep a pharmacist out; axes does it.

        Browsers that are known share a limit of their own: a stranger at the same address does not use it up.
        """
        self._login_failed_rl_usage = ratelimit.consume(
            request,
            app="allauth.account",
            action="login_failed",
            key=f"{lockout.address(request)} {'known' if lockout.is_known(request) else 'new'}",
            config={"login_failed": f"{settings.RX_LOGIN_PER_ADDRESS}/5m/key"},
        )
        if not self._login_failed_rl_usage:
            raise self.validation_error("too_many_login_attempts")

    def get_client_ip(self, request: HttpRequest) -> str:
        return lockout.address(request)

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Who has neither password nor factor here confirms at the provider."""
        found: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if found or not user.is_authenticated or not settings.RX_OIDC_URL:
            return found
        return [{"id": "sso", "description": settings.RX_OIDC_NAME, "url": reverse("sso_reauthenticate")}]

    def is_reauthentication_required(self, *, app: str, **named: Any) -> bool:
        """For factors, as for all else that we guard: whoever signed in a moment ago has just done it."""
        return not reauthentication.is_fresh(self.request)


class Factors(DefaultMFAAdapter):
    """Second factors. Their secrets are encrypted, so that a copy of the database opens nothing."""

    def encrypt(self, text: str) -> str:
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Nothing fits a secret that was made under a key that is gone: its owner needs a new one."""
        try:
            return _cipher().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            return ""

    def get_totp_issuer(self) -> str:
        return _NAME

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """By the address that people use, whatever `Host` says."""
        return {"id": urlsplit(settings.BASE_URL).hostname or "", "name": _NAME}

    def generate_authenticator_name(self, user: Any, type: Any) -> str:  # noqa: A002 - allauth's name for it
        return _("My passkey")


class Sessions(DefaultUserSessionsAdapter):
    """One's own sessions, ended by oneself."""

    def end_sessions(self, sessions: Iterable[Any]) -> None:
        for session in sessions:
            trail.tell(session.user, trail.Verb.ENDED, {"why": "by its owner", "address": session.ip})
            session.end()


def _cipher() -> MultiFernet:
    """Under keys that come from the site's own: the first encrypts, the others still decrypt."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    derived = [HKDF(hashes.SHA256(), 32, salt=None, info=_INFO).derive(str(key).encode()) for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in derived])
