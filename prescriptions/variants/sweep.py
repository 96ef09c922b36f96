"""The sweep: claims that nobody is working on any more are taken up again.

It trusts the database alone, so a lost Redis loses nothing.
"""

import logging

from django.utils import timezone

from prescriptions.infra import logs
from prescriptions.infra.per_process import per_process
from prescriptions.infra.problems import Problem
from prescriptions.variants import asking, claims, statements
from prescriptions.variants.fairness.askers import Asker

log = logging.getLogger("rx.sweep")

# Enough to keep the workers busy until the next sweep, few enough not to flood the broker.
BATCH = 100


def sweep() -> int:
    """Take over expired leases and due retries and dispatch them; returns how many.

    Safe to run anywhere, any number at once. One statement where nothing is due.
    """
    earliest = statements.earliest()
    _seen().at_rest = not earliest
    if not earliest or earliest[0].lease_until > timezone.now():
        return 0
    taken = 0
    for variant in claims.due(BATCH):
        logs.set_request_id(variant.request_id)
        if not claims.take_over(variant):
            continue
        try:
            asking.dispatch(variant, Asker.holders(variant.page.prescription_id))
        except Problem:
            break  # the broker is away; the claims are released and the next sweep finds them
        taken += 1
    if taken:
        log.info("taken up again", extra={"count": taken})
    return taken


def at_rest() -> bool:
    """Did the last sweep of this process find that nothing is queued or under way?"""
    return _seen().at_rest


class _Seen:
    at_rest = False


@per_process
def _seen() -> _Seen:
    return _Seen()
