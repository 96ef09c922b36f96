"""Whatever happens inside, the outside gets an answer that it can use, and the log gets no secret."""

import logging
from typing import Any

import pytest
from django.db import (
    DataError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
    connection,
)
from django.test import Client
from pytest_django import Settings

from prescriptions.intake import order_links
from prescriptions.variants import links
from tests.links import mint
from tests.prescriptions.conftest import assert_problem

pytestmark = pytest.mark.django_db
ID = "0" * 32
API = "/api/v1/prescriptions"


def image(rx: str = ID) -> str:
    return f"/iiif/3/{mint(rx)}/{rx}_1/full/1,1/0/default.jpg"


def with_database_that(error: Exception, path: str, http: Client, **headers: str) -> Any:
    def refuse(execute, sql, params, many, context):
        raise error

    with connection.execute_wrapper(refuse):
        return http.get(path, headers=headers)


@pytest.mark.parametrize("error", [OperationalError("gone"), InterfaceError("closed")], ids=repr)
@pytest.mark.parametrize(
    "path",
    [image(), f"/generate{image()}", links.manifest_path(ID, mint(ID)), API],
    ids=["image", "generate", "manifest", "api"],
)
def test_a_database_that_is_down_is_503(path: str, error: Exception, http: Client) -> None:
    token = {"Authorization": f"Bearer rxk_{'0' * 16}_{'A' * 43}"} if path == API else {}

    response = with_database_that(error, path, http, **token)

    assert_problem(response, 503, "database-unavailable")
    assert response["Retry-After"] == "5"


def test_people_get_a_page(http: Client) -> None:
    link = order_links.mint(order_ref="A", client="shop", expires_in=60)
    http.get(order_links.page_path(link))

    response = with_database_that(OperationalError("gone"), "/orders/A/prescription", http)

    assert (response.status_code, response["Retry-After"], response["Cache-Control"]) == (503, "5", "no-store")
    assert response["Content-Type"].startswith("text/html")
    assert b"gone" not in response.content


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (IntegrityError("UNIQUE constraint failed: page.number"), "conflict"),
        (IntegrityError("FOREIGN KEY constraint failed"), "conflict"),
        (ProgrammingError("no such column: page.skew"), "database-unavailable"),
        (InternalError("current transaction is aborted"), "database-unavailable"),
    ],
    ids=repr,
)
def test_what_is_nobodys_fault_may_be_tried_again(error: Exception, code: str, http: Client) -> None:
    response = with_database_that(error, image(), http)

    body = assert_problem(response, 503, code)
    assert int(response["Retry-After"]) > 0
    assert str(error) not in str(body)


@pytest.mark.parametrize("error", [DataError("too long"), IntegrityError("CHECK constraint failed: x")], ids=repr)
def test_a_value_that_the_database_refuses_is_400(error: Exception, http: Client) -> None:
    body = assert_problem(with_database_that(error, image(), http), 400, "invalid")

    assert str(error) not in str(body)


def test_what_nobody_foresaw_is_told_and_noted_without_its_words(
    http: Client, caplog: pytest.LogCaptureFixture
) -> None:
    response = with_database_that(RuntimeError("Jane Doe"), image(), http)

    body = assert_problem(response, 500, "internal")
    assert "Jane" not in str(body)
    noted = [record for record in caplog.records if record.getMessage() == "unhandled"]
    assert len(noted) == 1
    assert noted[0].exc_info is not None


def test_a_request_keeps_the_id_that_the_edge_gave_it(http: Client) -> None:
    response = http.get("/healthz", headers={"X-Request-ID": "edge-1_A"})

    assert response["X-Request-ID"] == "edge-1_A"


@pytest.mark.parametrize("odd", ["", "a b", "x" * 65, "a\tb", '{"a"}', "é", "../..", "a=b"])
def test_an_odd_id_is_replaced(odd: str, http: Client) -> None:
    first, second = (http.get("/healthz", headers={"X-Request-ID": odd})["X-Request-ID"] for _ in range(2))

    assert first != second
    assert len(first) == 32


