"""Wake-ups: waiters are told the moment a variant is there. Only a hint: they re-read the row, Redis or no Redis.

One subscriber thread per process and one Signal per variant. Nothing here reads or writes the database by itself.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import redis
from django.conf import settings

from prescriptions.infra import redis_client
from prescriptions.infra.per_process import per_process

log = logging.getLogger("rx.wakeups")

CHANNEL = "rx:variants"
LISTENER = "wakeups"  # the thread's name
_RECONNECT_SECONDS = 1.0
T = TypeVar("T")


class _Signal:
    """Everyone in this process who is waiting for one variant.

    `wakes` only ever counts up. If the first waiter to wake cleared a flag instead, those who look a moment later would
    miss it, and sleep until their next poll.
    """

    def __init__(self) -> None:
        self.woken = threading.Condition()
        self.wakes = 0
        self.waiters = 0
        self.reading = threading.Lock()
        self.read_at = -1
        self.last_read: Any = None

    def set(self) -> None:
        with self.woken:
            self.wakes += 1
            self.woken.notify_all()


class _Waiting:
    """Signals of the variants that somebody in this process is waiting for."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.signals: dict[str, _Signal] = {}
        self.listener: threading.Thread | None = None

    def set(self, variant_id: str) -> None:
        with self.lock:
            signal = self.signals.get(variant_id)
        if signal:
            signal.set()


@per_process
def _here() -> _Waiting:
    """This process's own: a thread does not survive a fork."""
    return _Waiting()


def waited_for() -> frozenset[str]:
    """Ids of the variants that somebody in this process is waiting for."""
    waiting = _here()
    with waiting.lock:
        return frozenset(waiting.signals)


class Registration:
    """Register first, then read the row, then wait: a wake-up between reading and waiting cannot be lost."""

    def __init__(self, variant_id: str) -> None:
        self.variant_id = variant_id
        self._waiting = _here()

    def __enter__(self) -> "Registration":
        waiting = self._waiting
        with waiting.lock:
            self._signal = waiting.signals.setdefault(self.variant_id, _Signal())
            self._signal.waiters += 1
            self._seen = self._signal.wakes
            if waiting.listener is None or not waiting.listener.is_alive():
                waiting.listener = threading.Thread(target=_listen, args=(waiting,), name=LISTENER, daemon=True)
                waiting.listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._waiting.lock:
            self._signal.waiters -= 1
            if not self._signal.waiters:
                del self._waiting.signals[self.variant_id]

    def wait(self, seconds: float) -> bool:
        """Return when woken (True) or after `seconds` (False). Only the row can tell what has happened."""
        signal = self._signal
        with signal.woken:
            woken = signal.woken.wait_for(lambda: signal.wakes != self._seen, seconds)
            self._seen = signal.wakes
        return woken

    def read(self, fetch: Callable[[], T]) -> T:
        """`fetch()`, once for everyone whom the same wake-up woke: what one of them reads after it is true for all."""
        signal = self._signal
        with signal.reading:
            if signal.read_at < self._seen:
                wakes = signal.wakes
                signal.last_read = fetch()
                signal.read_at = wakes
            found: T = signal.last_read
        return found


def publish(variant_id: str) -> None:
    """Tell all processes to re-read a row that has been committed. Never raises, never blocks for long."""
    _here().set(variant_id)
    try:
        redis_client.connection().publish(CHANNEL, variant_id)
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
            # Meanwhile waiters look for themselves; see asking.py.
            log.info("not subscribed", extra={"reason": type(error).__name__})
            time.sleep(_RECONNECT_SECONDS)
