"""Backends: how a claimed miss gets made.

RX_BACKEND names one, by short name or dotted path, like Django's EMAIL_BACKEND.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Protocol

import kombu.exceptions
import redis
from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string

SHORT_NAMES = {
    "celery": "prescriptions.backends.CeleryBackend",
    "inline": "prescriptions.backends.InlineBackend",
}


class BackendUnavailable(Exception):
    """Nobody could be told of the claim."""


class Backend(Protocol):
    """Takes a claim to wherever it is made. Returns at once; the row and a wake-up tell the outcome."""

    def dispatch(self, variant_id: str, owner: str) -> None:
        """Raises BackendUnavailable."""


class CeleryBackend:
    """A Celery worker makes it; the message is a hint that a sweep repeats if it gets lost."""

    def dispatch(self, variant_id: str, owner: str) -> None:
        from prescriptions.tasks import render_variant

        try:
            # retry=False: publishing to a broker that is away would block for most of a second.
            render_variant.apply_async(args=(variant_id, owner), retry=False)
        except (kombu.exceptions.OperationalError, redis.RedisError, OSError) as error:
            raise BackendUnavailable from error


class InlineBackend:
    """This process makes it, in a bounded pool: for tests and tiny installs without a worker."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 2, thread_name_prefix="render")

    def dispatch(self, variant_id: str, owner: str) -> None:
        self._pool.submit(_make_here, variant_id, owner)


def _make_here(variant_id: str, owner: str) -> None:
    from prescriptions import rendering

    try:
        rendering.make(variant_id, owner)
    finally:
        connection.close()


def current() -> Backend:
    """The backend that RX_BACKEND names, one per process."""
    return _load(settings.RX_BACKEND, os.getpid())


@lru_cache(maxsize=4)
def _load(name: str, _pid: int) -> Backend:
    backend: Backend = import_string(SHORT_NAMES.get(name, name))()
    return backend
