"""What was done may be sent again: whoever lost the answer gets it, and nothing is done twice.

An answer is kept in the transaction of the action itself. Of two equal requests at once the second waits for the
first one's row, and then reads it.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from itertools import chain
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from prescriptions.audit.actors import Actor
from prescriptions.infra.keys import sealing
from prescriptions.infra.problems import Problem
from prescriptions.models import (
    KEY,
    KEY_HELP,
    ClarificationMessage,
    IdempotencyKey,
    MessageAuthor,
    Replay,
    Review,
    ReviewStatus,
)
from prescriptions.review import clarifications, decisions, undo
from prescriptions.review.payload import LineVerdict, clean
from prescriptions.review.transitions import load, stale

_REUSED: Final = "idempotency-key-reused"
_AT_ONCE: Final = 5000  # forgotten by one sweep

Answer = dict[str, Any]  # JSON


def once(scope: str, key: str, sent: object, act: Callable[[], Answer], *, rx: str = "") -> tuple[Answer, bool]:
    """`act()`'s answer, and whether it is the kept one of an earlier time. An empty `key` keeps nothing.

    `scope`: who, and doing what; `sent`: what the request says (JSON); `rx`: what it is about, if not for the answer's
    "rx" to say. An exception of `act` is not kept, so the request may be sent again. Raises Problem 400, 422 (the key
    was sent with something else).
    """
    if not key:
        return act(), False
    if not KEY.match(key):
        errors = [{"header": "Idempotency-Key", "detail": KEY_HELP}]
        raise Problem(400, "invalid", _("The request is not valid"), KEY_HELP, errors=errors)
    fingerprint = hashlib.sha256(json.dumps(sent, sort_keys=True, default=str).encode()).hexdigest()
    kept = _kept(scope, key, fingerprint)
    if kept is not None:
        return kept, True
    try:
        with transaction.atomic():
            # First of all: whoever sends the same at the same time waits here, and not at the review's own row, where
            # they would be told that it has changed.
            row = Replay.objects.create(scope=scope, key=key, fingerprint=fingerprint, rx=rx)
            row.answer = act()
            row.rx = rx or row.answer.get("rx") or ""
            row.save(update_fields=["answer", "rx"])
    except IntegrityError:
        kept = _kept(scope, key, fingerprint)
        if kept is None:
            raise
        return kept, True
    return row.answer, False


def sent_before(scope: str, key: str) -> bool:
    """Has something come through with this key?"""
    return bool(key) and Replay.objects.filter(scope=scope, key=key).exists()


# --- Staff: the version that was looked at is the key, for nobody acts on it twice ------------------------------------
def decide_once(rx: str, sent: Mapping[str, Any], *, actor: Actor, version: int) -> tuple[Review, bool]:
    """`decisions.act` for forms, and whether it was done before. As soon as anything has happened since, it is refused
    as any other that comes too late.
    """

    def decide() -> Answer:
        return {"version": decisions.act(rx, sent, actor=actor, version=version, typed=True).version}

    answer, replayed = _by_version("decide", rx, sent, decide, actor=actor, version=version)
    review = load(rx)
    if replayed and review.version != answer["version"]:
        return decisions.act(rx, sent, actor=actor, version=version, typed=True), False
    return review, replayed


def undo_once(rx: str, *, actor: Actor, version: int, claimed: str) -> tuple[Review, tuple[LineVerdict, ...]]:
    """`undo.undo`, which may be sent again in the same way."""

    def take_back() -> Answer:
        review, verdicts = undo.undo(rx, actor=actor, version=version, claimed=claimed)
        lines = [[line.position, line.decision, line.allowed, line.reason] for line in verdicts]
        return {"version": review.version, "lines": lines}

    answer, replayed = _by_version("undo", rx, claimed, take_back, actor=actor, version=version)
    review = load(rx)
    if replayed and review.version != answer["version"]:
        return undo.undo(rx, actor=actor, version=version, claimed=claimed)
    return review, tuple(LineVerdict(*line) for line in answer["lines"])


def leave_once(rx: str, leave: Callable[[], Review], *, actor: Actor, version: int, how: str) -> None:
    """Give an item back, by `leave`: who has done so before has done so, whoever has it now."""
    _by_version(how, rx, "", lambda: {"version": leave().version}, actor=actor, version=version)


# --- Customers: what they did shows in the rows -----------------------------------------------------------------------
def answer_once(rx: str, text: str, *, actor: Actor, question: int | None) -> None:
    """`clarifications.answer` to the question with this id, which may be sent again. Without an id: to the open one.

    Raises Problem as it does; 409 too where another question is open now, which this is no answer to.
    """
    review = load(rx)
    asked = clarifications.open_question(review)
    try:
        if question is not None and (asked is None or asked.pk != question):
            raise stale(review)
        clarifications.answer(rx, text, actor=actor, version=review.version)
    except Problem as problem:
        if problem.status != 409 or not _answered(rx, text, question):
            raise


def withdraw_once(rx: str, *, actor: Actor) -> None:
    """`clarifications.withdraw`, which may be sent again."""
    try:
        clarifications.withdraw(rx, actor=actor)
    except Problem as problem:
        if problem.status != 409 or load(rx).status != ReviewStatus.WITHDRAWN:
            raise


def _answered(rx: str, text: str, question: int | None) -> bool:
    """Is this the answer that the question got?"""
    asked = ClarificationMessage.objects.filter(review=rx, pk=question or 0, author=MessageAuthor.STAFF).first()
    if asked is None or asked.answered_at is None:
        return False
    said = ClarificationMessage.objects.filter(review=rx, author=MessageAuthor.CUSTOMER, at__gte=asked.at)
    first = said.order_by("at", "id").first()
    return first is not None and first.text == clean(text)


# --- Forgetting -------------------------------------------------------------------------------------------------------
def sweep() -> int:
    """Forget what nobody will ask for any more, so much at a time; returns how much."""
    before = timezone.now() - timedelta(seconds=settings.RX_REPLAY_KEEP)
    forgotten = 0
    for kind in (Replay, IdempotencyKey):
        oldest = kind.objects.filter(created_at__lt=before).order_by("created_at").values_list("pk", flat=True)
        forgotten += kind.objects.filter(pk__in=list(oldest[:_AT_ONCE])).delete()[0]
    return forgotten


def forget(rx: str) -> None:
    """With an erasure: answers quote the review, and keys and fingerprints are the client's."""
    Replay.objects.filter(rx=rx).delete()
    IdempotencyKey.objects.filter(prescription=rx).delete()


