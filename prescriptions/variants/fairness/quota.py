"""How much one unit may have open in a lane: RX_CLIENT_QUEUE claims, queued or under way, of all that RX_QUEUE_LIMIT
allows. Counted in Redis; where that is away nobody is refused, and it is counted that nobody knew.
"""

from typing import Final

from django.conf import settings

from prescriptions.infra import metrics, ratelimit, scripts
from prescriptions.infra.problems import Problem

NAME: Final = "open"
_RETRY_SECONDS: Final = 5

# A set of ids, each with the time at which it does not count any more, whatever became of it.
_TAKE: Final = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local left = tonumber(ARGV[1]) - redis.call('ZCARD', KEYS[1])
if ARGV[3] == '' then return math.max(left, 0) end
if left <= 0 then return -1 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return left - 1
"""
_LEAVE: Final = "return redis.call('ZREM', KEYS[1], ARGV[1])"


def key(lane: str, unit: str) -> str:
    return f"rx:open:{lane}:{unit}"


def counted_seconds() -> int:
    """A claim that waits is taken up again by the sweep once in a lease, and counts anew. One of which nothing is heard
    for two is forgotten.
    """
    return 2 * int(settings.RX_VARIANT_LEASE)


def take(unit: str, lane: str, variant_id: str) -> int | None:
    """One more is open; returns how many more may be. Raises Problem 429 where that is one too many."""
    left = _ask(unit, lane, variant_id)
    if left is not None and left < 0:
        metrics.quota_refused(NAME)
        raise Problem(
            429,
            "too-much-at-once",
            "Too much at once",
            f"{settings.RX_CLIENT_QUEUE} of your variants are being made now, which is as many as one client may have "
            "open. Ask for more as they become ready.",
            retry_after=_RETRY_SECONDS,
            headers=fields(0),
        )
    return left


def left(unit: str, lane: str) -> int | None:
    """How many more may be open; None: nobody knows."""
    return _ask(unit, lane, "")


def _ask(unit: str, lane: str, variant_id: str) -> int | None:
    values: scripts.Values = [settings.RX_CLIENT_QUEUE, counted_seconds(), variant_id]
    try:
        return int(scripts.run(_TAKE, keys=[key(lane, unit)], values=values))
    except scripts.Away:
        metrics.quota_unknown(NAME)
        return None


def leave(unit: str, lane: str, variant_id: str) -> None:
    """It is made, or will not be for now. If nobody can be told, it is forgotten by itself."""
    try:
        scripts.run(_LEAVE, keys=[key(lane, unit)], values=[variant_id])
    except scripts.Away:
        return


def fields(left: int | None) -> dict[str, str]:
    """RateLimit-Policy, and RateLimit where it is known what is left."""
    return ratelimit.fields(NAME, settings.RX_CLIENT_QUEUE, left=left, reset=_RETRY_SECONDS)
