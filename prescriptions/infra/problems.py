"""Errors as the outside sees them: RFC 9457 problem+json, `no-store`, never a stack trace, never patient data."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions as drf

from prescriptions.infra import logs
from transforms.errors import TransformError

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "/docs/problems#"
# Under this key DRF says what is wrong with a whole, and how it says so names types of Python.
_WHOLE = "non_field_errors"
_EXPECTED = re.compile(r"(?:Invalid data\. )?Expected a (list|dictionary)\b.*\bgot\b")
_ROW = re.compile(r"^\| ([0-9, ]+) \| (.+?) \| (.+) \|$", re.MULTILINE)
_PLAIN = {"list": "a list", "dictionary": "an object"}


class Problem(Exception):
    """An error as an answer: public status, code, title and detail; `retry_after` in seconds if trying again helps."""

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        detail: str = "",
        *,
        retry_after: int | None = None,
        headers: dict[str, str] | None = None,
        errors: list[dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(title)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.retry_after = retry_after
        self.headers = headers or {}
        self.errors = errors

    def body(self) -> dict[str, Any]:
        content: dict[str, Any] = {
            "type": TYPE_PREFIX + self.code,
            "title": self.title,
            "status": self.status,
            "detail": self.detail or self.title,
            "request_id": logs.request_id(),
        }
        if self.errors:
            content["errors"] = self.errors
        return content

    def all_headers(self) -> dict[str, str]:
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **self.headers}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        return headers

    def response(self) -> HttpResponse:
        return HttpResponse(
            json.dumps(self.body()), status=self.status, content_type=MEDIA_TYPE, headers=self.all_headers()
        )


# Answers that several places give, word for word the same: nobody can tell from them what exists.
def not_found() -> Problem:
    return Problem(404, "not-found", "Not found", "There is nothing at this address, or you may not see it.")


def forbidden_link() -> Problem:
    return Problem(403, "link-refused", "This link is not valid", "It is wrong or has expired. Ask for a fresh one.")


def erased() -> Problem:
    return Problem(410, "erased", "Erased", "This prescription was erased and cannot be restored.")


def links_cut() -> Problem:
    return Problem(
        409,
        "links-cut",
        "Its links were cut",
        "It must be kept, but it is hidden until the last link to it has expired. Try again in a few hours.",
    )


def storage_down() -> Problem:
    return Problem(
        503,
        "storage-unavailable",
        "Not available right now",
        "The file storage is not responding. Try again shortly.",
        retry_after=5,
    )


def database_down() -> Problem:
    return Problem(
        503,
        "database-unavailable",
        "Not available right now",
        "The database is not responding. Try again shortly.",
        retry_after=5,
    )


def conflict() -> Problem:
    return Problem(
        503,
        "conflict",
        "Somebody else was faster",
        "The same thing was changed at the same moment. Try again.",
        retry_after=1,
    )


def not_ready(*, retry_after: int = 2) -> Problem:
    return Problem(
        503,
        "not-ready",
        "Not ready yet",
        "The variant is still being made. Request the same address again.",
        retry_after=retry_after,
    )


def from_transform(error: TransformError) -> Problem:
    """An error of the transforms library as an answer: its titles and details are written for the public."""
    retry_after = 5 if error.status == 503 else None
    return Problem(error.status, error.code, error.title, error.detail, retry_after=retry_after)


def exception_handler(exc: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """DRF's hook: every API error in one shape, whatever the client accepts; None: the middleware does the rest."""
    if isinstance(exc, Http404):
        exc = not_found()
    elif isinstance(exc, PermissionDenied):
        exc = Problem(403, "forbidden", "Not allowed", str(exc))
    elif isinstance(exc, TransformError):
        exc = from_transform(exc)
    elif isinstance(exc, drf.APIException):
        exc = _from_drf(exc)
    if not isinstance(exc, Problem):
        return None
    return exc.response()


def _from_drf(exc: drf.APIException) -> Problem:
    headers = {}
    auth_header = getattr(exc, "auth_header", None)
    if auth_header:
        headers["WWW-Authenticate"] = auth_header
    retry_after = getattr(exc, "wait", None)
    if isinstance(exc, drf.ValidationError):
        errors = [{"pointer": at, "detail": text} for at, text in flattened(exc.detail)]
        return Problem(
            400, "invalid", "The request is not valid", "Some fields are wrong; see `errors`.", errors=errors
        )
    if isinstance(exc, drf.NotFound):
        return not_found()
    code = str(exc.get_codes()) if isinstance(exc.get_codes(), str) else exc.default_code
    return Problem(
        exc.status_code,
        code.replace("_", "-"),
        HTTPStatus(exc.status_code).phrase,  # DRF's own titles are templates: 'Method "{method}" not allowed'
        str(exc.detail),
        retry_after=None if retry_after is None else int(retry_after) + 1,
        headers=headers,
    )


def pointer(at: str, step: str | int) -> str:
    """One step on: a JSON pointer to a member of the object, or to an item of the list, at `at`."""
    return f"{at}/{str(step).replace('~', '~0').replace('/', '~1')}"


def flattened(detail: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """DRF's errors, nested as the body is: a JSON pointer (RFC 6901) to each value that is wrong, and what is."""
    if isinstance(detail, Mapping):
        for key, inner in detail.items():
            yield from flattened(inner, at if key == _WHOLE else pointer(at, key))
    elif isinstance(detail, list | tuple):
        for place, inner in enumerate(detail):
            yield from flattened(inner, pointer(at, place) if isinstance(inner, Mapping | list | tuple) else at)
    else:
        expected = _EXPECTED.match(str(detail))
        yield at, f"Send {_PLAIN[expected[1]]}." if expected else str(detail)


@cache
def reference() -> str:
    """docs/reference/problems.md, which the `type` of every problem leads to. Raises OSError."""
    return (settings.BASE_DIR / "docs" / "reference" / "problems.md").read_text()


def documented() -> list[tuple[str, list[int], str]]:
    """Code, statuses and meaning of every problem, as that file has them; none where it is not there."""
    try:
        rows = _ROW.findall(reference())
    except OSError:
        return []
    found: dict[str, tuple[list[int], str]] = {}
    for statuses, codes, text in rows:
        for code in re.findall(r"`([a-z-]+)`", codes):
            before, words = found.get(code, ([], text))
            found[code] = (sorted({*before, *map(int, re.findall(r"[0-9]{3}", statuses))}), words)
    return [(code, statuses, text) for code, (statuses, text) in sorted(found.items())]


def wants_problem(request: HttpRequest) -> bool:
    """Machines get problem+json; people with a browser get a page."""
    return request.path.startswith(("/api/", "/iiif/", "/generate/", "/livez", "/healthz", "/readyz", "/metrics"))
