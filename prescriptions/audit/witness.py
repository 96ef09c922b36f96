"""A second memory of how long each chain is, in Redis: for the minutes until an anchor seals it.

Nothing in a database can tell that its newest rows are gone. Who deletes them there does not reach this; and if Redis
was away or emptied, the minutes before the next anchor are vouched for by nobody.
"""

import time
from collections.abc import Mapping
from typing import Final

import redis

from prescriptions.infra import redis_client
from prescriptions.infra.guards.breaker import Breaker
from prescriptions.infra.per_process import per_process

# Each part of an hour has a key of its own and goes as a whole, so that nothing is ever taken out singly.
_PART: Final = 1200
_KEPT: Final = 3


@per_process
def _breaker() -> Breaker:
    """So that a Redis that hangs costs one request its time-out and not all."""
    return Breaker(failures=1)


def note(heads: Mapping[str, int]) -> None:
    """Remember the newest number of each chain. Never raises: the event itself is written."""
    if _breaker().refuses():
        return
    part = _key(int(time.time()) // _PART)
    try:
        with redis_client.connection().pipeline(transaction=False) as pipe:
            pipe.zadd(part, dict(heads), gt=True)
            pipe.expire(part, _PART * _KEPT)
            pipe.execute()
    except redis.RedisError:
        _breaker().failed()
    else:
        _breaker().worked()


def recall_one(rx: str) -> int:
    """The newest number of one chain, 0 if it did not grow within the last hour. Raises redis.RedisError."""
    with redis_client.connection().pipeline(transaction=False) as pipe:
        for part in _parts():
            pipe.zscore(part, rx)
        return int(max(filter(None, pipe.execute()), default=0))


def recall() -> dict[str, int]:
    """Chains that grew within the last hour, and the newest number of each. Raises redis.RedisError."""
    with redis_client.connection().pipeline(transaction=False) as pipe:
        for part in _parts():
            pipe.zrange(part, 0, -1, withscores=True)
        parts = pipe.execute()
    seen: dict[str, int] = {}
    for rx, seq in (pair for part in parts for pair in part):
        name = rx.decode()
        seen[name] = max(seen.get(name, 0), int(seq))
    return seen


def forget() -> None:
    """After a restore that somebody has acknowledged: chains begin where the back-up has them. Raises
    redis.RedisError.
    """
    redis_client.connection().delete(*_parts())


def _parts() -> list[str]:
    now = int(time.time()) // _PART
    return [_key(part) for part in range(now - _KEPT, now + 1)]


def _key(part: int) -> str:
    return f"rx:audit:{part}"
