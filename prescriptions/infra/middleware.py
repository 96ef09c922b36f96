"""Request id, one log line per request, and the promise that no input ends in a bare 500."""

import logging
import re
import secrets
import time
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render

from prescriptions.infra import logs, metrics, problems
from prescriptions.infra.storage import ObjectMissing, StorageUnavailable
from prescriptions.infra.telemetry import traces
from transforms.errors import TransformError

log = logging.getLogger("rx.request")

Handler = Callable[[HttpRequest], HttpResponse]
# Tokens of links are capabilities: they never reach a log, wherever in a path (or a misspelt one) they stand. Nor do
# references of orders.
_TOKEN = re.compile(
    r"(?<=^/orders/)[^/]+|(?<=^/api/v1/orders/)[^/]+|(?<=/iiif/3/)[^/]+|(?<=/presentation/3/)[^/]+"
    r"|\b[a-z0-9]{1,8}\.[0-9a-z]{1,9}\.[fr](?:[0-9a-f]{12})?\.[\w-]{22}"
)

_RID = re.compile(r"(?:^|&)rid=([0-9a-f]{32})(?:&|\Z)")
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


class RequestLog:
    """Adopts the edge's request id (or makes one), returns it, and writes one line per request."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        logs.set_request_id(request.headers.get("X-Request-ID", "") or _carried(request))
        if not logs.request_id():
            logs.set_request_id(secrets.token_hex(16))
        with traces.request(request.headers.get("Traceparent", "")) as part:
            response = self.get_response(request)
            match = request.resolver_match
            part.rename(" ".join((_word(request.method), match.route if match else "")).strip())
            part.say(status=response.status_code, role=settings.RX_ROLE)
        response.headers["X-Request-ID"] = logs.request_id()
        metrics.http_answered(response.status_code)
        log.info(
            "request",
            extra={
                "method": request.method,
                "path": _TOKEN.sub("-", request.path)[:300],
                "route": match.route if match else "",
                "status": response.status_code,
                "ms": round((time.perf_counter() - started) * 1000, 1),
            },
        )
        return response


def _word(method: str | None) -> str:
    """Of a method that somebody may have made up."""
    return method if method in _METHODS else "other"


def _carried(request: HttpRequest) -> str:
    """Of a miss that was sent on, where no edge says it. A hint from outside, so in the edge's own form alone."""
    found = _RID.search(request.META.get("QUERY_STRING", ""))  # not parsed: that may raise
    return found[1] if found and request.path.startswith(("/iiif/3/", "/generate/")) else ""


class ProblemAnswers:
    """Turns what views raise into problem+json, and trouble of the machinery into 503 with Retry-After."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        machine = problems.wants_problem(request) or request.method not in ("GET", "HEAD", "POST")
        if response.status_code in (400, 404, 405, 500) and machine and not _is_json(response):
            problem = _plain_problem(request, response)
            for name, value in response.headers.items():
                if name != "Content-Length":  # of the page that it stands for; what browsers must not do holds for both
                    problem.headers.setdefault(name, value)
            return problem
        return response

    def process_exception(self, request: HttpRequest, exc: Exception) -> HttpResponse | None:
        problem = problem_for(exc)
        if problem is None:
            if not isinstance(exc, Http404 | PermissionDenied):
                log.error("unhandled", exc_info=exc)  # Django's own line would quote the path
            return None
        if problem.status >= 500 and not problems.wants_problem(request):
            page = render(request, "500.html", status=problem.status)  # people get a page
            for name, value in problem.all_headers().items():
                page.headers[name] = value
            return page
        return problem.response()


def problem_for(exc: Exception) -> problems.Problem | None:
    """The public answer to an exception, or None where Django's own handling is right."""
    match exc:
        case problems.Problem():
            return exc
        case TransformError():
            return problems.from_transform(exc)
        case StorageUnavailable():
            log.warning("storage unavailable", extra={"reason": str(exc)})
            return problems.storage_down()
        case ObjectMissing():
            # An original that its row promises. Lost or not yet restored: no verdict on what was asked.
            log.error("an object is missing")
            return problems.storage_down()
        case OperationalError() | InterfaceError():
            log.warning("database unavailable", extra={"reason": type(exc).__name__})
            return problems.database_down()
        case IntegrityError() if _met_another(exc):
            log.warning("database conflict", extra={"reason": type(exc.__cause__).__name__})
            return problems.conflict()
        case DataError() | IntegrityError():
            log.error("database refused", exc_info=exc)
            return problems.Problem(400, "invalid", "The request is not valid", "A value is out of range.")
        case DatabaseError():
            # A table or a transaction that is not as this release expects it: nothing that was sent is to blame.
            log.error("database refused", exc_info=exc)
            return problems.database_down()
        case TooManyFilesSent() | TooManyFieldsSent() | RequestDataTooBig():
            return problems.Problem(413, "too-much", "Too much in one request", "Send fewer or smaller parts.")
        case RecursionError():
            return problems.Problem(400, "invalid", "The request is not valid", "It is nested too deeply.")
        case SuspiciousOperation() | MultiPartParserError():
            return problems.Problem(400, "invalid", "The request is not valid", "Its form data cannot be read.")
    return None


def _met_another(exc: IntegrityError) -> bool:
    """Is it that somebody else has written, or erased, the same row at this moment? Otherwise a value is to blame."""
    state = getattr(exc.__cause__, "sqlstate", "")  # PostgreSQL: foreign key, unique
    return state in ("23503", "23505") or str(exc).startswith(("UNIQUE constraint", "FOREIGN KEY constraint"))


def _is_json(response: HttpResponse) -> bool:
    return "json" in response.headers.get("Content-Type", "")


def _plain_problem(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    if response.status_code == 404:
        return problems.not_found().response()
    if response.status_code == 405:
        allowed = response.headers.get("Allow", "")
        return problems.Problem(
            405, "method-not-allowed", "Method not allowed", f"Allowed: {allowed}.", headers={"Allow": allowed}
        ).response()
    if response.status_code == 500:
        return problems.Problem(500, "internal", "Something went wrong", "It was noted. Try again later.").response()
    try:
        request.get_host()
    except SuspiciousOperation:
        detail = "Its Host is not one that this service answers to."
        return problems.Problem(400, "invalid", "The request is not valid", detail).response()
    return problems.Problem(400, "invalid", "The request is not valid").response()
