"""Signing in with the company's own provider: OpenID Connect. Its groups decide about ours, at every log-in.

An account is the provider's if it was made by it, or made for it: one of the same name without a password. One that has
a password, or that somebody else there has come with before, is never taken over: names at a provider change hands, its
`sub` does not. Nobody becomes a superuser here.
"""

from typing import Any, Final

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import render

from prescriptions import audit
from prescriptions.accounts import lockout, policy, trail
from prescriptions.audit.actors import NOBODY, SYSTEM

# Under these our own words are told in the audit log; what the provider said is not.
NO_GROUP: Final = "none of its groups is ours"
NAME_TAKEN: Final = "the account of that name is somebody else's"
NO_NAME: Final = "it names nobody"


class SingleSignOn(DefaultSocialAccountAdapter):
    """What allauth asks between the provider's answer and the log-in."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        claims = _claims(sociallogin)
        groups = ours(claims.get(settings.RX_OIDC_GROUPS_CLAIM))
        if not groups:
            _refuse(request, sociallogin, NO_GROUP)
        with transaction.atomic():
            if not sociallogin.is_existing:
                sociallogin.connect(request, _account_for(request, sociallogin, claims))
            _bring_up_to_date(sociallogin.user, claims, groups)


def believe(request: HttpRequest, user: Any, sociallogin: SocialLogin | None = None, **_: Any) -> None:
    """Somebody is signed in: what the provider says of how and when. A receiver of allauth's signal."""
    claims = _claims(sociallogin) if sociallogin else {}
    ways, asked = claims.get("amr"), claims.get("auth_time")
    strong = isinstance(ways, list) and bool(policy.STRONG.intersection(str(way) for way in ways))
    request.session[policy.BY_PROVIDER] = str(user.pk) if strong else ""
    request.session[policy.ASKED_BY_PROVIDER] = asked if type(asked) is int else None


def ours(theirs: object) -> frozenset[str]:
    """Our groups for those that the provider names: a list of names, or one."""
    named = theirs if isinstance(theirs, list) else [theirs]
    mapping: dict[str, str] = settings.RX_OIDC_GROUPS
    return frozenset(mapping[str(name)] for name in named if str(name) in mapping)


def _claims(sociallogin: SocialLogin) -> dict[str, Any]:
    """Of the ID token and of the user's page; where both say something, the page."""
    data = sociallogin.account.extra_data
    return {**(data.get("id_token") or {}), **(data.get("userinfo") or {})}


def _account_for(request: HttpRequest, sociallogin: SocialLogin, claims: dict[str, Any]) -> Any:
    proven = claims.get("email") if claims.get("email_verified") is True else ""
    name = str(claims.get("preferred_username") or proven or "")[:150]
    if not name or not name.isprintable():
        _refuse(request, sociallogin, NO_NAME)
    User = get_user_model()  # noqa: N806 - a class
    user = User.objects.filter(username=name).first()
    if user is None:
        user = User(username=name, is_staff=True)
        user.set_unusable_password()
        user.save()
        trail.tell(user, trail.Verb.MADE, {"by": "single sign-on"}, actor=SYSTEM)
    elif user.has_usable_password() or user.is_superuser or SocialAccount.objects.filter(user=user).exists():
        _refuse(request, sociallogin, NAME_TAKEN)
    return user


def _bring_up_to_date(user: Any, claims: dict[str, Any], groups: frozenset[str]) -> None:
    """Names as the provider has them; of the groups that it decides about, those and no other."""
    user.is_staff = True
    for column, claim, most in (
        ("first_name", "given_name", 150),
        ("last_name", "family_name", 150),
        ("email", "email", 254),
    ):
        said = "".join(filter(str.isprintable, str(claims.get(claim) or "")))
        setattr(user, column, said[:most] or getattr(user, column))
    user.save()
    decided = set(settings.RX_OIDC_GROUPS.values())
    before = set(user.groups.filter(name__in=decided).values_list("name", flat=True))
    if before != groups:
        user.groups.remove(*Group.objects.filter(name__in=before - groups))
        user.groups.add(*Group.objects.filter(name__in=groups - before))
        trail.tell(user, trail.Verb.CHANGED, {"roles": sorted(groups), "before": sorted(before)}, actor=SYSTEM)


def _refuse(request: HttpRequest, sociallogin: SocialLogin, why: str) -> None:
    """403 with our page; the audit log knows why. Who is known gets it on their chain."""
    known = sociallogin.is_existing and sociallogin.user
    chain = trail.chain_of(known) if known else trail.UNKNOWN
    data = {"address": lockout.address(request), "why": why}
    audit.record_once(chain, trail.Verb.REFUSED, actor=NOBODY, data=data)
    raise ImmediateHttpResponse(render(request, "accounts/refused.html", {"why": why}, status=403))
