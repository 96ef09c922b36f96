"""Wakes beat when there is something to send. Only a hint: it looks by itself every few seconds, Redis or no Redis."""

import logging
from typing import Final

import redis

from prescriptions.infra import messages, redis_client

log = logging.getLogger("rx.events")

TASK: Final = "prescriptions.tasks.deliver_events"
QUEUE: Final = "control"
_KEY: Final = "rx:events"
_SECONDS: Final = 5


def wake() -> None:
    """After a commit. Never raises. One message stands for all who come before it is taken."""
    try:
        if redis_client.connection().set(_KEY, "1", nx=True, ex=_SECONDS):
            messages.send(TASK, queue=QUEUE)
    except (redis.RedisError, messages.NotSent) as error:
        log.info("not woken", extra={"reason": type(error).__name__})


def taken() -> None:
    """Whoever looks from here on sees what was committed before; who commits now sends another. Never raises."""
    try:
        redis_client.connection().delete(_KEY)
    except redis.RedisError:
        return
