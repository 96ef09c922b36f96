"""Content negotiation for addresses that answer with a redirect or with a file's own bytes."""

from collections.abc import Iterable

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class AnyMedia(DefaultContentNegotiation):
    """`Accept: image/webp` is what a caller who wants an image should send; JSON is only how errors are told."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        try:
            chosen: tuple[BaseRenderer, str] = super().select_renderer(request, renderers, format_suffix)
        except NotAcceptable:
            first = next(iter(renderers))
            return first, first.media_type or ""
        return chosen


def wants_json(request: Request) -> bool:
    """Does the caller read JSON and no image? Whoever says `*/*`, as programs do that do not say anything, may be a
    browser.
    """
    accepted = request._request.accepted_types
    images = any(entry.main_type in ("*", "image") for entry in accepted)
    return not images and any((entry.main_type, entry.sub_type) == ("application", "json") for entry in accepted)
