"""What can go wrong. Trouble of the network is httpx's own: `httpx.TransportError`."""

from typing import cast

import httpx

from rxclient.answers import Problem


class ApiError(Exception):
    """A refusal. `problem` says why; `code` is the last part of its type, as in the documentation of problems."""

    def __init__(self, problem: Problem, *, retry_after: float | None = None) -> None:
        super().__init__(f"{problem['status']} {problem['title']}: {problem['detail']}")
        self.problem = problem
        self.retry_after = retry_after

    @property
    def status(self) -> int:
        return self.problem["status"]

    @property
    def code(self) -> str:
        return self.problem["type"].rpartition("#")[2]


class Late(Exception):
    """What was waited for has not happened in time."""


def error_of(answer: httpx.Response, retry_after: float | None) -> ApiError:
    blank: Problem = {
        "type": "about:blank",
        "title": answer.reason_phrase,
        "status": answer.status_code,
        "detail": "",
        "request_id": answer.headers.get("X-Request-ID", ""),
    }
    try:
        told = answer.json()
    except ValueError:  # something between here and there
        told = None
    return ApiError(cast("Problem", {**blank, **(told if isinstance(told, dict) else {})}), retry_after=retry_after)
