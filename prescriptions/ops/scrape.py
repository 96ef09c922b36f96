"""The text of /metrics: what all processes of this machine counted, and what the database knows at this moment.

The second is the same wherever it is asked, so one process alone tells it (see port.py): sums would count it twice.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, QuerySet
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from prescriptions.events import deliveries
from prescriptions.infra.metrics.definitions import DIRECTORY, REGISTRY
from prescriptions.models import Review, ReviewStatus, Variant, VariantState, Webhook
from prescriptions.upkeep import ages
from prescriptions.variants import claims
from transforms.version import PIPELINE

# Beyond these the exact number makes no difference, and counting must stay cheap however many there are.
_COUNTED_DEAD = 10_000
_COUNTED_REVIEWS = 1_000
_WAITING = (ReviewStatus.QUEUED, ReviewStatus.IN_REVIEW, ReviewStatus.CLARIFICATION, ReviewStatus.SECOND_CHECK)

# What alerts watch for the first time of: a series that begins with it has not increased.
_NOTICED: Final[dict[str, tuple[dict[str, str], ...]]] = {
    "rx_render_failures": ({"code": "original-missing"},),
    "rx_breached_password_checks": ({"outcome": "unknown"},),
    "rx_webhook_tries": ({"outcome": "given_up"},),
    "rx_uploads": tuple(
        {"door": door, "outcome": outcome}
        for door in ("api", "order")
        for outcome in ("storage-unavailable", "renderer-unavailable", "other")
    ),
}


class _Collector:
    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self.collect = collect


def text(*parts: Callable[[], Iterable[Metric]]) -> bytes:
    """In Prometheus' text format: what processes counted, and `parts`. Raises what those raise."""
    registry = CollectorRegistry()
    for part in (counted, build, *parts):
        registry.register(_Collector(part))
    return generate_latest(registry)


def counted() -> Iterator[Metric]:
    everybody: Any = REGISTRY
    if DIRECTORY is not None:
        everybody = MultiProcessCollector(None, str(DIRECTORY))  # type: ignore[no-untyped-call]
    for metric in _from_zero(everybody.collect()):
        yield _breakers(metric) if metric.name == "rx_breaker_open_until" else metric


def _from_zero(metrics: Iterable[Metric]) -> Iterator[Metric]:
    """The same, with _NOTICED although nobody has counted them yet."""
    missing = dict(_NOTICED)
    for metric in metrics:
        yield _with_zeros(metric, missing.pop(metric.name, ()))
    for name, series in missing.items():
        yield _with_zeros(Metric(name, "Not once so far.", "counter"), series)


def _with_zeros(metric: Metric, series: Iterable[dict[str, str]]) -> Metric:
    known = [sample.labels for sample in metric.samples]
    for labels in series:
        if labels not in known:
            metric.add_sample(f"{metric.name}_total", labels, 0)
    return metric


def _breakers(until: Metric) -> Metric:
    shown = GaugeMetricFamily("rx_breaker_open", "1 while some process leaves the service alone.", labels=("service",))
    for sample in until.samples:
        shown.add_metric([sample.labels["service"]], 1 if sample.value > time.time() else 0)
    return shown


def database() -> Iterator[Metric]:
    """What is so at this moment. Raises DatabaseError."""
    now = timezone.now()
    yield _open_variants()
    yield _dead_variants()
    yield from _ages()
    yield from _reviews(now)
    yield from _events()


def build() -> Iterator[Metric]:
    shown = GaugeMetricFamily("rx_build_info", "Always 1; the label is what this release makes.", labels=("pipeline",))
    shown.add_metric([PIPELINE], 1)
    yield shown


def _open_variants() -> Metric:
    """At most RX_QUEUE_LIMIT in each lane."""
    shown = GaugeMetricFamily("rx_variants_open", "Variants asked for and not made yet.", labels=("lane", "state"))
    rows = Variant.objects.filter(state__in=claims.OPEN).order_by().values_list("lane", "state")
    found = {(lane, state): number for lane, state, number in rows.annotate(number=Count("pk"))}
    for lane in claims.LANES:
        for state in claims.OPEN:
            shown.add_metric([lane, state.value], found.get((lane, state.value), 0))
    return shown


def _ages() -> Iterator[Metric]:
    oldest = GaugeMetricFamily(
        "rx_variant_oldest_seconds", "How long the oldest variant has been asked for and not made.", labels=("lane",)
    )
    for lane, seconds in ages.claims_by_lane().items():
        oldest.add_metric([lane], seconds)
    begun = GaugeMetricFamily("rx_duty_age_seconds", "How long ago each duty of beat was begun.", labels=("duty",))
    for name, seconds in ages.duties().items():
        begun.add_metric([name], seconds)
    return iter((oldest, begun))


def _dead_variants() -> Metric:
    shown = GaugeMetricFamily("rx_variants_dead", f"Variants that were given up; counted up to {_COUNTED_DEAD}.")
    dead = Variant.objects.filter(state=VariantState.DEAD).order_by().values("pk")[:_COUNTED_DEAD]
    shown.add_metric([], dead.count())
    return shown


def _reviews(now: datetime) -> Iterator[Metric]:
    upto = f"counted up to {_COUNTED_REVIEWS}"
    depth = GaugeMetricFamily("rx_reviews", f"Reviews without a decision; each status {upto}.", labels=("status",))
    overdue = GaugeMetricFamily("rx_reviews_overdue", f"Reviews in the queue past the promised time; {upto}.")
    oldest = GaugeMetricFamily("rx_review_oldest_seconds", "How long the first in the queue has waited; 0 if nobody.")
    for status in _WAITING:
        depth.add_metric([status.value], _counted(Review.objects.filter(status=status)))
    queued = Review.objects.filter(status=ReviewStatus.QUEUED)
    overdue.add_metric([], _counted(queued.filter(due_at__lt=now)))
    first = queued.order_by("queued_at").values_list("queued_at", flat=True).first()
    oldest.add_metric([], max(0.0, (now - first).total_seconds()) if first else 0)
    return iter((depth, oldest, overdue))


def _events() -> Iterator[Metric]:
    oldest = GaugeMetricFamily("rx_event_oldest_seconds", "How long the oldest event has waited for its webhook.")
    oldest.add_metric([], deliveries.oldest_seconds())
    disabled = GaugeMetricFamily("rx_webhooks_disabled", "Webhooks that nothing is sent to any more.")
    disabled.add_metric([], Webhook.objects.filter(disabled_at__isnull=False).count())
    return iter((oldest, disabled))


def _counted(reviews: QuerySet[Review]) -> int:
    return reviews.order_by().values("pk")[:_COUNTED_REVIEWS].count()
