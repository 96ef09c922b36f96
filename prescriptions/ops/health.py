"""Is this process alive (/livez), and is everything there that requests need (/readyz)."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse

from prescriptions.infra import redis_client, storage
from prescriptions.infra.methods import methods
from prescriptions.infra.per_process import per_process
from prescriptions.ops import gate
from prescriptions.upkeep import ages
from prescriptions.variants import backends

# While S3 hangs, one look takes as long as all tries of a call; others do not take a thread each meanwhile.
WAIT_FOR_A_LOOK = 2.0


@dataclass(slots=True)
class _Last:
    """What the last look found: when (seconds of the monotonic clock), what was missing, and what had waited."""

    looking: threading.Lock = field(default_factory=threading.Lock)
    at: float = -inf
    missing: dict[str, str] = field(default_factory=dict)
    ages: dict[str, Any] = field(default_factory=dict)


@per_process
def _last() -> _Last:
    return _Last()


@methods("GET", "HEAD")
def livez(request: HttpRequest) -> JsonResponse:
    """This process answers. Says nothing about anything else, so that a restart never follows another part's outage.

    It waits for no other thread (rxproject/serving.py).
    """
    return JsonResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})


@methods("GET", "HEAD")
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when the database, storage, broker and a worker answer; else 503 naming what is missing.

    `ages`: what is not missing and may be late, in seconds; a balancer has nothing to do with it, and operators have.
    """
    found = _look()
    missing = found.missing
    # Not for who comes from outside, as with /metrics.
    told = {} if "X-Rx-Edge" in request.headers else {"ages": found.ages}
    if missing:
        return JsonResponse(
            {"status": "unavailable", "missing": missing, **told},
            status=503,
            headers={"Cache-Control": "no-store", "Retry-After": "2"},
        )
    return JsonResponse({"status": "ready", **told}, headers={"Cache-Control": "no-store"})


def _ages() -> dict[str, Any]:
    try:
        return {
            "duties": ages.duties(),
            "oldest_variant": ages.claims_by_lane(),
            "waiting_messages": ages.messages(),
        }
    except DatabaseError:  # it was there a moment ago
        return {}


def _look() -> _Last:
    """One look at a time."""
    last = _last()
    if not last.looking.acquire(timeout=WAIT_FOR_A_LOOK):
        return _Last(missing={"answer": "a look that began earlier has not ended"})
    try:
        if time.monotonic() - last.at >= settings.RX_READY_KEEP:
            _look_at_all(last)
    finally:
        last.looking.release()
    return last


def _look_at_all(last: _Last) -> None:
    missing = {}
    for name, check in _CHECKS.items():
        try:
            problem = check()
        except Exception as error:  # noqa: BLE001 - whatever went wrong, it is what is missing
            problem = type(error).__name__
        if problem:
            missing[name] = problem
    last.ages = {} if "database" in missing else _ages()
    last.at, last.missing = time.monotonic(), missing


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM prescriptions_variant LIMIT 1")
    return ""


def _storage() -> str:
    try:
        storage.reachable()
    except storage.StorageUnavailable as error:
        return str(error)
    return ""


def _broker() -> str:
    try:
        redis_client.connection().ping()
    except redis.RedisError as error:
        return type(error).__name__
    return ""


def _worker() -> str:
    if not backends.needs_worker(settings.RX_BACKEND, settings.RX_FALLBACK_BACKEND):
        return ""
    return "" if redis_client.seen() else "no worker of this release has reported"


def _erasures() -> str:
    """Only where requests are held up for it, too."""
    closed = settings.RX_ROLE in ("web", "generate") and not gate.is_open()
    return (
        "the database was restored: rxerasures verify, restore-check; or the ledger could not be read" if closed else ""
    )


_CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "storage": _storage,
    "broker": _broker,
    "worker": _worker,
    "erasures": _erasures,
}
