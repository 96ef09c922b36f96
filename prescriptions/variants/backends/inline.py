"""This process makes it, in a bounded pool: for tests and tiny installs without a worker."""

import os
from concurrent.futures import ThreadPoolExecutor

from django.db import connection

from prescriptions.variants import making
from prescriptions.variants.fairness import quota
from prescriptions.variants.fairness.tickets import Ticket


class InlineBackend:
    """As many renders at once as there are cores; the rest wait as they came, bounded by RX_QUEUE_LIMIT."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 2, thread_name_prefix="render")

    def dispatch(self, ticket: Ticket) -> None:
        self._pool.submit(_make, ticket)

    def hurry(self, ticket: Ticket) -> None:
        """There is no line to move up in."""


def _make(ticket: Ticket) -> None:
    try:
        making.make(ticket.variant_id, ticket.owner)
        quota.leave(ticket.unit, ticket.lane, ticket.variant_id)
    finally:
        connection.close()
