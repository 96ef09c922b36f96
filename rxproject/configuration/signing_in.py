"""Staff accounts: kinds of our own variables, and what they mean to the libraries that do the work."""

import ipaddress
import re
from typing import Any, Final
from urllib.parse import urlsplit

from rxproject.configuration.environment import Kind

_SECRET_FACTORS: Final = ("totp", "recovery_codes")
_GROUP: Final = r"[\w.@+ -]{1,150}"

APPS: Final = (
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "axes",
)
MIDDLEWARE: Final = (
    "prescriptions.accounts.middleware.StaffSessions",
    "allauth.account.middleware.AccountMiddleware",
    "axes.middleware.AxesMiddleware",
    "prescriptions.audit.refusals.Refusals",
)


def second_factor() -> Kind[tuple[str, ...]]:
    """Who needs one: `pictures` or `staff` first, so that no policy leaves out who sees patients' papers."""

    def parse(value: str) -> tuple[str, ...]:
        words = tuple(word.strip() for word in value.split(","))
        known = all(re.fullmatch(_GROUP, word) for word in words) and len(set(words)) == len(words)
        if words != ("off",) and (not known or words[0] not in ("pictures", "staff") or "off" in words):
            raise ValueError(value)
        return words

    return Kind("off, pictures or staff; after the last two any names of groups, with commas between them", parse)


def groups() -> Kind[dict[str, str]]:
    """Groups of the provider to groups of ours."""

    def parse(value: str) -> dict[str, str]:
        pairs = [entry.rpartition(":") for entry in value.split(",")] if value else []
        found = {theirs.strip(): ours.strip() for theirs, _, ours in pairs}
        if len(found) < len(pairs) or not all(name and re.fullmatch(_GROUP, ours) for name, ours in found.items()):
            raise ValueError(value)
        return found

    return Kind("theirs:ours with commas between them, each of theirs once", parse)


def libraries(own: dict[str, Any]) -> dict[str, Any]:
    """Settings of Django, allauth and axes that follow from ours, by name. `own`: the names of settings.py so far."""
    return _django(own) | _allauth(own) | _provider(own) | _axes(own)


