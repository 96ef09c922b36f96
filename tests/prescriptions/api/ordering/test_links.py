"""Minting order links: for one well-formed order, for a bounded time."""

import json
import re
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from prescriptions.intake import order_links
from prescriptions.models import RevokedOrderLink
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
    ("scopes", "asked", "expected"),
    [
        (["orders:write", "rx:read"], None, "order"),
        (["orders:write", "rx:read"], "upload", "upload"),
        (["orders:write"], None, "upload"),
        (["orders:write"], "upload", "upload"),
    ],
)
def test_nobody_hands_out_what_they_may_not_do(
    scopes: list[str], asked: str | None, expected: str, http: Client, bearer: Bearer
) -> None:
    body = {"order_ref": "ORDER-7"} | ({"scope": asked} if asked else {})

    made = http.post("/api/v1/order-links", body, content_type="application/json", headers=bearer(*scopes)).json()

    link = order_links.verify(made["url"].partition("link=")[2])
    assert link is not None
    assert (made["scope"], link.scope, link.id) == (expected, expected, made["id"])


def test_to_show_prescriptions_is_refused_to_who_may_not_see_them(mint: Callable[..., Any]) -> None:
    problem = assert_problem(mint({"order_ref": "ORDER-7", "scope": "order"}), 403, "forbidden")

    assert "rx:read" in problem["detail"]


def test_a_client_takes_back_its_own_links(mint: Callable[..., Any], http: Client, bearer: Bearer) -> None:
    made = mint({"order_ref": "ORDER-7"}).json()
    address = f"/api/v1/order-links/{made['id']}"

    assert http.delete(address, headers=bearer("orders:write", client="rival")).status_code == 204
    assert Client().get(made["url"], follow=True).status_code == 200
    for _again in range(2):
        assert http.delete(address, headers=bearer("orders:write")).status_code == 204
        assert Client().get(made["url"], follow=True).status_code == 404
    assert http.delete(address, headers=bearer("rx:read")).status_code == 403


def test_how_many_are_remembered_is_bounded_and_what_has_ended_is_forgotten(
    http: Client, bearer: Bearer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_links, "MOST_REVOKED", 3)
    headers, now = bearer("orders:write"), timezone.now()

    def take_back(name: int) -> Any:
        return http.delete(f"/api/v1/order-links/{name:016x}", headers=headers)

    assert [take_back(name).status_code for name in (1, 2, 3, 1)] == [204] * 4
    assert_problem(take_back(4), 409, "too-many-links")
    assert (
        http.delete(f"/api/v1/order-links/{4:016x}", headers=bearer("orders:write", client="rival")).status_code == 204
    )
    RevokedOrderLink.objects.filter(link=f"{2:016x}").update(until=now)
    assert order_links.sweep() == 1
    assert take_back(4).status_code == 204


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
        ([], ""),
        ([{"order_ref": "A"}], ""),
        ("A", ""),
        (5, ""),
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
        ('{"order_ref": "A"}'.encode("utf-16"), "application/json; charset=utf-16", 400),
        (b'{"order_ref": "A"}', "text/plain", 415),
        (b"order_ref=A", "application/x-www-form-urlencoded", 415),
        (b"<a/>", "application/xml", 415),
        (b'{"order_ref": "A"}', "nonsense", 415),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_body_that_is_no_request(body: bytes, content_type: str, status: int, mint: Callable[..., Any]) -> None:
    assert_problem(mint(body, content_type), status)


def test_json_is_utf_8_whatever_else_is_said_of_it(mint: Callable[..., Any]) -> None:
    for charset in ("rot13", "utf-16", "x", "utf-8"):
        assert mint(b'\xef\xbb\xbf{"order_ref": "A"}', f"application/json; charset={charset}").status_code == 201


@pytest.mark.parametrize("deep", [33, 500, 5_000, 20_000])
def test_what_is_nested_too_deeply_is_said(deep: int, mint: Callable[..., Any]) -> None:
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        body = b'{"order_ref": "A", "x": ' + opening * (deep - 1) + b"1" + closing * (deep - 1) + b"}"
        told = assert_problem(mint(body), 400, "invalid")
        assert [error["detail"] for error in told["errors"]] == ["Objects and lists are nested more than 32 deep."]


def test_what_is_nested_as_deep_as_it_may_is_judged_by_what_it_says(mint: Callable[..., Any]) -> None:
    told = assert_problem(mint(b'{"order_ref": "A", "x": ' + b"[" * 31 + b"]" * 31 + b"}"), 400, "invalid")

    assert [error["pointer"] for error in told["errors"]] == ["/x"]


def test_a_key_that_is_there_twice_has_no_meaning(mint: Callable[..., Any]) -> None:
    body = assert_problem(mint(b'{"order_ref": "A", "order_ref": "B"}'), 400, "invalid")

    assert body["errors"] == [{"pointer": "/order_ref", "detail": "This key is there twice."}]
