"""A request with an Idempotency-Key is done once (draft-ietf-httpapi-idempotency-key-header).

Its row is reserved before anything is done, and settled in the transaction of what it does: so neither two at once nor
a death in between do it twice. Whoever sends it meanwhile is told so, and what it will become. A reservation only
spares work: whoever outlives it finds at the end that another has it, and writes nothing.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import DatabaseError, IntegrityError, transaction

from prescriptions.infra.addresses import absolute
from prescriptions.infra.database import agreed
from prescriptions.infra.problems import Problem
from prescriptions.models import KEY, KEY_HELP, Replay, new_identifier

# Whoever reserved it and is not heard of for so long has died, and whoever sends it next does it.
_LEASE: Final = timedelta(seconds=10)
_RETRY_SECONDS: Final = 2


@dataclass(frozen=True, slots=True)
class Reservation:
    """This process's right to do it; it ends with the lease, when another one comes for it."""

    pk: int
    owner: str

    def tell(self, path: str) -> None:
        """Where it will be, for whoever sends it meanwhile."""
        self._held().update(location=path)

    def renew(self) -> None:
        """It is still being worked on."""
        self._held().update(until=agreed.now() + _LEASE)

    def settle(self, answer: dict[str, Any], *, rx: str = "") -> None:
        """In the transaction of what was done. `rx`: with whose erasure the answer goes.

        Raises Problem 409 where the lease was over and another has it now: nothing of this may be written.
        """
        if not self._held().update(answer=answer, until=None, rx=rx):
            raise in_flight("")

    def release(self) -> None:
        """It was refused: the same key may come again with it put right."""
        with suppress(DatabaseError):  # then it ends by itself
            self._held().delete()

    def _held(self) -> Any:
        return Replay.objects.filter(pk=self.pk, owner=self.owner, until__isnull=False)


def begin(scope: str, key: str, fingerprint: str, *older: str) -> Reservation | dict[str, Any]:
    """The right to do it, or the answer that was kept. `scope`: who, and doing what; `fingerprint`: of what was sent,
    and under `older` keys the same.

    Raises Problem: 400 (no key), 409 (under way), 422 (the key was sent with something else).
    """
    check_key(key)
    owner, now = new_identifier(), agreed.now()
    try:
        with transaction.atomic():
            row = Replay.objects.create(scope=scope, key=key, fingerprint=fingerprint, owner=owner, until=now + _LEASE)
    except IntegrityError:
        known = Replay.objects.filter(scope=scope, key=key).first()
    else:
        return Reservation(row.pk, owner)
    if known is None:
        raise in_flight("")  # it was just refused
    if known.fingerprint not in (fingerprint, *older):
        raise reused()
    if known.until is None:
        answer: dict[str, Any] = known.answer
        return answer
    over = Replay.objects.filter(pk=known.pk, owner=known.owner, until=known.until, until__lt=now)
    if not over.update(owner=owner, until=now + _LEASE, location=""):
        raise in_flight(known.location)
    return Reservation(known.pk, owner)


def check_key(key: str) -> None:
    """Raises Problem 400."""
    if not KEY.match(key):
        errors = [{"header": "Idempotency-Key", "detail": KEY_HELP}]
        raise Problem(400, "invalid", "The request is not valid", KEY_HELP, errors=errors)


def reused() -> Problem:
    return Problem(
        422,
        "idempotency-key-reused",
        "This Idempotency-Key belongs to another request",
        "Use a new key for another request, other files or other fields.",
    )


def in_flight(path: str) -> Problem:
    headers = {"Location": absolute(path)} if path else {}
    will_be = " Location says what it will become." if path else ""
    return Problem(
        409,
        "in-flight",
        "The same request is under way",
        f"It was sent before with this Idempotency-Key and is not done yet. Send it again in a moment.{will_be}",
        retry_after=_RETRY_SECONDS,
        headers=headers,
    )
