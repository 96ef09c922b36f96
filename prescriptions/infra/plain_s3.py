"""S3 without the SDK, where it is a server of ours: its own keys, and plain HTTP or a certificate of our own authority.
There a call costs a quarter.

AWS, roles and proxies are the SDK's business (storage.py).
"""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import getproxies

from django.conf import settings

from prescriptions.infra.per_process import per_process
from transforms.function.s3 import S3Client
from transforms.function.sigv4 import Credentials

_MOST_IDLE = 32


@per_process
def is_enough() -> bool:
    """May calls go without the SDK?"""
    keys = settings.RX_S3_ACCESS_KEY and settings.RX_S3_SECRET_KEY
    scheme = settings.RX_S3_ENDPOINT.partition("://")[0]
    ours = scheme == "http" or (scheme == "https" and settings.RX_S3_CA_FILE)
    return bool(keys and ours) and scheme not in getproxies()


@contextmanager
def client() -> Iterator[S3Client]:
    """A client for this call alone, on a connection that was kept if one is idle."""
    idle = _idle()
    try:
        lent = idle.pop()
    except IndexError:
        lent = S3Client(
            Credentials(settings.RX_S3_ACCESS_KEY, settings.RX_S3_SECRET_KEY),
            settings.RX_S3_REGION,
            settings.RX_S3_ENDPOINT,
            ca_file=settings.RX_S3_CA_FILE,
            connect_seconds=settings.RX_S3_CONNECT_TIMEOUT,
            read_seconds=settings.RX_S3_READ_TIMEOUT,
            tries=settings.RX_S3_TRIES,
        )
    lent.deadline = time.monotonic() + _longest()
    try:
        yield lent
    finally:
        if len(idle) < _MOST_IDLE:
            idle.append(lent)
        else:
            lent.close()


class _Idle(deque[S3Client]):
    """Clients that nobody uses at the moment; their connections end with it."""

    def __del__(self) -> None:
        for client in self:
            client.close()


@per_process
def _idle() -> _Idle:
    return _Idle()


def _longest() -> float:
    """What one call may take, as the SDK reckons (ops/budgets.py): every try, and pauses that double from 1 s."""
    seconds: float = settings.RX_S3_TRIES * settings.RX_S3_READ_TIMEOUT + 2 ** (settings.RX_S3_TRIES - 1) - 1
    return seconds
