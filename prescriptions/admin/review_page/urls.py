"""Addresses of the review page, for the admin to put before its own. All of them need a member of staff."""

from collections.abc import Callable
from typing import Any, Final

from django.contrib.admin import AdminSite
from django.http import HttpResponseBase
from django.urls import URLPattern, path, register_converter
from django.urls.converters import StringConverter

from prescriptions.admin.review_page import actions, paper, sheets, views
from transforms.keys import ID


class _Identifier(StringConverter):
    """A prescription's id; anything else belongs to the admin's own addresses."""

    regex = ID


register_converter(_Identifier, "rx")

_ACTIONS: Final[dict[str, Callable[..., HttpResponseBase]]] = {
    "claim": actions.claim,
    "release": actions.release,
    "skip": actions.skip,
    "heartbeat": actions.heartbeat,
    "opened": actions.opened,
    "seen": actions.seen,
    "rotate": actions.rotate,
    "redact": actions.redact,
    "uncover": actions.uncover,
    "sheet": sheets.sheet,
    "decide": views.decide,
    "undo": views.undo,
    "preceding": views.preceding,
    "following": views.following,
    "paper": paper.paper,
    "prescribers": actions.suggest_prescribers,
}
# Addresses of one outcome each; the form names its own.
_OUTCOMES: Final = {"ask": "clarification", "confirm": "confirmed", "disagree": "returned", "reopen": "reopened"}


def review_urls(admin_site: AdminSite) -> list[URLPattern]:
    """What the ModelAdmin of Review adds to its `get_urls`; the names are `rx-review` and `rx-review-<action>`."""

    def route(action: str, view: Callable[..., Any], **named: str) -> URLPattern:
        # The page needs to know its site: header, log-out and breadcrumbs are the admin's.
        address, name = (f"<rx:rx>/{action}/", f"rx-review-{action}") if action else ("<rx:rx>/", "rx-review")
        return path(address, admin_site.admin_view(view), {"site": admin_site, **named}, name=name)

    return [
        route("", views.show),
        *(route(action, view) for action, view in _ACTIONS.items()),
        *(route(action, views.decide, outcome=outcome) for action, outcome in _OUTCOMES.items()),
    ]
