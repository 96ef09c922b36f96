"""The OpenAPI document: valid, complete, and the same for everybody."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.prescriptions.conftest import assert_problem

pytestmark = pytest.mark.django_db
JSON = {"Accept": "application/vnd.oai.openapi+json"}
METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture
def schema(http: Client) -> dict[str, Any]:
    response = http.get("/api/v1/schema", headers=JSON)
    assert response.status_code == 200
    content: dict[str, Any] = response.json()
    return content


def operations(schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method} {path}", item[method])
        for path, item in schema["paths"].items()
        for method in METHODS
        if method in item
    ]


def test_it_is_valid(schema: dict[str, Any]) -> None:
    assert schema["openapi"] == "3.1.0"
    assert [error.message for error in OpenAPIV31SpecValidator(schema).iter_errors()] == []


def test_it_has_every_operation(schema: dict[str, Any]) -> None:
    described = {name.split(" ")[0] for name, _ in operations(schema)}
    routes = [
        pattern
        for pattern in get_resolver("prescriptions.api.urls").url_patterns
        if pattern.name not in ("schema", "docs")
    ]
    views = {
        (pattern.name, method)
        for pattern in routes
        for method in METHODS
        if hasattr(pattern.callback.view_class, method)  # type: ignore[union-attr]
    }

    assert described <= set(METHODS)
    assert len(operations(schema)) == len(views)


def test_every_error_is_a_problem_and_everybody_may_be_refused(schema: dict[str, Any]) -> None:
    for name, operation in operations(schema):
        assert {"401", "403", "503"} <= set(operation["responses"]), name
        for status, response in operation["responses"].items():
            if status >= "400":
                assert response == {"$ref": f"#/components/responses/Problem{status}"}, (name, status)
                response = schema["components"]["responses"][f"Problem{status}"]
                assert list(response["content"]) == ["application/problem+json"], (name, status)


def test_every_operation_has_a_name_a_description_and_a_way_in(schema: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, operation in operations(schema)]

    assert len(set(ids)) == len(ids)
    for name, operation in operations(schema):
        assert operation.get("description"), name
        assert {"bearer": []} in operation["security"], name
    assert schema["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_nothing_takes_an_address_from_a_caller(schema: dict[str, Any]) -> None:
    bodies = str([operation.get("requestBody") for _, operation in operations(schema)])
    named = re.findall(r"#/components/schemas/(\w+)", bodies)
    assert named
    for name in named:
        assert "'uri'" not in str(schema["components"]["schemas"][name])


def test_it_comes_as_yaml_too(http: Client) -> None:
    response = http.get("/api/v1/schema")

    assert response["Content-Type"].startswith("application/vnd.oai.openapi")
    assert response.content.startswith(b"openapi: 3.1.0")


def test_it_comes_to_whoever_asks_for_plain_json(http: Client, schema: dict[str, Any]) -> None:
    plain = http.get("/api/v1/schema", headers={"Accept": "application/json"})

    assert plain["Content-Type"] == "application/json"
    assert plain.json() == schema


def test_a_reason_is_told_with_all_that_is_sent_of_it(schema: dict[str, Any]) -> None:
    given = schema["components"]["schemas"]["GivenReason"]["properties"]

    assert set(given) == {"code", "title", "text", "action", "retryable", "page", "note"}


@pytest.mark.parametrize("accept", ["text/html", "image/png"])
def test_a_form_that_it_does_not_have(accept: str, http: Client) -> None:
    assert_problem(http.get("/api/v1/schema", headers={"Accept": accept}), 406, "not-acceptable")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "/api/v1/", 404),
        ("get", "/api/v2/prescriptions", 404),
        ("get", "/api/v1/prescriptions/", 404),
        ("get", "/api/v1/prescriptions/%00", 404),
        ("get", "/api/v1/prescriptions/" + "0" * 32 + "%0a", 404),
        ("get", "/api/v1/prescriptions/..%2f..%2fadmin", 404),
        ("post", "/api/v1/schema", 405),
        ("post", "/api/v1/prescriptions/" + "0" * 32, 405),
        ("get", "/api/" + "x" * 5000, 404),
    ],
)
def test_addresses_that_are_not_there(method: str, path: str, status: int, http: Client) -> None:
    assert_problem(getattr(http, method)(path), status)
