"""What the audit log knows of accounts: a chain for each person, and one for names that nobody has.

Signals of Django, allauth and axes end here. Names that were typed are never kept: they may be passwords.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.account.signals import password_changed, user_logged_in
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import (
    authentication_failed,
    authenticator_added,
    authenticator_removed,
    authenticator_reset,
    authenticator_used,
)
from axes.signals import user_locked_out
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_out, user_login_failed
from django.http import HttpRequest

from prescriptions import audit
from prescriptions.accounts import lockout
from prescriptions.audit.actors import NOBODY, Actor, staff

UNKNOWN: Final = "user-unknown"
ROLES: Final = "roles"


class Verb(StrEnum):
    """What happens to accounts."""

    LOGGED_IN = "account.login"
    LOGGED_OUT = "account.logout"
    FAILED = "account.failed"
    LOCKED = "account.locked"
    UNLOCKED = "account.unlocked"
    ENDED = "account.session_ended"
    CONFIRMED = "account.confirmed"
    FACTOR_ADDED = "account.factor_added"
    FACTOR_REMOVED = "account.factor_removed"
    CODES_MADE = "account.codes_made"
    PASSWORD_SET = "account.password"  # noqa: S105 - a verb
    LINK_MADE = "account.link"
    MADE = "account.made"
    CHANGED = "account.changed"
    REFUSED = "account.refused"
    ROLE_SET = "account.role"


def chain_of(user: Any) -> str:
    """The name of a person's chain, where prescriptions have their id."""
    return staff(user).chain


def tell(user: Any, verb: Verb, data: dict[str, Any] | None = None, *, actor: Actor | None = None) -> None:
    """Something happened to this account; `actor`: who did it, where it was somebody else."""
    audit.record(chain_of(user), verb, actor=actor or staff(user), data=data or {})


def tell_of_role(name: str, *, actor: Actor, permissions: list[str]) -> None:
    """A role was made or changed: what it may do from now on."""
    audit.record(ROLES, Verb.ROLE_SET, actor=actor, data={"role": name, "permissions": permissions})


def _where(request: HttpRequest | None) -> dict[str, str]:
    return {"address": lockout.address(request)} if request is not None else {}


def _hour() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H")


def _logged_in(request: HttpRequest, user: Any, response: Any = None, **_: Any) -> None:
    methods = [record["method"] for record in get_authentication_records(request, user)]
    tell(user, Verb.LOGGED_IN, {**_where(request), "how": methods})
    if response is not None:
        lockout.remember(response)


def _logged_out(request: HttpRequest, user: Any, **_: Any) -> None:
    if user is not None and user.is_authenticated:
        tell(user, Verb.LOGGED_OUT, _where(request))


def _failed(credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    """Bounded: axes lets so many through for an account and address; for names that nobody has, one an hour counts."""
    if getattr(request, "axes_locked_out", False) and request.axes_failures_since_start is None:  # type: ignore[union-attr]
        return  # it was not even looked at; told when it was locked
    user = get_user_model().objects.filter(username=str(credentials.get("username", ""))).first()
    if user is not None:
        audit.record(chain_of(user), Verb.FAILED, actor=NOBODY, data={**_where(request), "with": "password"})
    else:
        audit.record_once(UNKNOWN, Verb.FAILED, actor=NOBODY, data={**_where(request), "hour": _hour()})


def _locked(request: HttpRequest, **_: Any) -> None:
    """Once an hour for each account and address; what is tried meanwhile says nothing new."""
    name = (getattr(request, "axes_credentials", None) or {}).get("username", "")
    user = get_user_model().objects.filter(username=str(name)).first()
    chain = UNKNOWN if user is None else chain_of(user)
    audit.record_once(chain, Verb.LOCKED, actor=NOBODY, data={**_where(request), "hour": _hour()})


def _factor_failed(request: HttpRequest, user: Any, authenticator: Any, **_: Any) -> None:
    audit.record(chain_of(user), Verb.FAILED, actor=NOBODY, data={**_where(request), "with": authenticator.type})


def _factor_used(user: Any, authenticator: Any, reauthenticated: bool, **_: Any) -> None:
    if reauthenticated:
        tell(user, Verb.CONFIRMED, {"with": authenticator.type})


def _factor_added(request: HttpRequest, user: Any, authenticator: Any, **_: Any) -> None:
    """Its first code, or the key itself, was shown just now: the session counts as begun with it."""
    if authenticator.type == Authenticator.Type.RECOVERY_CODES:
        tell(user, Verb.CODES_MADE)
        return
    record_authentication(request, user, "mfa", id=authenticator.pk, type=authenticator.type)
    tell(user, Verb.FACTOR_ADDED, {"factor": authenticator.type})


def _factor_removed(user: Any, authenticator: Any, **_: Any) -> None:
    tell(user, Verb.FACTOR_REMOVED, {"factor": authenticator.type})


def _codes_made(user: Any, **_: Any) -> None:
    tell(user, Verb.CODES_MADE)


def _password_changed(user: Any, **_: Any) -> None:
    tell(user, Verb.PASSWORD_SET)


def listen() -> None:
    """Connect everything; called once, when the app is ready."""
    for signal, receiver in (
        (user_logged_in, _logged_in),
        (user_logged_out, _logged_out),
        (user_login_failed, _failed),
        (user_locked_out, _locked),
        (authentication_failed, _factor_failed),
        (authenticator_used, _factor_used),
        (authenticator_added, _factor_added),
        (authenticator_removed, _factor_removed),
        (authenticator_reset, _codes_made),
        (password_changed, _password_changed),
    ):
        signal.connect(receiver, dispatch_uid=f"rx.{receiver.__name__}")
