"""The workers' sign of life in Redis: renewed by each worker that takes messages, gone RX_WORKER_SILENCE seconds after
the last one of its release.
"""

import threading
import time
from collections.abc import Callable

import redis
from django.conf import settings

from prescriptions.infra.per_process import per_process
from transforms.version import PIPELINE

WORKER_KEY = "rx:worker"


@per_process
def connection() -> redis.Redis:
    """The process's pool of connections, with time-outs short enough for a health check."""
    return redis.Redis.from_url(settings.RX_REDIS_URL, socket_connect_timeout=0.5, socket_timeout=0.5)


def _key(pipeline: str) -> str:
    return f"{WORKER_KEY}:{pipeline}"


def beat() -> None:
    """Say that a worker of this release is there. Never raises: a worker without Redis has other worries."""
    try:
        connection().set(_key(PIPELINE), "1", ex=settings.RX_WORKER_SILENCE)
    except redis.RedisError:
        return


def keep_beating(alive: Callable[[], bool]) -> None:
    """Beat from a thread of its own for as long as `alive` says so: a worker that hangs must not look like one."""

    def forever() -> None:
        while True:
            if alive():
                beat()
            time.sleep(settings.RX_WORKER_SILENCE / 3)

    threading.Thread(target=forever, name="heartbeat", daemon=True).start()


def seen(pipeline: str = PIPELINE) -> bool:
    """Has a worker of a release reported within the last RX_WORKER_SILENCE seconds? Raises redis.RedisError."""
    return bool(connection().exists(_key(pipeline)))
