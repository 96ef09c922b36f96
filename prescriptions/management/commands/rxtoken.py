"""`manage.py rxtoken create|list|revoke`: bearer tokens of REST clients."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from prescriptions.api.authentication import SCOPES, create
from prescriptions.models import ApiToken

_MOST_DAYS = 3650


class Command(BaseCommand):
    help = "Creates, lists and revokes API tokens. A token's text is shown once, when it is created."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        making = actions.add_parser("create")
        making.add_argument("--name", required=True)
        making.add_argument("--client", help="whose prescriptions it sees; the name by default")
        making.add_argument("--scopes", default="rx:read,rx:write", help=f"of {', '.join(SCOPES)}; comma-separated")
        making.add_argument("--user", help="the member of staff in whose name it reviews (scope rx:review)")
        making.add_argument("--days", type=int, help="valid for so many days; for ever by default")
        actions.add_parser("list")
        actions.add_parser("revoke").add_argument("id")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        getattr(self, f"_{action}")(**options)

    def _create(
        self, *, name: str, client: str | None, scopes: str, days: int | None, user: str | None, **_: Any
    ) -> None:
        wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
        unknown = sorted(set(wanted) - set(SCOPES))
        if unknown or not wanted:
            allowed = "\n".join(f"  {scope:14} {meaning}" for scope, meaning in SCOPES.items())
            message = f"Unknown scopes: {', '.join(unknown) or '(none given)'}. Allowed are:\n{allowed}"
            raise CommandError(message)
        if not name.strip() or len(name) > 100 or len(client or name) > 64:
            raise CommandError("--name has 1 to 100 characters, --client at most 64.")
        if days is not None and not 1 <= days <= _MOST_DAYS:
            message = f"--days must be 1 to {_MOST_DAYS}; leave it out for a token without an end."
            raise CommandError(message)
        person = get_user_model().objects.filter(username=user, is_staff=True, is_active=True).first() if user else None
        if user and person is None:
            message = f"--user {user!r} is not an active member of staff."
            raise CommandError(message)
        if "rx:review" in wanted and person is None:
            raise CommandError("rx:review needs --user: decisions are made by people.")
        expires = timezone.now() + timedelta(days=days) if days else None
        _token, text = create(name=name, client=client or name, scopes=wanted, expires_at=expires, user=person)
        self.stdout.write(text)

    def _list(self, **_: Any) -> None:
        for token in ApiToken.objects.all():
            state = "revoked" if token.revoked_at else "active"
            self.stdout.write(f"{token.id}  {state:8} {token.client:20} {','.join(token.scopes):40} {token.name}")

    def _revoke(self, *, id: str, **_: Any) -> None:  # noqa: A002 - the argument's name on the command line
        if not ApiToken.objects.filter(pk=id, revoked_at=None).update(revoked_at=timezone.now()):
            message = f"There is no active token {id!r}; see `rxtoken list`."
            raise CommandError(message)
        self.stdout.write(f"revoked {id}")
