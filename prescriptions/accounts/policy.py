"""Who must have a second factor, and whether a session was begun with one."""

from collections.abc import Collection
from typing import Any, Final

from allauth.account.internal.flows.login import get_authentication_records
from django.conf import settings
from django.http import HttpRequest

# What RFC 8176 calls the ways of signing in that a stolen password is not enough for.
STRONG: Final = frozenset({"mfa", "otp", "hwk", "swk", "sc", "fpt", "face"})
# In the session: the person for whom the provider of single sign-on says that it asked for a second factor.
BY_PROVIDER: Final = "rx_second_factor_elsewhere"
# In the session: when the provider last asked a person who they are, as Unix time; None where it does not say.
ASKED_BY_PROVIDER: Final = "rx_asked_elsewhere"


def is_needed(user: Any) -> bool:
    """Does the policy ask this person for a second factor? Costs queries but for superusers."""
    first, *groups = settings.RX_SECOND_FACTOR
    if first == "off":
        return False
    if user.is_superuser or first == "staff" or user.has_perm("prescriptions.view_page"):
        return True
    return bool(groups) and user.groups.filter(name__in=groups).exists()


def covers(role: str, held: Collection[str]) -> bool:
    """The same of somebody who has this one role and its permissions, by codename."""
    first, *groups = settings.RX_SECOND_FACTOR
    return first != "off" and (first == "staff" or "view_page" in held or role in groups)


def was_used(request: HttpRequest, user: Any) -> bool:
    """Was this person's session begun, or gone on with, by more than a password?"""
    if any(record.get("method") == "mfa" for record in get_authentication_records(request, user)):
        return True
    return settings.RX_OIDC_SECOND_FACTOR == "provider" and request.session.get(BY_PROVIDER) == str(user.pk)


def last_shown(request: HttpRequest, user: Any) -> float:
    """When this person last proved in this session who they are, as Unix time; 0: never.

    To come through the provider proves it as of when the provider asked: it may have let them through unasked.
    """

    def at(record: dict[str, Any]) -> float:
        shown = float(record.get("at", 0))
        asked = request.session.get(ASKED_BY_PROVIDER) if record.get("method") == "socialaccount" else None
        return shown if asked is None else min(shown, asked)

    return max(map(at, get_authentication_records(request, user)), default=0.0)
