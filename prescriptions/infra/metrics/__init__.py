"""Counting what happens, for /metrics. Nothing here ever raises: a number is worth less than any request.

Callers pass what they have; here it becomes one of a few words.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Final, ParamSpec

from django.conf import settings

from prescriptions.infra.metrics import definitions
from prescriptions.infra.per_process import per_process
from transforms.errors import ALL
from transforms.geometry import Size
from transforms.request.presets import names
from transforms.request.spec import Stored

log = logging.getLogger("rx.metrics")

OTHER: Final = "other"
ROLES: Final = ("web", "generate")
BACKENDS: Final = ("celery", "inline", "lambda")
LANES: Final = ("advertised", "images", "documents", "large")
ADMISSION: Final = ("too-large-to-make", "too-much-large-work")
QUOTAS: Final = ("open", "waiters", "bulk", "documents", "order-day", "wrong-tokens", "wrong-links")
CODES: Final = frozenset({kind.code for kind in ALL}) | {
    "backend-unavailable",
    "original-missing",
    "storage-unavailable",
}
REFUSALS: Final = CODES | {"idempotency-key-reused", "invalid", "too-many-files"}

P = ParamSpec("P")


def _never_raises(record: Callable[P, None]) -> Callable[P, None]:
    @wraps(record)
    def recording(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            record(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - see above
            _complain(type(error).__name__)

    return recording


@per_process
def _complain(reason: str) -> None:
    """Once for each reason: it would be said with every request."""
    log.warning("not counted", extra={"reason": reason})


@_never_raises
def http_answered(status: int) -> None:
    definitions.HTTP.labels(_of(ROLES, settings.RX_ROLE), f"{status // 100}xx").inc()


@_never_raises
def variant_asked(stored: Stored, page: Size, *, turned: int, outcome: str) -> None:
    """`turned`: the rotation that presets of this page have."""
    name = names(page, turned).get(stored, OTHER)
    definitions.REQUESTS.labels(outcome, name, stored.format.value).inc()


@_never_raises
def variant_awaited(seconds: float, *, outcome: str) -> None:
    definitions.WAIT.labels(outcome).observe(seconds)


@_never_raises
def variant_begun(lane: str, queued_seconds: float) -> None:
    definitions.QUEUE.labels(_of(LANES, lane)).observe(max(0.0, queued_seconds))


@_never_raises
def admission_refused(reason: str, *, applied: bool) -> None:
    """`applied`: it was; otherwise it would have been (RX_ADMISSION=shadow)."""
    definitions.ADMISSION.labels(_of(ADMISSION, reason), "yes" if applied else "no").inc()


@_never_raises
def quota_refused(quota: str) -> None:
    definitions.QUOTA_REFUSALS.labels(_of(QUOTAS, quota)).inc()


@_never_raises
def quota_unknown(quota: str) -> None:
    """Nobody could be asked, so nobody was refused."""
    definitions.QUOTA_UNKNOWN.labels(_of(QUOTAS, quota)).inc()


@_never_raises
def variant_made(backend: str, stored: str, seconds: float) -> None:
    definitions.GENERATION.labels(_of(BACKENDS, backend), Stored.parse(stored).format.value).observe(seconds)


@_never_raises
def variant_failed(code: str) -> None:
    definitions.FAILURES.labels(_of(CODES, code)).inc()


@_never_raises
def s3_called(operation: str, seconds: float, *, failed: bool) -> None:
    definitions.S3.labels(operation).observe(seconds)
    if failed:
        definitions.S3_FAILURES.labels(operation).inc()


@_never_raises
def breached_password_asked(outcome: str) -> None:
    """`breached`, `clean`, or `unknown`: nobody answered, and the password was taken."""
    definitions.BREACHED.labels(outcome).inc()


@_never_raises
def breaker(service: str, *, open_for: float) -> None:
    """It opened for so many seconds; 0: it closed."""
    definitions.BREAKER.labels(service).set(time.time() + open_for if open_for else 0)


@_never_raises
def renderer(capabilities: dict[str, Any]) -> None:
    for name, value in capabilities.items():
        definitions.RENDERER.labels(name).set(1 if value else 0)


@_never_raises
def webhook_tried(outcome: str) -> None:
    """`delivered`, `failed` (and tried again), or `given_up`."""
    definitions.WEBHOOKS.labels(outcome).inc()


@contextmanager
def upload(door: str) -> Iterator[None]:
    """Counts how the block ended: accepted, or the code of why not."""
    try:
        yield
    except Exception as error:
        _uploaded(door, _of(REFUSALS, str(getattr(error, "code", ""))))
        raise
    _uploaded(door, "accepted")


@_never_raises
def _uploaded(door: str, outcome: str) -> None:
    definitions.UPLOADS.labels(door, outcome).inc()


def _of(words: Any, word: str) -> str:
    return word if word in words else OTHER
