"""Valkey (or Redis), which carries messages and counts, and the workers and duties that hang on it."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.db import DatabaseError

from prescriptions.infra import redis_client
from prescriptions.ops.doctor import clocks
from prescriptions.ops.doctor.finding import Finding, Findings
from prescriptions.upkeep import ages
from prescriptions.variants import backends

_SAYS: Final = Findings("broker")
_WORK: Final = Findings("work")
_NEAR: Final = ("127.0.0.1", "localhost", "::1", None)
# An open claim is taken up again by the sweep after its lease; one much older than that waits for nobody.
_OLD_LEASES: Final = 4
_LATE_ROUNDS: Final = 3


def look() -> Iterator[Finding]:
    address = urlsplit(settings.RX_REDIS_URL)
    try:
        connection = redis_client.connection()
        before, began = datetime.now(UTC), time.monotonic()
        seconds, micros = connection.time()
        took = time.monotonic() - began
        about: dict[str, Any] = connection.info()
    except redis.AuthenticationError:
        yield _SAYS.bad("answers", "it does not take the password", "Look at RX_REDIS_URL, and at requirepass there.")
        return
    except redis.RedisError as error:
        where = f"{address.hostname}:{address.port or 6379}"
        yield _SAYS.bad("answers", f"{type(error).__name__}: {where}", "Look whether it runs, and at RX_REDIS_URL.")
        return
    name = "Valkey" if about.get("server_name") == "valkey" or "valkey_version" in about else "Redis"
    version = about.get("valkey_version") or about["redis_version"]
    yield _SAYS.good("answers", f"{name} {version}, in {took * 1000:.0f} ms")
    yield clocks.compare(_SAYS, datetime.fromtimestamp(seconds + micros / 1e6, UTC), before, took)
    yield _memory(about)
    yield _encryption(address.scheme, address.hostname)


def _memory(about: dict[str, Any]) -> Finding:
    used, most = about["used_memory"], about.get("maxmemory", 0)
    policy = about.get("maxmemory_policy", "noeviction")
    seen = f"{used / 2**20:.0f} MiB" + (f" of {most / 2**20:.0f}, {policy}" if most else ", no bound")
    if most and policy != "noeviction":
        do = "Set maxmemory-policy noeviction: a message that was thrown out is only found again after its lease."
        return _SAYS.warn("memory", seen, do)
    if most and used > 0.9 * most:
        return _SAYS.warn("memory", seen, "Raise maxmemory, or find out why messages pile up (work, below).")
    return _SAYS.good("memory", seen)


def _encryption(scheme: str, host: str | None) -> Finding:
    if scheme == "rediss":
        return _SAYS.good("encryption", "TLS")
    if scheme == "unix" or host in _NEAR:
        return _SAYS.good("encryption", "none, and the connection stays on this machine")
    return _SAYS.warn("encryption", f"none on the way to {host}", "rediss:// in RX_REDIS_URL.")


# --- Who works, and what waits --------------------------------------------------------------------------------------
def look_at_work() -> Iterator[Finding]:
    yield _workers()
    try:
        yield from _duties()
        yield from _claims()
    except DatabaseError:
        return  # said already
    for lane, count in ages.messages().items():
        if count > 1000:
            yield _WORK.warn(
                f"messages: {lane}", str(count), "Start more workers; a flood of one client is shared out."
            )


def _workers() -> Finding:
    if not backends.needs_worker(settings.RX_BACKEND, settings.RX_FALLBACK_BACKEND):
        return _WORK.good("workers", "none needed: misses go to the function")
    try:
        seen = redis_client.seen()
    except redis.RedisError:
        return _WORK.unknown("workers", "they report to the broker")
    if seen:
        return _WORK.good("workers", f"at least one reported within {settings.RX_WORKER_SILENCE} s")
    do = "Start one (worker), and read the end of its log: one that stops taking work ends itself."
    return _WORK.bad("workers", f"none has reported for {settings.RX_WORKER_SILENCE} s", do)


def _duties() -> Iterator[Finding]:
    every = {"sweep": settings.RX_SWEEP_EVERY, "erase": settings.RX_SWEEP_EVERY}
    begun = ages.duties()
    for name, seconds in every.items():
        if name not in begun:
            yield _WORK.bad(f"duty: {name}", "never begun", "Start beat: without it nothing is taken up again.")
        elif begun[name] > _LATE_ROUNDS * seconds + settings.RX_VARIANT_LEASE:
            yield _WORK.bad(
                f"duty: {name}", f"{begun[name]:.0f} s ago", "Start beat again, and read the end of its log."
            )
        else:
            yield _WORK.good(f"duty: {name}", f"{begun[name]:.0f} s ago")
    for name in ("reconcile", "retention"):
        if name in begun and begun[name] > 2 * 86_400:
            days = begun[name] / 86_400
            yield _WORK.warn(f"duty: {name}", f"{days:.0f} days ago", "Read beat's log at the hour it is due.")


def _claims() -> Iterator[Finding]:
    for lane, seconds in ages.claims_by_lane().items():
        if seconds > _OLD_LEASES * settings.RX_VARIANT_LEASE:
            do = "See whether workers take this lane, and RxLaneStuck in docs/how-to/runbook.md."
            yield _WORK.warn(f"oldest in {lane}", f"{seconds:.0f} s", do)
        elif seconds:
            yield _WORK.good(f"oldest in {lane}", f"{seconds:.0f} s")
