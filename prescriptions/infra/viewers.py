"""Viewers on other origins may read whatever is answered under /iiif/ and /generate/, errors and redirects included.

A link in the address is the right to it and cookies play no part, so nothing is opened that was closed. An error
without these headers is "blocked by CORS" to a viewer, which then never asks for that tile again.
"""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse

ADDRESSES: Final = ("/iiif/", "/generate/")
METHODS: Final = "GET, HEAD, OPTIONS"
_EXPOSED: Final = (
    *("Allow", "Content-Disposition", "Content-Range", "ETag", "Link", "RateLimit", "RateLimit-Policy", "Retry-After"),
    *("Server-Timing", "X-Request-ID", "X-Variant"),
)
_OPEN: Final = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": ", ".join(_EXPOSED)}
# Whoever is sent here by the API still carries what it asked the API with; it counts for nothing here.
_ASKED_WITH: Final = (
    *("Authorization", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since"),
    *("Prefer", "Range"),
)
PREFLIGHT: Final = {
    "Allow": METHODS,
    "Access-Control-Allow-Methods": METHODS,
    "Access-Control-Allow-Headers": ", ".join(_ASKED_WITH),
    "Access-Control-Max-Age": "86400",
}


class OpenToViewers:
    """Middleware, outside of everything that may answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith(ADDRESSES):
            for name, value in _OPEN.items():
                response.headers[name] = value
        return response
