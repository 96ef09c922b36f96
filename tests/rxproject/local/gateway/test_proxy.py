"""Proxy integration: what a function sees, and which of its answers reach the caller."""

import json
from typing import Any

import pytest

from rxproject.local.gateway import proxy
from rxproject.local.gateway.proxy import Request


def test_the_event_has_the_fields_of_a_rest_api() -> None:
    headers = [("X-A", "1"), ("X-A", "2"), ("Host", "h")]
    request = Request("POST", "/render", headers, '"é"'.encode(), "a=1&a=2&b=%20")

    event = json.loads(proxy.event(request, request_id="r-1", access_key="AK", source_ip="127.0.0.1"))

    assert event["httpMethod"] == "POST"
    assert (event["path"], event["resource"]) == ("/render", "/render")
    assert event["headers"] == {"X-A": "2", "Host": "h"}
    assert event["multiValueHeaders"] == {"X-A": ["1", "2"], "Host": ["h"]}
    assert event["queryStringParameters"] == {"a": "2", "b": " "}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"], "b": [" "]}
    assert (event["body"], event["isBase64Encoded"]) == ('"é"', False)
    assert event["requestContext"]["requestId"] == "r-1"
    assert event["requestContext"]["identity"] == {"accessKey": "AK", "sourceIp": "127.0.0.1"}


def test_without_body_and_query_the_fields_are_null() -> None:
    event = json.loads(proxy.event(Request("POST", "/render", [], b""), request_id="", access_key="", source_ip=""))

    assert (event["body"], event["queryStringParameters"], event["headers"]) == (None, None, None)


def test_a_whole_answer() -> None:
    answer = proxy.response(
        json.dumps(
            {
                "statusCode": "418",
                "headers": {"Content-Type": "text/plain", "Content-Length": "999", "X-N": 1},
                "multiValueHeaders": {"X-M": ["a", "b"]},
                "body": "é",
                "isBase64Encoded": False,
            }
        ).encode()
    )

    assert answer.status == 418
    assert answer.headers == [("Content-Type", "text/plain"), ("X-N", "1"), ("X-M", "a"), ("X-M", "b")]
    assert answer.body == "é".encode()


def test_the_least_answer() -> None:
    assert proxy.response(b'{"statusCode": 204}') == proxy.Response(204, [("Content-Type", "application/json")], b"")


MALFORMED: list[Any] = [
    None,
    "text",
    [],
    {},
    {"body": "no status"},
    {"statusCode": 99},
    {"statusCode": 600},
    {"statusCode": "many"},
    {"statusCode": 200, "body": {"not": "text"}},
    {"statusCode": 200, "surprise": 1},
    {"statusCode": 200, "headers": ["a"]},
    {"statusCode": 200, "headers": {"X-A": "1\r\nX-Injected: 2"}},
    {"statusCode": 200, "headers": {"X A": "1"}},
    {"statusCode": 200, "multiValueHeaders": {"X-A": 1}},
]


@pytest.mark.parametrize("returned", MALFORMED)
def test_malformed_answers(returned: Any) -> None:
    with pytest.raises(proxy.Refused):
        proxy.response(json.dumps(returned).encode())


def test_not_even_json() -> None:
    with pytest.raises(proxy.Refused):
        proxy.response(b"{")
