"""The workers' sign of life in Redis: set when a worker is warm and at each sweep, gone a minute after the last one."""

import os

import redis
from django.conf import settings

_KEY = "rx:worker"
_SECONDS = 60

_made: tuple[int, redis.Redis] | None = None


def connection() -> redis.Redis:
    """One connection pool per process with time-outs fit for a health check."""
    global _made
    if _made is None or _made[0] != os.getpid():
        made = redis.Redis.from_url(settings.RX_REDIS_URL, socket_connect_timeout=0.5, socket_timeout=0.5)
        _made = (os.getpid(), made)
    return _made[1]


def beat() -> None:
    """A worker is there. Never raises: a worker without Redis has other worries."""
    try:
        connection().set(_KEY, "1", ex=_SECONDS)
    except redis.RedisError:
        return


def seen() -> bool:
    """Has a worker reported within the last minute? Raises redis.RedisError."""
    return bool(connection().exists(_KEY))
