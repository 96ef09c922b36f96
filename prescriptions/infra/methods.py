"""Which methods an address has. Any other is 405 with Allow, whoever asks, before forms and rights are looked at."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import ResolverMatch
from django.views.decorators.http import require_http_methods

from prescriptions.infra.problems import Problem, wants_problem

View = TypeVar("View", bound=Callable[..., Any])
# What Django's own pages take; they do not say so.
_ADMIN = ("GET", "HEAD", "POST")
_ADMIN_OTHERS = {"logout": ("POST",), "autocomplete": ("GET", "HEAD"), "jsi18n": ("GET", "HEAD")}
# Methods that a browser uses: whoever gets the answer may be a person.
_BROWSERS = ("GET", "HEAD", "POST")


def methods(*allowed: str) -> Callable[[View], View]:
    """Decorator of a view that is a function: it has these methods, and OPTIONS."""

    def decorate(view: View) -> View:
        held: View = require_http_methods([*allowed, "OPTIONS"])(view)
        held.allowed_methods = allowed  # type: ignore[attr-defined]
        return held

    return decorate


class Methods:
    """Middleware. OPTIONS is answered here unless the view does; a preflight, say, has more to tell."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, *_: Any) -> HttpResponse | None:
        match = request.resolver_match
        allowed = allowed_methods(match) if match else ()
        if request.method in allowed:
            return None
        allow = ", ".join(dict.fromkeys((*allowed, "OPTIONS")))
        if request.method == "OPTIONS":
            return HttpResponse(status=204, headers={"Allow": allow, "Cache-Control": "no-store"})
        return _refused(request, allow)


def allowed_methods(match: ResolverMatch) -> tuple[str, ...]:
    """What the view behind an address takes, as far as it answers itself."""
    view: Any = match.func
    if declared := getattr(view, "allowed_methods", None):
        return tuple(declared)
    if made := getattr(view, "view_class", None):
        names = getattr(view, "view_initkwargs", {}).get("http_method_names", made.http_method_names)
        found = [name.upper() for name in names if hasattr(made, name) or (name == "head" and hasattr(made, "get"))]
        return tuple(found)
    return _ADMIN_OTHERS.get(match.url_name or "", _ADMIN)


def _refused(request: HttpRequest, allow: str) -> HttpResponse:
    problem = Problem(405, "method-not-allowed", "Method not allowed", f"Allowed: {allow}.", headers={"Allow": allow})
    if wants_problem(request) or request.method not in _BROWSERS:
        return problem.response()
    page = render(request, "405.html", status=problem.status)
    for name, value in problem.all_headers().items():
        page.headers[name] = value
    return page
