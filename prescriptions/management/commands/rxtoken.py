"""`manage.py rxtoken create|list|rotate|revoke|origins`: bearer tokens of REST clients, and the origins of these."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from prescriptions.api import tokens
from prescriptions.audit.actors import SYSTEM
from prescriptions.models import ApiToken, origins_of
from prescriptions.models.access import check_origins


class Command(BaseCommand):
    help = "Creates, lists, rotates and revokes API tokens. A token's text is shown once, when it is created."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        making = actions.add_parser("create", help="a new token; its text is shown now, and never again")
        making.add_argument("--name", required=True, help="what it is called in lists and in the audit log")
        making.add_argument("--client", help="whose prescriptions it sees; the name by default")
        scopes = f"of {', '.join(tokens.SCOPES)}; comma-separated"
        making.add_argument("--scopes", default="rx:read,rx:write", help=scopes)
        making.add_argument("--user", help="the member of staff in whose name it reviews (scope rx:review)")
        replacing = actions.add_parser("rotate", help="a new token with the same rights; the old one ends later")
        replacing.add_argument("id", help="as list shows it")
        replacing.add_argument("--overlap", type=int, default=7, help="days for which both are good; 7 by default")
        for one in (making, replacing):
            days = one.add_mutually_exclusive_group()
            days.add_argument("--days", type=int, help=f"valid for so many days; {settings.RX_TOKEN_DAYS} by default")
            days.add_argument("--without-end", action="store_true", help="valid until it is revoked")
        actions.add_parser("list", help="ids, clients, scopes and ends; no token's text")
        revoking = actions.add_parser("revoke", help="it opens nothing from now on")
        revoking.add_argument("id", help="as list shows it")
        listing = actions.add_parser("origins", help="whose pages may call with a client's tokens")
        listing.add_argument("client", help="as its tokens have it")
        listing.add_argument(
            "--set", nargs="*", metavar="ORIGIN", help="instead of those that are listed; none: no page"
        )

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        getattr(self, f"_{action}")(**options)

    def _create(self, *, name: str, client: str | None, scopes: str, user: str | None, **options: Any) -> None:
        wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
        unknown = sorted(set(wanted) - set(tokens.SCOPES))
        if unknown or not wanted:
            allowed = "\n".join(f"  {scope:14} {meaning}" for scope, meaning in tokens.SCOPES.items())
            message = f"Unknown scopes: {', '.join(unknown) or '(none given)'}. Allowed are:\n{allowed}"
            raise CommandError(message)
        if not name.strip() or len(name) > 100 or len(client or name) > 64:
            raise CommandError("--name has 1 to 100 characters, --client at most 64.")
        person = get_user_model().objects.filter(username=user, is_staff=True, is_active=True).first() if user else None
        if user and person is None:
            message = f"--user {user!r} is not an active member of staff."
            raise CommandError(message)
        if "rx:review" in wanted and person is None:
            raise CommandError("rx:review needs --user: decisions are made by people.")
        end = tokens.end_of(_days(**options))
        _token, text = tokens.make(name=name, client=client or name, scopes=wanted, expires_at=end, user=person)
        self.stdout.write(text)

    def _rotate(self, *, id: str, overlap: int, **options: Any) -> None:  # noqa: A002 - the argument's name
        if not 0 <= overlap <= tokens.MOST_DAYS:
            message = f"--overlap must be 0 to {tokens.MOST_DAYS} days."
            raise CommandError(message)
        end = tokens.end_of(_days(**options))
        try:
            _new, text = tokens.replace(_found(id), overlap=timedelta(days=overlap), expires_at=end, by=SYSTEM)
        except ValueError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(text)

    def _list(self, **_: Any) -> None:
        for token in ApiToken.objects.all():
            state = "revoked" if token.revoked_at else "active" if tokens.is_good(token) else "expired"
            until = f"until {token.expires_at:%Y-%m-%d}" if token.expires_at else "without end"
            scopes = ",".join(token.scopes)
            self.stdout.write(f"{token.id}  {state:8} {until:17} {token.client:20} {scopes:40} {token.name}")

    def _origins(self, *, client: str, set: list[str] | None, **_: Any) -> None:  # noqa: A002 - the option's name
        if set is not None:
            if not ApiToken.objects.filter(client=client).exists():
                message = f"No token is of a client by the name {client!r}; see `rxtoken list`."
                raise CommandError(message)
            try:
                check_origins(set)
            except ValidationError as error:
                raise CommandError(" ".join(error.messages)) from None
            tokens.set_origins(client, set, by=SYSTEM)
        for origin in sorted(origins_of(client)):
            self.stdout.write(origin)

    def _revoke(self, *, id: str, **_: Any) -> None:  # noqa: A002 - the argument's name
        if not tokens.revoke(_found(id), by=SYSTEM):
            raise CommandError(_missing(id))
        self.stdout.write(f"revoked {id}")


def _days(*, days: int | None, without_end: bool, **_: Any) -> int | None:
    if days is not None and not 1 <= days <= tokens.MOST_DAYS:
        message = f"--days must be 1 to {tokens.MOST_DAYS}; --without-end makes a token that is only ever revoked."
        raise CommandError(message)
    return None if without_end else days or settings.RX_TOKEN_DAYS


def _found(identifier: str) -> ApiToken:
    token = ApiToken.objects.filter(pk=identifier).first()
    if token is None:
        raise CommandError(_missing(identifier))
    return token


def _missing(identifier: str) -> str:
    return f"There is no active token {identifier!r}; see `rxtoken list`."
