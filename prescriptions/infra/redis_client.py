"""The workers' sign of life in Redis: renewed by each worker's main process, gone RX_WORKER_SILENCE seconds after the
last one.
"""

import os
import threading
import time

import redis
from django.conf import settings

_KEY = "rx:worker"

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
        connection().set(_KEY, "1", ex=settings.RX_WORKER_SILENCE)
    except redis.RedisError:
        return


def keep_beating() -> None:
    """Beat as long as this process lives, in a thread of its own: renders keep a worker's children busy."""

    def forever() -> None:
        while True:
            beat()
            time.sleep(settings.RX_WORKER_SILENCE / 3)

    threading.Thread(target=forever, name="heartbeat", daemon=True).start()


def seen() -> bool:
    """Has a worker reported within the last RX_WORKER_SILENCE seconds? Raises redis.RedisError."""
    return bool(connection().exists(_KEY))
