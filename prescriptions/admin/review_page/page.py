"""GET of the review page, and the same page again with what was typed where a POST was refused."""

from typing import Any

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from prescriptions.admin.review_page import context
from prescriptions.admin.review_page.form_state import Typed, numbers
from prescriptions.admin.review_page.undone import take_undone
from prescriptions.audit import actors
from prescriptions.infra.problems import Problem
from prescriptions.review import pages


@require_safe
def show(request: HttpRequest, rx: str, *, site: AdminSite) -> HttpResponse:
    """Opening never claims."""
    may_look(request)
    actor = actors.staff(request.user)
    try:
        if "page" in request.GET and actor.may("view_page"):
            # Strip links are followed only where no script shows the pages; `from` is the one that was there first.
            for name in ("from", "page"):
                for number in numbers(request.GET.get(name, "").partition(",")[0]):
                    pages.opened(rx, number, actor=actor)
        return render(request, site, rx, typed=take_undone(request, rx))
    except Problem as problem:
        return gone(request, site, problem)


def render(
    request: HttpRequest, site: AdminSite, rx: str, *, typed: Typed | None = None, problem: Problem | None = None
) -> HttpResponse:
    """The page; after a refusal with its status, its reasons and everything that was typed. Raises Problem 404, 410."""
    found = context.build(request, site, rx, typed=typed, problem=problem)
    request.current_app = site.name
    return TemplateResponse(request, "prescriptions/review/page.html", found, status=problem.status if problem else 200)


def gone(request: HttpRequest, site: AdminSite, problem: Problem) -> HttpResponse:
    """Erased, or never there."""
    found: dict[str, Any] = {**site.each_context(request), "is_nav_sidebar_enabled": False, "problem": problem}
    found["title"] = problem.title
    return TemplateResponse(request, "prescriptions/review/gone.html", found, status=problem.status)


def may_look(request: HttpRequest) -> None:
    if not actors.staff(request.user).may("view_review"):
        raise PermissionDenied