def passkeys_work(base_url: str) -> bool:
    """Browsers have passkeys for names alone, never for IP addresses; and over TLS, but for this machine itself."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return parts.scheme == "https" or host == "localhost"
    return False


def _django(own: dict[str, Any]) -> dict[str, Any]:
    validation = "django.contrib.auth.password_validation"
    return {
        "AUTHENTICATION_BACKENDS": [
            "axes.backends.AxesStandaloneBackend",
            "django.contrib.auth.backends.ModelBackend",
        ],
        "AUTH_PASSWORD_VALIDATORS": [
            {"NAME": f"{validation}.UserAttributeSimilarityValidator"},
            {"NAME": f"{validation}.MinimumLengthValidator", "OPTIONS": {"min_length": own["RX_PASSWORD_LENGTH"]}},
            {"NAME": f"{validation}.CommonPasswordValidator"},
            {"NAME": f"{validation}.NumericPasswordValidator"},
            {"NAME": "prescriptions.accounts.passwords.NotOurWords"},
            {"NAME": "prescriptions.accounts.passwords.NotBreached"},
        ],
        "LOGIN_URL": "account_login",
        "LOGIN_REDIRECT_URL": "admin:index",
        "LOGOUT_REDIRECT_URL": "account_login",
        "PASSWORD_RESET_TIMEOUT": own["RX_PASSWORD_LINK_TTL"],
        "SESSION_COOKIE_AGE": own["RX_SESSION_LENGTH"],
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "CSRF_COOKIE_SAMESITE": "Lax",
        # What log-ins count, and which codes were used. All processes must know, and it must hold when Redis is away.
        "CACHES": {
            "default": {
                "BACKEND": "django.core.cache.backends.db.DatabaseCache",
                "LOCATION": "rx_cache",
                "OPTIONS": {"MAX_ENTRIES": 100_000},
            }
        },
    }


def _allauth(own: dict[str, Any]) -> dict[str, Any]:
    passkeys = passkeys_work(own["BASE_URL"])
    return {
        "ALLAUTH_TRUSTED_PROXY_COUNT": 1,  # the edge, which writes the header anew
        "ACCOUNT_ADAPTER": "prescriptions.accounts.adapters.Account",
        "ACCOUNT_FORMS": {"change_password": "prescriptions.accounts.views.ChangePasswordForm"},
        "ACCOUNT_LOGIN_METHODS": {"username"},
        "ACCOUNT_SIGNUP_FIELDS": ["username*", "password1*"],
        "ACCOUNT_EMAIL_VERIFICATION": "none",
        "ACCOUNT_SESSION_REMEMBER": True,  # RX_SESSION_LENGTH and RX_SESSION_IDLE say for how long
        "ACCOUNT_REAUTHENTICATION_TIMEOUT": own["RX_SIGNED_IN_LATELY"],
        "ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE": False,
        # A key is an account whose password was right already: strangers cannot use it up. Theirs is counted by address
        # (adapters.py), and by axes. What is not wrong is not counted: a stranger at the same address could use it up.
        "ACCOUNT_RATE_LIMITS": {"login_failed": "5/5m/key", "login": None},
        "MFA_ADAPTER": "prescriptions.accounts.adapters.Factors",
        "MFA_SUPPORTED_TYPES": [*_SECRET_FACTORS, *(["webauthn"] if passkeys else [])],
        "MFA_PASSKEY_LOGIN_ENABLED": passkeys,
        "MFA_FORMS": {
            "activate_totp": "prescriptions.accounts.views.SetUpApp",
            "add_webauthn": "prescriptions.accounts.views.AddPasskey",
        },
        "MFA_WEBAUTHN_USER_VERIFICATION": "preferred",
        "MFA_TOTP_TOLERANCE": 1,  # clocks of telephones
        "MFA_RECOVERY_CODE_COUNT": 10,
        "USERSESSIONS_ADAPTER": "prescriptions.accounts.adapters.Sessions",
    }


def _provider(own: dict[str, Any]) -> dict[str, Any]:
    app = {
        "provider_id": "sso",
        "name": own["RX_OIDC_NAME"],
        "client_id": own["RX_OIDC_CLIENT_ID"],
        "secret": own["RX_OIDC_CLIENT_SECRET"],
        "settings": {"server_url": own["RX_OIDC_URL"], "oauth_pkce_enabled": True},
    }
    return {
        "SOCIALACCOUNT_ADAPTER": "prescriptions.accounts.single_sign_on.SingleSignOn",
        "SOCIALACCOUNT_PROVIDERS": {"openid_connect": {"APPS": [app] if own["RX_OIDC_URL"] else []}},
        "SOCIALACCOUNT_STORE_TOKENS": False,
        # By a link: browsers hold `form-action` to every redirect that follows a form, and the provider has its own.
        "SOCIALACCOUNT_LOGIN_ON_GET": True,
        "SOCIALACCOUNT_REQUESTS_TIMEOUT": 5,
    }


def _axes(own: dict[str, Any]) -> dict[str, Any]:
    """An account is locked for one address only: whoever guesses from elsewhere locks nobody else out."""
    return {
        "AXES_LOCKOUT_PARAMETERS": [["username", "ip_address"]],
        "AXES_FAILURE_LIMIT": own["RX_LOGIN_FAILURES"],
        "AXES_COOLOFF_TIME": "prescriptions.accounts.lockout.pause",
        "AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT": False,
        "AXES_RESET_ON_SUCCESS": True,
        "AXES_CLIENT_IP_CALLABLE": "prescriptions.accounts.lockout.place",
        "AXES_LOCKOUT_CALLABLE": "prescriptions.accounts.lockout.locked",
        "AXES_USERNAME_CALLABLE": "prescriptions.accounts.lockout.username",
        "AXES_DISABLE_ACCESS_LOG": True,
        "AXES_ENABLE_ADMIN": False,
        "AXES_VERBOSE": False,
        "AXES_SENSITIVE_PARAMETERS": ["login", "username", "password", "csrfmiddlewaretoken", "next"],
    }
