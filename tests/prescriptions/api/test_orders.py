"""Minting order links: for one well-formed order, for a bounded time."""

import json
import re
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from tests.prescriptions.conftest import assert_problem

pytestmark = pytest.mark.django_db
Bearer = Callable[..., dict[str, str]]


@pytest.fixture
def mint(http: Client, bearer: Bearer) -> Callable[..., Any]:
    headers = bearer("orders:write")

    def post(body: Any, content_type: str = "application/json") -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body)
        return http.generic("POST", "/api/v1/order-links", data, content_type, headers=headers)

    return post


def test_a_link_opens_its_order(mint: Callable[..., Any]) -> None:
    response = mint({"order_ref": "ORDER-7", "expires_in": 600})

    body = response.json()
    assert (response.status_code, response["Cache-Control"]) == (201, "no-store")
    assert re.fullmatch(r"http://testserver/orders/ORDER-7/prescription\?link=[\w:-]+", body["url"])
    assert re.fullmatch(r"http://testserver/upload/\?link=[\w:-]+", body["upload_url"])
    assert abs(datetime.fromisoformat(body["expires_at"]).timestamp() - time.time() - 600) < 60
    for url in (body["url"], body["upload_url"]):
        assert Client().get(url, follow=True).status_code == 200


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/order_ref"),
        ({"order_ref": ""}, "/order_ref"),
        ({"order_ref": None}, "/order_ref"),
        ({"order_ref": ["A"]}, "/order_ref"),
        ({"order_ref": {"a": 1}}, "/order_ref"),
        ({"order_ref": True}, "/order_ref"),
        ({"order_ref": "../../admin"}, "/order_ref"),
        ({"order_ref": "x\nORDER-7"}, "/order_ref"),
        ({"order_ref": "<b>A"}, "/order_ref"),
        ({"order_ref": "A" * 65}, "/order_ref"),
        ({"order_ref": "A\x00"}, "/order_ref"),
        ({"order_ref": "\ud800"}, "/order_ref"),
        ({"order_ref": "\u202eA"}, "/order_ref"),
        ({"order_ref": "A", "expires_in": 59}, "/expires_in"),
        ({"order_ref": "A", "expires_in": 30 * 86_400 + 1}, "/expires_in"),
        ({"order_ref": "A", "expires_in": -1}, "/expires_in"),
        ({"order_ref": "A", "expires_in": 10**300}, "/expires_in"),
        ({"order_ref": "A", "expires_in": 1e300}, "/expires_in"),
        ({"order_ref": "A", "expires_in": "soon"}, "/expires_in"),
        ({"order_ref": "A", "expires_in": None}, "/expires_in"),
        ({"order_ref": "A", "expires_in": True}, "/expires_in"),
        ([], "/non_field_errors"),
        ([{"order_ref": "A"}], "/non_field_errors"),
        ("A", "/non_field_errors"),
        (5, "/non_field_errors"),
    ],
)
def test_a_request_that_is_not_one(body: Any, pointer: str, mint: Callable[..., Any]) -> None:
    problem = assert_problem(mint(body), 400, "invalid")

    assert pointer in [error["pointer"] for error in problem["errors"]]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"a":' * 50_000, "application/json", 400),
        (b'{"order_ref": NaN}', "application/json", 400),
        (b'{"order_ref": "A", "expires_in": 1e400}', "application/json", 400),
        (b'{"order_ref": "A", "expires_in": ' + b"9" * 5000 + b"}", "application/json", 400),
        (b'{"order_ref": "\xff"}', "application/json", 400),
        (b'{"order_ref": "A"}', "application/json; charset=rot13", 400),
        (b'{"order_ref": "A"}', "application/json; charset=utf-16", 400),
        (b'{"order_ref": "A"}', "text/plain", 415),
        (b"order_ref=A", "application/x-www-form-urlencoded", 415),
        (b"<a/>", "application/xml", 415),
        (b'{"order_ref": "A"}', "nonsense", 415),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_body_that_is_no_request(body: bytes, content_type: str, status: int, mint: Callable[..., Any]) -> None:
    assert_problem(mint(body, content_type), status)


def test_the_last_of_two_equal_names_counts(mint: Callable[..., Any]) -> None:
    body = mint(b'{"order_ref": "A", "order_ref": "B"}').json()

    assert body["order_ref"] == "B"
    assert "/orders/B/" in body["url"]
