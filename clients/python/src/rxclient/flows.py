"""What is sent and what follows from the answers, without sending: one text for the sync and the async client.

A flow is a generator: it yields a request or a pause and is sent the answer. Whoever drives it does the rest.
"""

import json
import uuid
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from rxclient.errors import error_of
from rxclient.retries import Retries, retry_after


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `path` below the server, or an address of its own, which gets no token."""

    method: str
    path: str
    json: Any = None
    content: bytes | None = None
    params: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    files: tuple[tuple[str, tuple[str, bytes]], ...] = ()
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: float


@dataclass(frozen=True, slots=True)
class Trouble:
    """The network failed: what came instead of an answer."""

    error: httpx.TransportError


T = TypeVar("T")
Step = Ask | Pause
Answer = httpx.Response | Trouble | None
Flow = Generator[Step, Answer, T]


def send(ask: Ask, retries: Retries, *, good: tuple[int, ...] = ()) -> Flow[httpx.Response]:
    """The answer, sooner or later. A POST gets a key, so that nothing is done twice however often it is sent.

    Returns what succeeded, or has a status of `good`. Raises ApiError, httpx.TransportError.
    """
    if ask.method == "POST" and "Idempotency-Key" not in ask.headers and not ask.path.startswith("http"):
        ask = with_headers(ask, {"Idempotency-Key": str(uuid.uuid4())})
    attempt = 0
    while True:
        came = yield ask
        assert came is not None
        answer = came if isinstance(came, httpx.Response) else None
        if answer is not None and (answer.is_success or answer.status_code in good):
            return answer
        seconds = retries.pause(attempt, answer)
        if seconds is None:
            if isinstance(came, Trouble):
                raise came.error
            raise error_of(came, retry_after(came))
        yield Pause(seconds)
        attempt += 1


def with_headers(ask: Ask, headers: Mapping[str, str]) -> Ask:
    return Ask(ask.method, ask.path, ask.json, ask.content, ask.params, {**ask.headers, **headers}, ask.files, ask.data)


def read(ask: Ask, retries: Retries) -> Flow[Any]:
    answer = yield from send(ask, retries)
    return json.loads(answer.content) if answer.content else None
