"""Traces: one for each request, from the edge's id to the steps of a render, and nothing in it about anybody."""

import gzip
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.test import Client
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from prescriptions.infra import logs
from prescriptions.infra.telemetry import traces
from prescriptions.models import Page, Variant
from tests.conftest import PROJECT
from tests.prescriptions.iiif.test_images import address

RID, SPAN, OWNER = "0123456789abcdef" * 2, "00f067aa0ba902b7", "fedcba9876543210" * 2


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


def spans(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def parent(span: ReadableSpan) -> str:
    return f"{span.parent.span_id:016x}" if span.parent else ""


def own(span: ReadableSpan) -> str:
    return f"{span.get_span_context().span_id:016x}"  # type: ignore[union-attr]


@pytest.mark.usefixtures("servers")
@pytest.mark.django_db(transaction=True)
def test_a_miss_is_one_trace_from_the_request_to_the_steps_of_its_render(
    page: Page, http: Client, exporter: InMemorySpanExporter
) -> None:
    headers = {"X-Request-ID": RID, "Traceparent": f"00-{RID}-{SPAN}-01"}

    with traces.collected_by(exporter):
        assert http.get(f"/generate{address(page)}", headers=headers).status_code == 303

    variant = Variant.objects.get()
    found = spans(exporter)
    (request,) = (span for name, span in found.items() if name.startswith("GET generate/"))
    assert {f"{span.get_span_context().trace_id:032x}" for span in found.values()} == {RID}  # type: ignore[union-attr]
    assert parent(request) == SPAN
    assert parent(found["claim"]) == parent(found["wait"]) == own(request)
    assert parent(found["make"]) == own(found["claim"])
    assert {parent(found[name]) for name in ("queue", "fetch", "render", "put")} == {own(found["make"])}
    within = {name for name, span in found.items() if parent(span) == own(found["render"])}
    assert within
    assert within == {name for name in variant.timings if name.startswith("render.")}
    assert found["make"].attributes == {
        "rx.variant": variant.pk,
        "rx.stored": "full/150,200/0/default.webp",
        "rx.outcome": "ready",
        "rx.backend": variant.backend,
    }
    # ids and words of ours: no token, no prescription, no address, nothing of what was sent
    told = " ".join(f"{span.name} {dict(span.attributes or {})} {span.events}" for span in found.values())
    token = address(page).split("/")[3]
    assert not [word for word in (token, page.prescription_id, "127.0.0.1", "testserver") if word in told]


def test_a_trace_that_is_not_this_requests_is_not_taken_up(http: Client, exporter: InMemorySpanExporter) -> None:
    with traces.collected_by(exporter):
        http.get("/healthz", headers={"X-Request-ID": RID, "Traceparent": f"00-{'a' * 32}-{SPAN}-01"})
        http.generic("BREW", "/healthz", headers={"X-Request-ID": RID, "Traceparent": "nonsense"})

    got, brewed = exporter.get_finished_spans()
    for span in (got, brewed):
        assert (f"{span.context.trace_id:032x}", span.parent) == (RID, None)
    assert (got.name, brewed.name) == ("GET healthz", "other healthz")


def test_what_lambda_reports_are_steps_of_the_call(exporter: InMemorySpanExporter) -> None:
    timings = {"queue": 5.0}
    logs.set_request_id(RID)

    with traces.collected_by(exporter), traces.work(OWNER, timings) as part:
        assert traces.header()["Traceparent"].startswith(f"00-{RID}-")
        timings |= {"lambda.fetch": 2.0, "lambda.render": 30.0, "lambda.render.decode": 20.0, "lambda.put": 3.0}
        part.say(outcome="ready")

    logs.set_request_id("")
    found = spans(exporter)
    assert parent(found["make"]) == OWNER[:16]
    assert parent(found["lambda.render.decode"]) == own(found["lambda.render"])
    began = found["lambda.fetch"].start_time or 0
    assert [((found[name].start_time or 0) - began) // 1_000_000 for name in ("lambda.render", "lambda.put")] == [2, 32]


def test_without_a_collector_there_is_nothing(exporter: InMemorySpanExporter) -> None:
    with traces.request("") as one, traces.claim(OWNER) as two, traces.step("wait"), traces.work(OWNER, {}):
        one.say(status=200)
        two.rename("x")
        assert traces.header() == {}
    assert exporter.get_finished_spans() == ()


SENDS = f"""
import django; django.setup()
from prescriptions.infra import logs
from prescriptions.infra.telemetry import traces
logs.set_request_id("{RID}")
with traces.request("") as part:
    part.say(status=200)
"""


def test_a_collector_is_told_before_a_process_ends() -> None:
    bodies: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            bodies.append(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        done = subprocess.run(
            [sys.executable, "-c", SENDS],
            cwd=PROJECT,
            env={
                "PATH": os.environ["PATH"],
                "DJANGO_SETTINGS_MODULE": "rxproject.settings",
                "RX_ROLE": "web",
                "RX_TRACES_URL": f"http://127.0.0.1:{server.server_port}/v1/traces",
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        server.shutdown()
        thread.join()

    assert (done.returncode, done.stderr) == (0, "")
    (told,) = (ExportTraceServiceRequest.FromString(body) for body in bodies)
    (span,) = told.resource_spans[0].scope_spans[0].spans
    assert (span.name, span.trace_id.hex()) == ("request", RID)
    resource = {one.key: one.value.string_value for one in told.resource_spans[0].resource.attributes}
    assert resource == {"service.name": "prescriptions", "rx.role": "web"}
