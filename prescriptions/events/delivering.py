"""The work of delivering: places what is due, sends what is open, writes down what came of it.

One thread of a process does all of that with the database; another one sends.
"""

import json
import logging
import secrets
import threading
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Final

from prescriptions.events import deliveries, feed, hints, placing
from prescriptions.events.sending import signing
from prescriptions.events.sending.sender import Answer, Message, sender
from prescriptions.infra.database import agreed
from prescriptions.infra.keys import sealing
from prescriptions.infra.per_process import per_process
from prescriptions.models import Delivery, Event

log = logging.getLogger("rx.events")

AT_ONCE: Final = 64  # under way to all receivers together
# A task of Celery's has to end (rxproject/watch.py): what is left is another one's.
_LONGEST: Final = 30.0
_LOOK_SECONDS: Final = 0.25


class _Here:
    """What this process knows of its own run."""

    def __init__(self) -> None:
        self.busy = threading.Lock()
        self.asked = False
        self.stopping = False
        self.at_rest = False


@per_process
def _here() -> _Here:
    return _Here()


def run() -> None:
    """Until nothing is due, or half a minute is over. While another thread is at it, that one looks once more.

    Any number of processes may do it at once.
    """
    here, more = _here(), False
    here.asked = True
    while here.asked and here.busy.acquire(blocking=False):
        try:
            here.asked = False
            hints.taken()
            more = _Run(here).work()
            here.at_rest = not (more or _anything())
        finally:
            here.busy.release()
    if more:
        hints.wake()


def stop() -> None:
    """This process ends: what is under way is finished, and nothing more is begun."""
    _here().stopping = True


def at_rest() -> bool:
    """Did the last run of this process leave nothing to do, now or later?"""
    return _here().at_rest


def _anything() -> bool:
    return Event.objects.filter(position=None).exists() or deliveries.is_anything_open()


class _Run:
    def __init__(self, here: _Here) -> None:
        self._here = here
        self._owner = secrets.token_hex(8)
        self._flying: dict[Future[Answer], Delivery] = {}

    def work(self) -> bool:
        """True: there was more to do when the time was over."""
        ends = time.monotonic() + _LONGEST
        while not self._here.stopping and time.monotonic() < ends:
            while placing.place() == placing.AT_ONCE:
                pass
            self._begin()
            if not self._flying:
                return False
            self._end(_LOOK_SECONDS)
        while self._flying:
            self._end(_LOOK_SECONDS)
        return True

    def _begin(self) -> None:
        room = AT_ONCE - len(self._flying)
        if room <= 0:
            return
        under_way = Counter(delivery.webhook_id for delivery in self._flying.values())
        for delivery in deliveries.claim(self._owner, room=room, flying=under_way):
            try:
                message = message_of(delivery)
            except sealing.NotOurs:  # a key of RX_AUDIT_KEYS was taken away
                log.error("secret of a webhook cannot be opened", extra={"webhook": delivery.webhook_id})
                deliveries.settle(delivery, Answer(None, "secret", 0))
                continue
            self._flying[sender().send(message)] = delivery

    def _end(self, seconds: float) -> None:
        done, _open = wait(self._flying, timeout=seconds, return_when=FIRST_COMPLETED)
        for sent in done:
            deliveries.settle(self._flying.pop(sent), sent.result())


def message_of(delivery: Delivery) -> Message:
    """As it is sent now. Raises sealing.NotOurs."""
    event, hook = delivery.event, delivery.webhook
    body = json.dumps(feed.as_told(event), separators=(",", ":")).encode()
    return Message(hook.url, signing.headers(hook, event.uid, body, agreed.now()), body)
