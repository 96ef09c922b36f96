"""Health: alive is alive; ready names what is missing."""

import json
import logging
from collections.abc import Iterator

import pytest
from django.db import OperationalError, connection
from django.test import Client
from pytest_django import Settings

from prescriptions import tasks
from prescriptions.infra import per_process, redis_client, storage
from prescriptions.infra.logs import JsonLines
from prescriptions.models import Page
from prescriptions.ops import health
from prescriptions.upkeep import duties
from prescriptions.variants.backends.names import SHORT_NAMES
from tests.prescriptions.conftest import claim
from tests.prescriptions.staff import Clock

pytestmark = [pytest.mark.usefixtures("servers"), pytest.mark.django_db]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    with per_process.anew():
        yield


def missing(http: Client) -> set[str]:
    response = http.get("/readyz")
    assert (response.status_code, response["Retry-After"], response["Cache-Control"]) == (503, "2", "no-store")
    body = response.json()
    assert body["status"] == "unavailable"
    return set(body["missing"])


def test_ready_when_all_is_there(http: Client) -> None:
    response = http.get("/readyz")

    body = response.json()
    assert (response.status_code, body["status"], "missing" in body) == (200, "ready", False)


def test_what_is_late_is_told_and_makes_nothing_unready(http: Client, row: Page, clock: Clock) -> None:
    claim(row)
    duties.lead("sweep", seconds=30)
    clock.forward(seconds=90)

    answer = http.get("/readyz")

    ages = answer.json()["ages"]
    assert answer.status_code == 200
    assert ages["duties"] == {"sweep": 90.0}
    assert {lane: seconds for lane, seconds in ages["oldest_variant"].items() if seconds} == {"images": 90.0}
    assert set(ages["waiting_messages"]) == set(ages["oldest_variant"])
    through_the_edge = http.get("/readyz", headers={"X-Rx-Edge": "1"})
    assert (through_the_edge.status_code, through_the_edge.json()) == (200, {"status": "ready"})


def test_the_same_is_a_log_line_for_whoever_scales_by_lines(
    row: Page, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    claim(row)
    duties.lead("sweep", seconds=30)
    clock.forward(seconds=90)
    caplog.set_level(logging.INFO, "rx.upkeep")

    tasks.tell_ages()

    (line,) = [json.loads(JsonLines().format(one)) for one in caplog.records if one.getMessage() == "ages"]
    assert (line["message"], line["oldest_variant"], line["duties"]) == ("ages", 90.0, {"sweep": 90.0})
    assert isinstance(line["waiting_messages"], int)


def test_storage_is_named(http: Client, no_s3: None) -> None:
    assert missing(http) == {"storage"}


def test_storage_that_refuses_us_is_named(http: Client, wrong_secret: None) -> None:
    assert missing(http) == {"storage"}


def test_the_broker_is_named(http: Client, no_redis: None) -> None:
    assert missing(http) == {"broker"}


def test_the_database_is_named(http: Client) -> None:
    def refuse(execute, sql, params, many, context):
        raise OperationalError("gone")

    with connection.execute_wrapper(refuse):
        assert missing(http) == {"database"}


def test_a_missing_worker_is_named(http: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RX_BACKEND = "celery"
    monkeypatch.setattr(redis_client, "WORKER_KEY", "rx:nobody-beats-here")

    assert missing(http) == {"worker"}


@pytest.mark.parametrize(
    ("backend", "fallback", "asked"),
    [
        ("celery", "", True),
        (SHORT_NAMES["celery"], "", True),
        ("lambda", "celery", True),
        (SHORT_NAMES["lambda"], SHORT_NAMES["celery"], True),
        ("shop.renderers.Elsewhere", "", True),
        ("lambda", "", False),
        ("inline", "", False),
        (SHORT_NAMES["inline"], "", False),
    ],
)
def test_a_worker_is_asked_for_where_a_backend_needs_one_however_it_is_spelt(
    backend: str, fallback: str, asked: bool, http: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RX_BACKEND, settings.RX_FALLBACK_BACKEND = backend, fallback
    monkeypatch.setattr(redis_client, "WORKER_KEY", "rx:nobody-beats-here")

    assert (http.get("/readyz").status_code == 503) is asked


def test_all_that_is_missing_is_named_at_once(http: Client, settings: Settings, no_redis: None, no_s3: None) -> None:
    settings.RX_BACKEND = "celery"

    assert missing(http) == {"storage", "broker", "worker"}


@pytest.mark.parametrize("path", ["/livez", "/healthz"])
def test_alive_says_nothing_about_anything_else(path: str, http: Client, no_redis: None, no_s3: None) -> None:
    response = http.get(path)

    assert (response.status_code, response.json(), response["Cache-Control"]) == (200, {"status": "ok"}, "no-store")


def test_probes_that_come_often_cost_once(http: Client) -> None:
    http.get("/readyz")

    def refuse(execute, sql, params, many, context):
        raise AssertionError(sql)

    with connection.execute_wrapper(refuse):
        assert http.get("/readyz").status_code == 200


def test_while_one_looks_the_others_wait_a_moment_and_take_no_look_of_their_own(
    http: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "WAIT_FOR_A_LOOK", 0.01)
    meanwhile: list[set[str]] = []
    monkeypatch.setattr(storage, "reachable", lambda: meanwhile.append(missing(http)))

    assert http.get("/readyz").status_code == 200

    assert meanwhile == [{"answer"}]


@pytest.mark.parametrize("path", ["/livez", "/healthz", "/readyz"])
def test_only_looking(path: str, http: Client) -> None:
    client = Client()

    assert client.head(path).status_code == 200
    for method in ("post", "put", "delete"):
        response = getattr(client, method)(path)
        assert (response.status_code, response["Content-Type"]) == (405, "application/problem+json")
        assert response["Allow"] == "GET, HEAD, OPTIONS"