def forget_of(client: str, **references: str) -> None:
    """What is about a patient (`patient_ref`) or an order (`order_ref`): links were made for them."""
    named = [about(client, kind, reference) for kind, reference in references.items() if reference]
    Replay.objects.filter(rx__in=list(chain.from_iterable(named))).delete()


def about(client: str, kind: str, reference: str) -> list[str]:
    """What stands for the prescription in a row about a patient or an order (`kind`: the reference's name), which it
    does not tell: under today's key, and under those of before.
    """
    return [f"~{digest[:31]}" for digest in sealing.digests(json.dumps([client, kind, reference]).encode())]


# --- Rows -----------------------------------------------------------------------------------------------------------
def _by_version(
    how: str, rx: str, sent: object, act: Callable[[], Answer], *, actor: Actor, version: int
) -> tuple[Answer, bool]:
    key = f"{rx}.{version}"
    try:
        return once(f"{how}:{actor}", key, sent, act, rx=rx)
    except Problem as problem:
        if problem.code != _REUSED:
            raise
    return act(), False  # something else on the same version: it is told what has happened meanwhile


def _kept(scope: str, key: str, fingerprint: str) -> Answer | None:
    row = Replay.objects.filter(scope=scope, key=key).first()
    if row is None:
        return None
    if row.fingerprint != fingerprint:
        detail = _("Use a new key for another request.")
        raise Problem(422, _REUSED, _("This Idempotency-Key belongs to another request"), detail)
    answer: Answer = row.answer
    return answer
