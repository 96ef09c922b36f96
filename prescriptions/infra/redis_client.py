"""The workers' sign of life in Redis: renewed by each worker's main process, gone half a minute after the last one."""

import os
import threading
import time

import redis
from django.conf import settings

_KEY = "rx:worker"
_SECONDS = 30

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


def keep_beating() -> None:
    """Beat as long as this process lives, in a thread of its own: renders keep a worker's children busy."""

    def forever() -> None:
        while True:
            beat()
            time.sleep(_SECONDS / 3)

    threading.Thread(target=forever, name="heartbeat", daemon=True).start()


def seen() -> bool:
    """Has a worker reported within the last half minute? Raises redis.RedisError."""
    return bool(connection().exists(_KEY))
