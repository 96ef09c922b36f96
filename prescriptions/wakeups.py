"""Wake-ups: who waits for a variant is told the moment it is there. A hint only; waiters re-read the row, Redis or not.

One subscriber thread per process and one Event per variant. Nothing here reads or writes the database.
"""

import logging
import os
import threading
import time

import redis
from django.conf import settings

from prescriptions import heartbeat

log = logging.getLogger("rx.wakeups")

CHANNEL = "rx:variants"
_RECONNECT_SECONDS = 1.0


class _Waiting:
    """Events of the variants that somebody in this process waits for."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.lock = threading.Lock()
        self.events: dict[str, tuple[threading.Event, int]] = {}
        self.listener: threading.Thread | None = None

    def set(self, variant_id: str) -> None:
        with self.lock:
            entry = self.events.get(variant_id)
        if entry:
            entry[0].set()


_waiting = _Waiting()


def _here() -> _Waiting:
    global _waiting
    if _waiting.pid != os.getpid():  # threads do not survive a fork
        _waiting = _Waiting()
    return _waiting


class Registration:
    """Register first, then read the row, then wait: a wake-up between reading and waiting cannot be lost."""

    def __init__(self, variant_id: str) -> None:
        self.variant_id = variant_id

    def __enter__(self) -> "Registration":
        waiting = _here()
        with waiting.lock:
            self.event, count = waiting.events.get(self.variant_id, (threading.Event(), 0))
            waiting.events[self.variant_id] = (self.event, count + 1)
            if waiting.listener is None or not waiting.listener.is_alive():
                waiting.listener = threading.Thread(target=_listen, args=(waiting,), name="wakeups", daemon=True)
                waiting.listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        waiting = _here()
        with waiting.lock:
            event, count = waiting.events[self.variant_id]
            if count > 1:
                waiting.events[self.variant_id] = (event, count - 1)
            else:
                del waiting.events[self.variant_id]

    def wait(self, seconds: float) -> None:
        """Return when woken or after `seconds`; which of the two is nobody's business: the row says what is true."""
        self.event.wait(seconds)
        self.event.clear()


def publish(variant_id: str) -> None:
    """Tell all processes to re-read a row that was committed. Never raises and never blocks for long."""
    _here().set(variant_id)
    try:
        heartbeat.connection().publish(CHANNEL, variant_id)
    except redis.RedisError as error:
        log.info("not published", extra={"reason": type(error).__name__})


def _listen(waiting: _Waiting) -> None:
    while True:
        try:
            with redis.Redis.from_url(settings.RX_REDIS_URL, socket_connect_timeout=1) as connection:
                subscription = connection.pubsub(ignore_subscribe_messages=True)
                subscription.subscribe(CHANNEL)
                while True:
                    message = subscription.get_message(timeout=30)
                    if message is not None:
                        waiting.set(message["data"].decode())
        except (redis.RedisError, OSError) as error:
            # Waiters poll meanwhile; see variants.await_outcome.
            log.info("not subscribed", extra={"reason": type(error).__name__})
            time.sleep(_RECONNECT_SECONDS)
