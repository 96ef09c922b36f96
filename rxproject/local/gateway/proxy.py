"""Lambda proxy integration: an HTTP request to the event a function gets, and what it returns to an HTTP response.

Pure. Must never pass on a response that API Gateway would call malformed.
"""

import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from rxproject.local.gateway.http1 import Request

_FIELDS: Final = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_VALUE: Final = re.compile(r"[\t -~\x80-\xff]*")
# The gateway's own; a function that sets them would contradict how the answer is sent.
_HOP: Final = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive"})


class Malformed(Exception):
    """The function's answer is not what a proxy integration must return: 502 on AWS."""


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


def event(request: Request, *, request_id: str, access_key: str, source_ip: str) -> bytes:
    """The event of a REST API's proxy integration (payload format 1.0), as JSON."""
    headers = _multi(request.headers)
    query = _multi(parse_qsl(request.query, keep_blank_values=True))
    return json.dumps(
        {
            "resource": request.path,
            "path": request.path,
            "httpMethod": request.method,
            "headers": _last(headers),
            "multiValueHeaders": headers or None,
            "queryStringParameters": _last(query),
            "multiValueQueryStringParameters": query or None,
            "pathParameters": None,
            "stageVariables": None,
            "requestContext": {
                "resourcePath": request.path,
                "path": request.path,
                "httpMethod": request.method,
                "protocol": "HTTP/1.1",
                "stage": "local",
                "accountId": "000000000000",
                "apiId": "local",
                "requestId": request_id,
                "requestTimeEpoch": int(time.time() * 1000),
                "identity": {"accessKey": access_key, "sourceIp": source_ip},
            },
            "body": request.body.decode("utf-8", "replace") if request.body else None,
            "isBase64Encoded": False,
        }
    ).encode()


def _multi(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


def _last(values: dict[str, list[str]]) -> dict[str, str] | None:
    return {name: found[-1] for name, found in values.items()} or None


def response(returned: bytes) -> Response:
    """What the function returned, as an HTTP response. Raises Malformed."""
    try:
        answer: Any = json.loads(returned)
        if not isinstance(answer, dict) or answer.keys() - _FIELDS:
            raise Malformed("it must be an object with statusCode, headers, multiValueHeaders, body, isBase64Encoded")
        status = int(answer["statusCode"])
        pairs = [(str(name), str(value)) for name, value in (answer.get("headers") or {}).items()]
        for name, values in (answer.get("multiValueHeaders") or {}).items():
            pairs += [(str(name), str(value)) for value in values]
        body = "" if answer.get("body") is None else answer["body"]
        if not 200 <= status <= 599 or not isinstance(body, str):
            raise Malformed("statusCode must be from 200 to 599 and body a string")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Malformed(type(error).__name__) from None
    if not all(_NAME.fullmatch(name) and _VALUE.fullmatch(value) for name, value in pairs):
        raise Malformed("a header has a name or value that HTTP cannot carry")
    if not any(name.lower() == "content-type" for name, _ in pairs):
        pairs.append(("Content-Type", "application/json"))
    return Response(status, [pair for pair in pairs if pair[0].lower() not in _HOP], body.encode())
