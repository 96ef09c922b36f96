"""Traces, where RX_TRACES_URL names a collector and its packages are there (requirements-telemetry.txt); else nothing.

A trace has the id of its request. What a worker does belongs to the claim that somebody made: a message means the next
of its lane and may be sent again, so it is not the message that says so but the claim, whose owner is the span's id.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings

from prescriptions.infra import logs
from prescriptions.infra.per_process import per_process

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

_STEPS: Final = ("fetch", "render", "put")
# The id that the next span has to have; 0: any.
_NEXT: ContextVar[int] = ContextVar("span", default=0)


class Part:
    """Of a trace. Attributes are ids and words of our own, as in log lines: never a name, a path or a token."""

    def __init__(self, span: "Span | None" = None) -> None:
        self._span = span

    def say(self, **attributes: str | int | float) -> None:
        if self._span:
            self._span.set_attributes({f"rx.{name}": value for name, value in attributes.items()})

    def rename(self, name: str) -> None:
        if self._span:
            self._span.update_name(name)


@cache
def installed() -> bool:
    return find_spec("opentelemetry") is not None and find_spec("opentelemetry.exporter") is not None


@contextmanager
def request(traceparent: str) -> Iterator[Part]:
    """What Django does for a request; `traceparent` counts if it is of this request's own trace."""
    if (tracer := _tracer()) is None:
        yield Part()
        return
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    ours = traceparent[3:35] == logs.request_id()
    parent = TraceContextTextMapPropagator().extract({"traceparent": traceparent}) if ours else None
    with tracer.start_as_current_span("request", context=parent or _nothing(), kind=SpanKind.SERVER) as span:
        yield Part(span)


@contextmanager
def step(name: str) -> Iterator[Part]:
    """Part of what is under way."""
    if (tracer := _tracer()) is None:
        yield Part()
        return
    with tracer.start_as_current_span(name) as span:
        yield Part(span)


@contextmanager
def claim(owner: str) -> Iterator[Part]:
    """A claim is handed on; whatever is made of it is part of this."""
    if (tracer := _tracer()) is None:
        yield Part()
        return
    from opentelemetry.trace import SpanKind

    _NEXT.set(_span_of(owner))
    with tracer.start_as_current_span("claim", kind=SpanKind.PRODUCER) as span:
        yield Part(span)


@contextmanager
def work(owner: str, timings: Mapping[str, float]) -> Iterator[Part]:
    """What is made of a claim, in whichever process. `timings`: milliseconds by step, complete when this ends."""
    if (tracer := _tracer()) is None:
        yield Part()
        return
    from opentelemetry.trace import SpanKind

    began = time.time_ns()
    with tracer.start_as_current_span("make", context=_claimed(owner), kind=SpanKind.CONSUMER) as span:
        try:
            yield Part(span)
        finally:
            _tell(tracer, began, timings)


def header() -> dict[str, str]:
    """What a call to another service is told of the trace."""
    found: dict[str, str] = {}
    if _tracer() is not None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        TraceContextTextMapPropagator().inject(found)
    return {name.title(): value for name, value in found.items() if name == "traceparent"}


@contextmanager
def collected_by(exporter: "SpanExporter") -> Iterator[None]:
    """For tests: what ends inside is given to `exporter` at once."""
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    before = _collecting.get("tracer")
    _collecting["tracer"] = _made(SimpleSpanProcessor(exporter), share=1.0)
    try:
        yield
    finally:
        _collecting["tracer"] = before


_collecting: "dict[str, Tracer | None]" = {}


def _tracer() -> "Tracer | None":
    return _collecting.get("tracer") or (_collector() if settings.RX_TRACES_URL else None)


@per_process
def _collector() -> "Tracer | None":
    if not installed():
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    exporter = OTLPSpanExporter(endpoint=settings.RX_TRACES_URL, certificate_file=settings.RX_CA_FILE or None)
    return _made(BatchSpanProcessor(exporter), share=settings.RX_TRACES_SHARE)


def _made(processor: Any, *, share: float) -> "Tracer":
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
    from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

    class Ids(RandomIdGenerator):
        def generate_span_id(self) -> int:
            given = _NEXT.get()
            _NEXT.set(0)
            return given or super().generate_span_id()

        def generate_trace_id(self) -> int:
            return _trace() or super().generate_trace_id()

    # By its id, so that all processes keep the same ones.
    provider = TracerProvider(
        sampler=TraceIdRatioBased(share),
        id_generator=Ids(),
        resource=Resource({"service.name": "prescriptions", "rx.role": settings.RX_ROLE}),
    )
    provider.add_span_processor(processor)
    return provider.get_tracer("prescriptions")


def _trace() -> int:
    return int(logs.request_id(), 16) if logs.onward() else 0


def _span_of(owner: str) -> int:
    """Of a claim's owner, which is as random as a span's id."""
    return int(owner[:16], 16)


def _nothing() -> "Context":
    from opentelemetry.context import Context

    return Context()


def _claimed(owner: str) -> "Context":
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    if not _trace():
        return _nothing()
    claim = SpanContext(_trace(), _span_of(owner), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return set_span_in_context(NonRecordingSpan(claim), _nothing())


def _tell(tracer: "Tracer", began: int, timings: Mapping[str, float]) -> None:
    """Steps that are known by their milliseconds: one after the other since `began`, those of a render within it."""
    if waited := timings.get("queue"):
        _past(tracer, "queue", began - _ns(waited), waited)
    for prefix in ("", "lambda."):
        at = began
        for name in _STEPS:
            if (took := timings.get(prefix + name)) is None:
                continue
            within = _past(tracer, prefix + name, at, took)
            inner = at
            for part, ms in timings.items():
                if part.startswith(f"{prefix}{name}."):
                    _past(tracer, part, inner, ms, within)
                    inner += _ns(ms)
            at += _ns(took)


def _past(tracer: "Tracer", name: str, began: int, ms: float, within: "Context | None" = None) -> "Context":
    from opentelemetry.trace import set_span_in_context

    span = tracer.start_span(name, context=within, start_time=began)
    span.end(began + _ns(ms))
    return set_span_in_context(span)


def _ns(ms: float) -> int:
    return int(ms * 1_000_000)
