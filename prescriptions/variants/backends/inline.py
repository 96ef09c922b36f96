"""This process makes it, in a bounded pool: for tests and tiny installs without a worker."""

import os
from concurrent.futures import ThreadPoolExecutor

from django.db import connection

from prescriptions.variants import making


class InlineBackend:
    """As many renders at once as there are cores; the rest wait in line, bounded by RX_QUEUE_LIMIT."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 2, thread_name_prefix="render")

    def dispatch(self, variant_id: str, owner: str, *, lane: str) -> None:
        self._pool.submit(_make, variant_id, owner)


def _make(variant_id: str, owner: str) -> None:
    try:
        making.make(variant_id, owner)
    finally:
        connection.close()
