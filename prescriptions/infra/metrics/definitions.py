"""Every metric that processes count as things happen; docs/reference/metrics.md describes each.

Labels are words of our own, a few each: never an id, a user, a path or anything that a caller wrote.
"""

import os
from functools import partial
from pathlib import Path
from typing import Final

from django.conf import settings
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values

from prescriptions.infra.metrics import slots

DIRECTORY: Final = Path(settings.RX_METRICS_DIR) if settings.RX_METRICS_DIR else None
# Where the library's own classes look for the directory.
if DIRECTORY is not None:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(DIRECTORY)
    # It asks for a name at once, before anything is counted: a process that never counts needs no slot.
    _name = iter(("none",))
    _take = partial(slots.name, DIRECTORY)
    values.ValueClass = values.MultiProcessValue(lambda: next(_name, None) or _take())  # type: ignore[no-untyped-call]

# Without a directory the numbers are this process's own.
REGISTRY: Final = CollectorRegistry()

_QUICK: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_LONG: Final = (0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 20, 30)

HTTP: Final = Counter("rx_http_requests_total", "Requests that Django answered.", ("role", "status"), registry=REGISTRY)
REQUESTS: Final = Counter(
    "rx_variant_requests_total", "Requests for a variant that reached Django.", ("outcome", "preset", "format"),
    registry=REGISTRY,
)  # fmt: skip
WAIT: Final = Histogram(
    "rx_variant_wait_seconds", "Time that requests waited for a variant.", ("outcome",), buckets=_LONG,
    registry=REGISTRY,
)  # fmt: skip
QUEUE: Final = Histogram(
    "rx_variant_queue_seconds", "Time from asking for a variant until somebody began to make it.", ("lane",),
    buckets=_LONG, registry=REGISTRY,
)  # fmt: skip
ADMISSION: Final = Counter(
    "rx_admission_refusals_total", "Large variants that were not taken on, or would not have been.",
    ("reason", "applied"), registry=REGISTRY,
)  # fmt: skip
QUOTA_REFUSALS: Final = Counter(
    "rx_quota_refusals_total", "Requests of one who had their share already.", ("quota",), registry=REGISTRY
)
QUOTA_UNKNOWN: Final = Counter(
    "rx_quota_unknown_total", "Requests that passed a quota because nobody knew.", ("quota",), registry=REGISTRY
)
GENERATION: Final = Histogram(
    "rx_variant_generation_seconds", "Time to make a variant: fetch, render, put.", ("backend", "format"),
    buckets=_LONG, registry=REGISTRY,
)  # fmt: skip
FAILURES: Final = Counter(
    "rx_render_failures_total", "Tries to make a variant that failed.", ("code",), registry=REGISTRY
)
S3: Final = Histogram(
    "rx_s3_request_seconds", "Time of S3 calls, retries included.", ("operation",), buckets=_QUICK, registry=REGISTRY
)
S3_FAILURES: Final = Counter(
    "rx_s3_failures_total", "S3 calls without an answer to rely on.", ("operation",), registry=REGISTRY
)
UPLOADS: Final = Counter(
    "rx_uploads_total", "Prescriptions through the API and files through the order page.", ("door", "outcome"),
    registry=REGISTRY,
)  # fmt: skip
BREACHED: Final = Counter(
    "rx_breached_password_checks_total", "New passwords that a list of stolen ones was asked for.", ("outcome",),
    registry=REGISTRY,
)  # fmt: skip
WEBHOOKS: Final = Counter(
    "rx_webhook_tries_total", "Tries to deliver an event to a webhook.", ("outcome",), registry=REGISTRY
)
# Until when (Unix time) it is left alone: as a 0 or 1 it would stay 1 when its process dies. Shown as rx_breaker_open.
BREAKER: Final = Gauge(
    "rx_breaker_open_until", "When a service is tried again.", ("service",), multiprocess_mode="max", registry=REGISTRY
)
RENDERER: Final = Gauge(
    "rx_renderer_capability", "1 where every worker's renderers have it.", ("capability",), multiprocess_mode="min",
    registry=REGISTRY,
)  # fmt: skip
