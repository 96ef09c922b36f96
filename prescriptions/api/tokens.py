"""API tokens are made, replaced and revoked here; each act is in the audit log.

A token is `rxk_<id>_<secret>`: its id finds the row, the hash of its secret decides. The text exists only in the hands
of whoever asked for it.
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from prescriptions import audit
from prescriptions.audit.actors import SYSTEM, Actor
from prescriptions.models import ApiToken, Client

SCOPES: Final = {
    "rx:read": "read prescriptions, pages and variants",
    "rx:write": "upload prescriptions",
    "rx:erase": "erase prescriptions",
    "rx:override": "erase them before their retention is over, with a reason",
    "rx:hold": "set and lift legal holds",
    "rx:export": "export all prescriptions of a patient or an order",
    "rx:review": "claim and decide in the name of the person whom the token is bound to",
    "rx:all": "see the prescriptions of every client, not only its own",
    "webhooks:write": "set up webhooks, and see what was sent to them",
    "orders:write": "write orders, and mint upload links for their customers",
    "ops:read": "read /metrics and figures (/api/v1/stats)",
}
MOST_DAYS: Final = 3650
# The chain of events about clients.
CLIENTS: Final = "clients"


class Verb(StrEnum):
    """What happens to tokens."""

    MADE = "token.made"
    REPLACED = "token.replaced"
    REVOKED = "token.revoked"
    ORIGINS_SET = "client.origins"


def make(
    *,
    name: str,
    client: str,
    scopes: Sequence[str],
    expires_at: datetime | None = None,
    user: Any = None,
    by: Actor = SYSTEM,
) -> tuple[ApiToken, str]:
    """A new token and its text. `user`: in whose name it reviews."""
    identifier, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    with transaction.atomic():
        token = ApiToken.objects.create(
            id=identifier,
            name=name,
            client=client,
            scopes=list(scopes),
            secret_sha256=hashlib.sha256(secret.encode()).hexdigest(),
            expires_at=expires_at,
            user=user,
        )
        until = expires_at and expires_at.isoformat(timespec="seconds")
        _tell(token, Verb.MADE, by, {"client": client, "scopes": list(scopes), "until": until})
    return token, f"rxk_{identifier}_{secret}"


def replace(token: ApiToken, *, overlap: timedelta, expires_at: datetime | None, by: Actor) -> tuple[ApiToken, str]:
    """One with the same rights. The old one ends after `overlap`, or when it would have ended anyway.

    Raises ValueError for a token that is good for nothing any more.
    """
    end = timezone.now() + overlap
    with transaction.atomic():
        held = ApiToken.objects.select_for_update(of=("self",)).select_related("user").get(pk=token.pk)
        if not is_good(held):
            message = f"Token {token.pk} is expired or revoked."
            raise ValueError(message)
        new, text = make(
            name=held.name, client=held.client, scopes=held.scopes, expires_at=expires_at, user=held.user, by=by
        )
        held.expires_at = min(end, held.expires_at) if held.expires_at else end
        held.save(update_fields=["expires_at"])
        _tell(held, Verb.REPLACED, by, {"with": new.pk, "until": held.expires_at.isoformat(timespec="seconds")})
    return new, text


def revoke(token: ApiToken, *, by: Actor) -> bool:
    """It opens nothing from now on. False if that was so already."""
    with transaction.atomic():
        revoked = ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())
        if revoked:
            _tell(token, Verb.REVOKED, by, {})
    return bool(revoked)


def set_origins(client: str, origins: Sequence[str], *, by: Actor) -> None:
    """Origins whose pages may call with this client's tokens from now on; checked by `models.access.check_origins`."""
    with transaction.atomic():
        Client.objects.update_or_create(pk=client, defaults={"origins": list(origins)})
        audit.record(CLIENTS, Verb.ORIGINS_SET, actor=by, data={"client": client, "origins": list(origins)})


def is_good(token: ApiToken) -> bool:
    """Neither revoked nor expired."""
    return token.revoked_at is None and (token.expires_at is None or token.expires_at > timezone.now())


def end_of(days: int | None) -> datetime | None:
    """So many days from now; None for ever."""
    return timezone.now() + timedelta(days=days) if days else None


def _tell(token: ApiToken, verb: Verb, by: Actor, data: dict[str, Any]) -> None:
    audit.record(f"token-{token.pk}", verb, actor=by, data=data)
