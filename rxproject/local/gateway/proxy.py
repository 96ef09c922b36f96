"""Lambda proxy integration: an HTTP request to the event a function gets, and what it returns to an HTTP response.

Pure. Must never pass on a response that API Gateway would call malformed.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

Headers = Sequence[tuple[str, str]]

_FIELDS: Final = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_VALUE: Final = re.compile(r"[\t -~\x80-\xff]*")
# The gateway's own; a function that sets them would contradict how the answer is sent.
_HOP: Final = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive"})


@dataclass(frozen=True, slots=True)
class Request:
    """`path` and `query` as sent, percent-encoded. Header names as sent, in order, repeated ones too."""

    method: str
    path: str
    headers: Headers
    body: bytes
    query: str = ""

    def values(self, name: str) -> list[str]:
        return [value for found, value in self.headers if found.lower() == name]


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: Headers
    body: bytes


class Refused(Exception):
    """What API Gateway answers instead of the function. `kind` is its exception's name, `why` is for the log."""

    def __init__(self, status: int, kind: str, message: str, why: str = "") -> None:
        super().__init__(message)
        self.status, self.kind, self.message, self.why = status, kind, message, why or kind

    def response(self) -> Response:
        headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", self.kind)]
        return Response(self.status, headers, json.dumps({"message": self.message}).encode())


def no_answer(why: str) -> Refused:
    """All that API Gateway says of a function that failed."""
    return Refused(502, "InternalServerErrorException", "Internal server error", why)


def event(request: Request, *, request_id: str, access_key: str, source_ip: str) -> bytes:
    """The event of a REST API's proxy integration (payload format 1.0), as JSON: what a function can make use of."""
    query = parse_qsl(request.query, keep_blank_values=True)
    call = {"path": request.path, "httpMethod": request.method}
    identity = {"accessKey": access_key, "sourceIp": source_ip}
    return json.dumps(
        {
            **call,
            "resource": request.path,
            "headers": dict(request.headers) or None,
            "multiValueHeaders": _multi(request.headers) or None,
            "queryStringParameters": dict(query) or None,
            "multiValueQueryStringParameters": _multi(query) or None,
            "requestContext": {**call, "requestId": request_id, "stage": "local", "identity": identity},
            "body": request.body.decode("utf-8", "replace") if request.body else None,
            "isBase64Encoded": False,
        }
    ).encode()


def _multi(pairs: Headers) -> dict[str, list[str]]:
    return {name: [value for other, value in pairs if other == name] for name, _ in pairs}


def response(returned: bytes) -> Response:
    """What the function returned, as an HTTP response. Raises Refused."""
    try:
        answer: Any = json.loads(returned)
        status, body = int(answer["statusCode"]), "" if answer.get("body") is None else answer["body"]
        pairs = [(str(name), str(value)) for name, value in (answer.get("headers") or {}).items()]
        for name, values in (answer.get("multiValueHeaders") or {}).items():
            pairs += [(str(name), str(value)) for value in values]
        sound = not answer.keys() - _FIELDS and 200 <= status <= 599 and isinstance(body, str)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        sound, pairs = False, []
    # A name or value that HTTP cannot carry would become another header.
    if not sound or not all(_NAME.fullmatch(name) and _VALUE.fullmatch(value) for name, value in pairs):
        raise no_answer("malformed proxy response")
    if not any(name.lower() == "content-type" for name, _ in pairs):
        pairs.append(("Content-Type", "application/json"))
    return Response(status, [pair for pair in pairs if pair[0].lower() not in _HOP], body.encode())
