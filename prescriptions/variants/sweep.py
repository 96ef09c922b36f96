"""The sweep: claims that nobody is working on any more are taken up again, by workers of their own release.

It trusts the database alone, so a lost Redis loses nothing. Of Redis it only asks whether another release, whose claims
it finds, still has workers; if not, they become claims of this one.
"""

import logging

import redis
from django.conf import settings

from prescriptions.infra import logs, redis_client
from prescriptions.infra.database import agreed
from prescriptions.infra.per_process import per_process
from prescriptions.infra.problems import Problem
from prescriptions.variants import asking, backends, claims, statements
from prescriptions.variants.fairness.askers import Asker
from transforms.version import PIPELINE

log = logging.getLogger("rx.sweep")

# Enough to keep the workers busy until the next sweep, few enough not to flood the broker.
BATCH = 100


def sweep() -> int:
    """Take over expired leases and due retries and dispatch them; returns how many.

    Safe to run anywhere, any number at once. One statement where nothing is due.
    """
    earliest = statements.earliest()
    _seen().at_rest = not earliest
    if not earliest or earliest[0].lease_until > agreed.now():
        return 0
    taken, releases = 0, _Releases()
    for variant in claims.due(BATCH):
        logs.set_request_id(variant.request_id)
        if variant.pipeline != PIPELINE and not releases.works(variant.pipeline) and not claims.adopt(variant):
            continue
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


class _Releases:
    """Which other releases somebody works for. One sweep asks once for each."""

    def __init__(self) -> None:
        self._seen: dict[str, bool] = {}

    def works(self, pipeline: str) -> bool:
        """Has one of its workers been seen lately? A release without workers makes variants where they are asked for:
        of what has become due it has not made anything."""
        if pipeline not in self._seen:
            try:
                self._seen[pipeline] = backends.needs_worker(settings.RX_BACKEND) and redis_client.seen(pipeline)
            except redis.RedisError:
                self._seen[pipeline] = True  # nobody knows; nobody could be told either
        return self._seen[pipeline]


def at_rest() -> bool:
    """Did the last sweep of this process find that nothing is queued or under way?"""
    return _seen().at_rest


class _Seen:
    at_rest = False


@per_process
def _seen() -> _Seen:
    return _Seen()
