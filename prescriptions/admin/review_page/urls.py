"""Addresses of the review page, for the admin to put before its own. All of them need a member of staff."""

from collections.abc import Callable
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpResponseBase
from django.urls import URLPattern, path, register_converter

from prescriptions.admin.review_page import actions, deciding, page
from transforms.keys import ID


class _Identifier:
    """A prescription's id; anything else belongs to the admin's own addresses."""

    regex = ID

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(_Identifier, "rx")

_ACTIONS: dict[str, Callable[..., HttpResponseBase]] = {
    "claim": actions.claim,
    "release": actions.release,
    "skip": actions.skip,
    "heartbeat": actions.heartbeat,
    "opened": actions.opened,
    "rotate": actions.rotate,
    "redact": actions.redact,
    "decide": deciding.decide,
    "ask": deciding.ask,
    "confirm": deciding.confirm,
    "disagree": deciding.disagree,
    "reopen": deciding.reopen,
    "undo": deciding.undo,
}


def review_urls(admin_site: AdminSite) -> list[URLPattern]:
    """What the ModelAdmin of Review adds to its `get_urls`; the names are `rx-review` and `rx-review-<action>`."""

    def route(address: str, view: Callable[..., Any], name: str) -> URLPattern:
        # The page needs to know its site: header, log-out and breadcrumbs are the admin's.
        return path(address, admin_site.admin_view(view), {"site": admin_site}, name=name)

    return [
        route("<rx:rx>/", page.show, "rx-review"),
        *(route(f"<rx:rx>/{name}/", view, f"rx-review-{name}") for name, view in _ACTIONS.items()),
    ]
