"""Nothing is served from a database that may have again what was erased, or that lacks what was sealed: after a restore
the ledger and `restore-check` come first.

Each process that serves looks when it begins, and every few seconds whether the database has gone back since. Until all
agree, and while that cannot be known, every address but those of health answers 503. It never erases anything.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse

from prescriptions.infra.per_process import per_process
from prescriptions.infra.problems import Problem
from prescriptions.infra.storage import StorageUnavailable
from prescriptions.upkeep import ledger
from prescriptions.upkeep.restoring import checking

log = logging.getLogger("rx.erasure")

LOOK_EVERY: Final = 5.0  # seconds, at the database alone
_TRY_EVERY: Final = 1.0  # while it is closed
WAIT: Final = 1.5  # seconds at most, for another thread's look; a storage that hangs must not hang every page
# For the first look of a process: on a busy machine it takes two seconds, and an upgrade is not to fail anybody.
FIRST_WAIT: Final = 6.0
_ALWAYS: Final = ("/livez", "/healthz", "/readyz", "/metrics", "/static/", "/docs/", "/.well-known/")
Handler = Callable[[HttpRequest], HttpResponse]


@dataclass(slots=True)
class _State:
    """`head`: how far the database had caught up when it was last found to agree; None: not found so yet."""

    head: str | None = None
    looked: float = -LOOK_EVERY  # time.monotonic() seconds; below zero before the first look
    lock: threading.Lock = field(default_factory=threading.Lock)


@per_process
def _state() -> _State:
    return _State()


def is_open() -> bool:
    """May this process serve? While one thread looks, the others go by what was found before; where nothing was found
    before, they wait for it: the first requests of a new process come together.
    """
    state = _state()
    wait = 0.0 if state.head is not None else WAIT if state.looked >= 0 else FIRST_WAIT
    if _is_due(state) and state.lock.acquire(timeout=wait):
        try:
            if _is_due(state):
                _look(state)
                state.looked = time.monotonic()
        finally:
            state.lock.release()
    return state.head is not None


def _is_due(state: _State) -> bool:
    return time.monotonic() - state.looked >= (_TRY_EVERY if state.head is None else LOOK_EVERY)


def _look(state: _State) -> None:
    try:
        head = ledger.head()
        if state.head is not None and head >= state.head and checking.is_settled():
            state.head = head
            return
        state.head = None
        found = ledger.compare()
        if found.alive:
            log.warning("closed: the database has what was erased", extra={"count": len(found.alive)})
        elif checking.is_due():
            log.warning("closed: the database was restored, and restore-check has not run")
        else:
            state.head = ledger.head()
    except (StorageUnavailable, DatabaseError, InterfaceError) as error:
        # One that agreed a moment ago and does not answer now is for the views to say.
        log.warning("the ledger of erasures was not compared", extra={"reason": type(error).__name__})


class ErasuresFirst:
    """The middleware of `web` and `generate`. Commands and tests serve nobody and are not held up."""

    def __init__(self, get_response: Handler) -> None:
        if settings.RX_ROLE not in ("web", "generate"):
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(_ALWAYS) or is_open():
            return self.get_response(request)
        return Problem(
            503,
            "erasures-first",
            "Not available right now",
            "The database is being held against the ledger of erasures and the audit log. Try again shortly.",
            retry_after=2,
        ).response()
