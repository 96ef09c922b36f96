"""Reports of errors: what an error line of the log has, and nothing that anybody sent."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
from django.core.checks import Warning  # noqa: A004 - Django's own name
from django.test import Client
from pytest_django import Settings
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from prescriptions.infra import logs
from prescriptions.infra.telemetry import reports
from prescriptions.ops import checks
from tests.prescriptions.infra.test_middleware import image
from transforms.version import PIPELINE

SECRET = "Smith-secret"


class Collecting(Transport):
    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.events += [item.payload.json for item in envelope.items if item.type == "event"]


@pytest.fixture
def collected(settings: Settings) -> Iterator[list[dict[str, Any]]]:
    settings.RX_SENTRY_DSN = "http://0123456789abcdef@127.0.0.1:9/1"
    transport = Collecting()
    assert reports.start(transport)
    yield transport.events
    sentry_sdk.get_client().close(timeout=0)
    sentry_sdk.get_global_scope().set_client(None)


def test_without_an_address_nothing_is_reported(settings: Settings) -> None:
    settings.RX_SENTRY_DSN = ""

    assert not reports.start()


@pytest.mark.django_db
def test_an_error_is_reported_with_its_frames_and_the_request_and_nothing_else(
    collected: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        patient = SECRET
        raise ZeroDivisionError(patient)

    monkeypatch.setattr("prescriptions.iiif.images.open_image", fail)
    client = Client(raise_request_exception=False)

    answer = client.get(
        image(), {"name": SECRET}, headers={"X-Request-ID": "ab" * 16, "Cookie": f"a={SECRET}", "User-Agent": SECRET}
    )

    assert answer.status_code == 500
    (event,) = collected
    assert event.keys() <= {
        *("event_id", "timestamp", "platform", "level", "logger", "logentry", "exception", "release", "tags"),
    }
    assert (event["logger"], event["logentry"], event["release"]) == ("rx.request", {"message": "unhandled"}, PIPELINE)
    assert event["tags"] == {"role": "manage", "request_id": "ab" * 16}
    (raised,) = event["exception"]["values"]
    assert (raised["type"], raised["stacktrace"]["frames"][-1]["function"]) == ("ZeroDivisionError", "fail")
    assert raised["stacktrace"]["frames"][-1].keys() <= {"filename", "function", "module", "lineno", "in_app"}
    text = json.dumps(event)
    assert SECRET not in text
    assert image().split("/")[3] not in text  # the token


def test_what_other_loggers_say_is_not_reported_and_that_they_said_it_is(collected: list[dict[str, Any]]) -> None:
    logs.set_request_id("")
    logging.getLogger("celery.app.trace").error(f"{SECRET} %s", SECRET, extra={"name_of": SECRET})
    logging.getLogger("rx.render").error("refused", extra={"status": 403, "detail": SECRET})
    logging.getLogger("rx.render").warning("not an error")

    assert [event["logger"] for event in collected] == ["celery.app.trace", "rx.render"]
    assert "logentry" not in collected[0]
    assert collected[1]["logentry"] == {"message": "refused"}
    assert SECRET not in json.dumps(collected)


def test_a_collector_without_its_packages_is_warned_of(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RX_SENTRY_DSN, settings.RX_TRACES_URL = "http://a@127.0.0.1/1", "http://127.0.0.1:4318/v1/traces"
    assert checks.telemetry(None) == []

    monkeypatch.setattr(checks, "find_spec", lambda name: None)

    found = checks.telemetry(None)
    assert all(isinstance(one, Warning) for one in found)
    assert [one.msg.split()[0] for one in found] == ["RX_TRACES_URL", "RX_SENTRY_DSN"]
