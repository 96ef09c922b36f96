"""Bearer tokens `rxk_<id>_<secret>`: the id finds the row, the hash of the secret decides.

Secrets are never stored or logged.
"""

import hashlib
import hmac
import re
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from prescriptions.accounts.lockout import address
from prescriptions.api import tokens
from prescriptions.infra.scripts.throttle import WRONG_TOKENS
from prescriptions.models import ApiToken

_TOKEN = re.compile(r"rxk_([0-9a-f]{16})_([A-Za-z0-9_-]{43})\Z")
# Writing "last used" on each request would turn every read into a write.
_LAST_USED_STEP = timedelta(minutes=1)


class TokenClient(AnonymousUser):
    """The caller behind a token: authenticated, but nobody who could log in."""

    is_authenticated = True  # type: ignore[assignment]
    is_anonymous = False  # type: ignore[assignment]


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer rxk_…`; anything else is left to the session.

    Raises Problem 429, before the database is asked, where too many wrong ones came from the address.
    """

    def authenticate(self, request: Request) -> tuple[TokenClient, ApiToken] | None:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        where = address(request._request)
        WRONG_TOKENS.check(where)
        match = _TOKEN.match(text.strip())
        token = ApiToken.objects.select_related("user").filter(pk=match[1]).first() if match else None
        presented = hashlib.sha256(match[2].encode()).hexdigest() if match else ""
        now = timezone.now()
        if token is None or not hmac.compare_digest(presented, token.secret_sha256) or not tokens.is_good(token):
            WRONG_TOKENS.wrong(where)
            raise AuthenticationFailed("The token is unknown, expired or revoked.")
        if token.last_used_at is None or now - token.last_used_at > _LAST_USED_STEP:
            ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
        return TokenClient(), token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="prescriptions"'


class StaffSession(SessionAuthentication):
    """A signed-in member of staff. One whose session does not count is told why."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        found = super().authenticate(request)
        if found is None and (refusal := getattr(request._request, "refusal", None)):
            raise AuthenticationFailed(f"This session does not count: {refusal}. Sign in again.")
        return found
