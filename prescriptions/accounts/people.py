"""Making accounts and mending them: by an administrator, each act in the audit log."""

from typing import Any
from urllib.parse import quote

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.tokens import default_token_generator
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from prescriptions.accounts import lockout, trail
from prescriptions.accounts.trail import Verb
from prescriptions.audit import actors


def password_link(user: Any, *, by: Any) -> str:
    """An address at which this person chooses a password, once, within RX_PASSWORD_LINK_TTL. Shown once, kept nowhere.

    What locked them out is forgotten. An older link ends when a newer one is used, or with its time.
    """
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    address = reverse("set_password", args=[uid, default_token_generator.make_token(user)])
    lockout.unlock(user.get_username())
    trail.tell(user, Verb.LINK_MADE, actor=actors.staff(by))
    return f"{settings.BASE_URL}{quote(address)}"


def forget_factors(user: Any, *, by: Any) -> int:
    """Telephone and passkeys are lost: all second factors go, and every session ends. How many factors there were."""
    count: int = Authenticator.objects.filter(user=user).delete()[0]
    end_sessions(user)
    trail.tell(user, Verb.FACTOR_REMOVED, {"factor": "all"}, actor=actors.staff(by))
    return count


def is_last_administrator(user: Any) -> bool:
    """Is nobody but this person left who may make accounts and can sign in, by a password or by single sign-on?

    Within a transaction nobody else finds this out at the same time.
    """
    others = get_user_model().objects.filter(is_superuser=True, is_staff=True, is_active=True).exclude(pk=user.pk)
    by_provider = SocialAccount.objects.filter(user__in=others).values_list("user", flat=True)
    elsewhere = frozenset(by_provider) if settings.RX_OIDC_URL else frozenset()
    return not any(
        other.has_usable_password() or other.pk in elsewhere for other in others.select_for_update().order_by("pk")
    )


def end_sessions(user: Any) -> None:
    """Whoever is signed in as this person is not any more."""
    for session in UserSession.objects.filter(user=user):
        session.end()


def made(user: Any, *, by: Any, roles: list[str]) -> None:
    """An account is there."""
    trail.tell(user, Verb.MADE, {"roles": roles}, actor=actors.staff(by))


def changed(user: Any, *, by: Any, what: list[str], roles: list[str]) -> None:
    """An account was changed: which fields, and the roles it has now. One that was closed has no sessions any more."""
    if not user.is_active:
        end_sessions(user)
    data = {"fields": sorted(what), "roles": roles, "active": user.is_active}
    trail.tell(user, Verb.CHANGED, data, actor=actors.staff(by))
