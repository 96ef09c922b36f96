"""Query parameters: what the OpenAPI document lists is taken, once; anything else is refused, and nothing is done."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import get_resolver
from pytest_django import Settings

from prescriptions.api import tokens
from prescriptions.api.base import ApiView
from prescriptions.models import AuditEvent, Prescription, Review
from tests.prescriptions.conftest import assert_problem
from tests.prescriptions.staff import Make

pytestmark = pytest.mark.django_db
METHODS = ("get", "post", "put", "patch", "delete")
# A value that each parameter may have.
CURSOR = base64.b64encode(b"p=2026-01-01T00%3A00%3A00%2B00%3A00").decode()
GOOD = {
    "cursor": CURSOR,
    "page_size": "2",
    "order_ref": "A-1",
    "patient_ref": "P-1",
    "status": "approved",
    **dict.fromkeys(("created_after", "created_before", "updated_after", "updated_before"), "2026-01-01T00:00:00Z"),
    "document": "2",
    "fit": "a4",
    "override": "ordered",
    "reference": "F-1",
    "after": "0",
    "limit": "2",
    "types": "prescription.approved",
    "before": "9",
    "state": "open",
    "days": "2",
}
Operation = tuple[str, str, list[str]]


@pytest.fixture
def caller(make: Make) -> Client:
    """Who may do everything."""
    user = get_user_model().objects.create_superuser("asha")
    scopes = list(tokens.SCOPES)
    _token, text = tokens.make(name="all", client="shop", scopes=scopes, user=user)
    return Client(headers={"Authorization": f"Bearer {text}"}, raise_request_exception=False)


@pytest.fixture
def operations(make: Make, http: Client) -> list[Operation]:
    """Method, address and documented parameters of every operation; the prescription that they name is there."""
    schema = http.get("/api/v1/schema", headers={"Accept": "application/vnd.oai.openapi+json"}).json()
    rx = make().pk
    words = {"rx": rx, "number": "1", "spec": "thumb", "job": "0" * 32, "link": "0" * 16, "lent": "0" * 12}
    words["order_ref"] = "A-1"
    words["webhook"] = "0" * 16
    words["incoming"] = "0" * 32

    def each() -> Iterator[Operation]:
        for path, item in schema["paths"].items():
            for method in METHODS:
                if method in item:
                    parameters: list[dict[str, Any]] = item[method].get("parameters", [])
                    taken = [entry["name"] for entry in parameters if entry["in"] == "query"]
                    yield method, path.format(**words), taken

    return list(each())


def with_head_and_options(operations: list[Operation]) -> list[Operation]:
    """HEAD takes what GET does; OPTIONS what any method at that address does."""
    every: dict[str, list[str]] = {}
    for _method, path, taken in operations:
        every.setdefault(path, []).extend(taken)
    heads = [("head", path, taken) for method, path, taken in operations if method == "get"]
    return [*operations, *heads, *(("options", path, taken) for path, taken in every.items())]


def test_every_view_of_the_api_has_the_one_rule() -> None:
    patterns = get_resolver("prescriptions.api.urls").url_patterns
    views = [pattern.callback.view_class for pattern in patterns]  # type: ignore[union-attr]

    assert [view for view in views if not issubclass(view, ApiView)] == []
    for view in views:
        assert set(view.queries) <= {method.upper() for method in METHODS if hasattr(view, method)}, view


def test_the_document_lists_what_is_known(operations: list[Operation]) -> None:
    listed = {(method, path.rpartition("/")[2]): taken for method, path, taken in operations if taken}

    assert listed == {
        ("get", "prescriptions"): [
            "created_after",
            "created_before",
            "cursor",
            "order_ref",
            "page_size",
            "patient_ref",
            "status",
            "updated_after",
            "updated_before",
        ],
        ("get", "events"): ["after", "limit", "types"],
        ("get", "deliveries"): ["before", "limit", "state"],
        ("get", "original"): ["document"],
        ("get", "document.pdf"): ["fit"],
        ("get", "stats"): ["days"],
        ("delete", next(path for method, path in listed if method == "delete")): ["override", "reference"],
    }
    assert {name for taken in listed.values() for name in taken} == set(GOOD)


def test_an_unknown_parameter_is_refused_by_every_operation_and_nothing_is_done(
    operations: list[Operation], caller: Client
) -> None:
    before = list(Review.objects.values()), AuditEvent.objects.count()

    for method, path, taken in with_head_and_options(operations):
        known = "".join(f"&{name}={GOOD[name]}" for name in dict.fromkeys(taken))
        for query in ("?x=1", f"?utm_source=a{known}", "?X=", *(f"?{name.upper()}=1" for name in taken)):
            response = getattr(caller, method)(path + query)
            if method == "head":
                assert response.status_code == 400, (path, query)
                continue
            body = assert_problem(response, 400, "unknown-parameter")
            assert body["detail"] == (
                f"Known here: {', '.join(sorted(set(taken)))}." if taken else "This operation takes no parameters."
            )
            assert [set(error) for error in body["errors"]] == [{"parameter", "detail"}]

    assert (list(Review.objects.values()), AuditEvent.objects.count()) == before
    assert Prescription.objects.filter(erased_at=None).count() == 1


def test_every_documented_parameter_is_taken_once(
    operations: list[Operation], caller: Client, settings: Settings
) -> None:
    settings.RX_WAIT = 0  # nobody makes the pages of this prescription

    for method, path, taken in with_head_and_options(operations):
        for name in taken:
            once = getattr(caller, method)(f"{path}?{name}={GOOD[name]}")
            twice = getattr(caller, method)(f"{path}?{name}={GOOD[name]}&{name}={GOOD[name]}")

            assert once.status_code != 400, (method, path, name, once.content)
            assert twice.status_code == 400, (method, path, name)
            if method != "head":
                body = assert_problem(twice, 400, "invalid")
                assert body["errors"] == [{"parameter": name, "detail": "Send it once."}]


def test_who_may_not_call_is_told_so_first(operations: list[Operation], http: Client) -> None:
    for method, path, _taken in operations:
        assert_problem(getattr(http, method)(f"{path}?x=1"), 401)


@pytest.mark.parametrize("path", ["/api/v1/schema", "/api/v1/docs"])
@pytest.mark.parametrize("query", ["version=%00", "version=%0d%0aX-A:b", "lang=..%2f", "format=api", "x=y"])
def test_the_documents_own_addresses_are_no_exception(path: str, query: str, http: Client) -> None:
    assert_problem(http.get(f"{path}?{query}"), 400, "unknown-parameter")


def test_a_made_up_name_is_not_said_back_at_length(http: Client) -> None:
    query = "&".join(f"{'<b>' * 500}{n}=1" for n in range(40))

    body = assert_problem(http.get(f"/api/v1/schema?{query}"), 400, "unknown-parameter")

    assert len(body["errors"]) == 10
    assert max(len(error["parameter"]) for error in body["errors"]) == 60
