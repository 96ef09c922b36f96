"""How long what should not wait has waited: sweeps, claims, messages. Told by /readyz and /metrics, and in beat's log
where RX_LOG_AGES_EVERY says so.
"""

import logging
from datetime import datetime

import redis
from django.db.models import Min
from django.utils import timezone

from prescriptions.infra import redis_client
from prescriptions.models import Duty, Variant
from prescriptions.variants import claims
from prescriptions.variants.backends import celery_queue

log = logging.getLogger("rx.upkeep")


def duties() -> dict[str, float]:
    """Seconds since each duty was last begun by anybody. One that never was is not there."""
    now = timezone.now()
    begun = Duty.objects.values_list("name", "begun_at")
    return {name: _since(at, now) for name, at in begun if at is not None}


def claims_by_lane() -> dict[str, float]:
    """Seconds that the oldest variant in each lane has been asked for and not made; 0: nobody waits."""
    now = timezone.now()
    rows = Variant.objects.filter(state__in=claims.OPEN).order_by().values_list("lane")
    oldest = dict(rows.annotate(first=Min("created_at")))
    return {lane: _since(oldest[lane], now) if lane in oldest else 0.0 for lane in claims.LANES}


def messages() -> dict[str, int]:
    """How many messages wait in each lane of this release; empty where the broker does not answer."""
    pipe = redis_client.connection().pipeline(transaction=False)
    for lane in claims.LANES:
        pipe.llen(celery_queue.queue_of(lane))
    try:
        return dict(zip(claims.LANES, pipe.execute(), strict=True))
    except redis.RedisError:
        return {}


def tell() -> None:
    """One log line, for whoever scales and wakes people by lines."""
    told = {"oldest_variant": max(claims_by_lane().values()), "waiting_messages": sum(messages().values())}
    log.info("ages", extra={**told, "duties": duties()})


def _since(at: datetime, now: datetime) -> float:
    return round(max(0.0, (now - at).total_seconds()), 1)