@pytest.mark.parametrize(
    "path",
    [
        "/iiif/3/{token}/x",
        "/iiif/3/{token}",
        "/generate/iiif/3/{token}/{id}_1/full/max/0/default.jpg",
        "/iiif/presentation/3/{token}/{id}/manifest",
        "//iiif/3/{token}/x",
        "/x/../iiif/3/{token}/x",
        "/IIIF/3/{token}/x",
        "/api/{token}",
        "/{token}",
    ],
)
def test_tokens_never_reach_a_log(path: str, http: Client, caplog: pytest.LogCaptureFixture) -> None:
    token = mint(ID)
    caplog.set_level(logging.INFO)

    http.get(path.format(token=token, id=ID))

    lines = [record for record in caplog.records if record.name == "rx.request"]
    assert len(lines) == 1
    assert not any(token in str(record.__dict__) for record in caplog.records)


@pytest.mark.parametrize("path", ["/orders/{}/prescription", "/api/v1/orders/{}", "/api/v1/orders/{}/prescriptions"])
def test_references_of_orders_never_reach_a_log(path: str, http: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "rx.request")

    http.get(path.format("ORD-SECRET"))

    assert [record.path for record in caplog.records if record.name == "rx.request"] == [path.format("-")]  # type: ignore[attr-defined]


def test_one_line_for_each_request(http: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "rx.request")

    http.get("/api/v1/prescriptions/x?secret=1", headers={"Authorization": "Bearer secret"})

    (record,) = caplog.records
    assert (record.method, record.path, record.status) == ("GET", "/api/v1/prescriptions/x", 404)  # type: ignore[attr-defined]
    assert "secret" not in str(record.__dict__)


@pytest.mark.parametrize("host", ["evil.example", "testserver:x", "a b", "testserver@evil", "[::1", ""])
@pytest.mark.parametrize("path", ["/api/v1/schema", image(), "/orders/A/prescription"])
def test_a_host_that_is_not_ours_is_400(path: str, host: str, http: Client) -> None:
    response = http.get(path, headers={"Host": host})

    assert response.status_code == 400
    if not path.startswith("/orders"):
        body = assert_problem(response, 400, "invalid")
        assert "Host" in body["detail"]


def test_what_no_browser_asks_with_is_answered_with_a_problem_at_any_address(http: Client) -> None:
    assert_problem(http.generic("TRACE", "/api/v1/prescriptions"), 405, "method-not-allowed")
    assert_problem(http.generic("TRACE", "/nothing"), 404, "not-found")
    assert_problem(http.post("/healthz"), 405, "method-not-allowed")


def test_forwarded_hosts_are_not_believed(http: Client) -> None:
    for name in ("X-Forwarded-Host", "X-Original-URL", "X-Rewrite-URL", "Forwarded", "X-Host"):
        content = http.get("/api/v1/schema", headers={name: "evil.example"}).content
        assert b"evil.example" not in content


def test_more_parameters_than_a_form_has_are_413(http: Client, settings: Settings) -> None:
    query = "&".join(f"a{n}=1" for n in range(settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 2))

    assert_problem(http.get(f"{image()}?{query}"), 404)  # no page, and nobody looked
    assert_problem(http.get(f"/api/v1/docs/x?{query}"), 404)
    assert http.get(f"/upload/?{query}").status_code == 413


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/iiif/nothing", "/generate/nothing", "/iiif/3/a"])
def test_machines_get_problems_for_addresses_that_are_not_there(path: str, http: Client) -> None:
    assert_problem(http.get(path), 404, "not-found")


def test_people_get_words_for_addresses_that_are_not_there(http: Client) -> None:
    response = http.get("/nothing")

    assert (response.status_code, response["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert b"There is nothing here" in response.content
