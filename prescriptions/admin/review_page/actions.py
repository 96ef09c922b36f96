"""The small deeds on the review page: hold, give back, look, turn, redact. Plain forms and scripts send the same."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from prescriptions.admin.review_page import context, page
from prescriptions.admin.review_page.deciding import onward, version_of
from prescriptions.admin.review_page.form_state import Typed, numbers
from prescriptions.audit import actors
from prescriptions.infra.problems import Problem, not_found
from prescriptions.models import Review
from prescriptions.review import pages, queue
from prescriptions.variants import links, redactions
from prescriptions.variants.pictures import picture

View = Callable[..., HttpResponse]


def deed(view: View) -> View:
    """POST only, by somebody who may see reviews. A refusal is the page again, or problem+json for scripts."""

    @require_POST
    @wraps(view)
    def guarded(request: HttpRequest, rx: str, *, site: AdminSite) -> HttpResponse:
        page.may_look(request)
        try:
            return view(request, rx, site=site)
        except Problem as problem:
            if request.headers.get("X-Requested-With") == "fetch":
                return problem.response()
            if problem.status in (404, 410):
                return page.gone(request, site, problem)
            return page.render(request, site, rx, typed=Typed.of(request.POST), problem=problem)

    return guarded


@deed
def claim(request: HttpRequest, rx: str, *, site: AdminSite) -> HttpResponse:
    """Take this one, or hold it longer. What was typed meanwhile comes back with the page."""
    queue.claim(rx, request.user)
    typed = Typed.of(request.POST)
    if typed and request.headers.get("X-Requested-With") != "fetch":
        return page.render(request, site, rx, typed=typed)
    return onward(request, reverse("admin:rx-review", args=[rx]))


@deed
def release(request: HttpRequest, rx: str, *, site: AdminSite) -> HttpResponse:
    queue.release(rx, request.user, version=version_of(request))
    messages.success(request, _("RX-%(rx)s is back in the queue.") % {"rx": rx[:8]})
    return onward(request, reverse("admin:prescriptions_review_changelist"))


@deed
def skip(request: HttpRequest, rx: str, *, site: AdminSite) -> HttpResponse:
    queue.skip(rx, request.user, version=version_of(request))
    messages.success(request, _("RX-%(rx)s was skipped; it is not offered to you for a while.") % {"rx": rx[:8]})
    return onward(request, reverse("admin:prescriptions_review_changelist"))


@deed
def heartbeat(request: HttpRequest, rx: str, *, site: AdminSite) -> HttpResponse:
    """A fresh lease, and fresh links: a review may take longer than a link lives."""
    review = queue.heartbeat(rx, request.user)
    actor = actors.staff(request.user)
    answer: dict[str, Any] = {"version": review.version, "left": _seconds_left(review)}
    answer |= {"services": {}, "thumbs": {}, "others": {}}
    if actor.may("view_page"):
        answer["others"] = context.services_of(request.POST.get("others", "").split(","), actor)
        token, rows = context.links_of(review, actor)
        answer["services"] = {row.number: links.service_path(rx, row.number, token) for row in rows}
        answer["thumbs"] = {row.number: picture(row, "thumb", token).src for row in rows}
    return JsonResponse(answer)


@deed
def opened(request: HttpRequest, rx: str, *, site: AdminSite) -> HttpResponse:
    """A page is on somebody's screen."""
    _may_see_pages(request)
    pages.opened(rx, _page_number(request), actor=actors.staff(request.user))
    return HttpResponse(status=204)


@deed
def rotate(request: HttpRequest, rx: str, *, site: AdminSite) -> HttpResponse:
    """This way up, for everybody, from now on."""
    _may_see_pages(request)
    actor, degrees = actors.staff(request.user), request.POST.get("rotation", "")
    turned = pages.rotate(
        rx, _page_number(request), int(degrees) if degrees in ("0", "90", "180", "270") else -1, actor=actor
    )
    if request.headers.get("X-Requested-With") != "fetch":
        return onward(request, _page_address(rx, turned.number))
    token, rows = context.links_of(turned.prescription.review, actor)
    row = next(row for row in rows if row.number == turned.number)
    thumb, first = picture(row, "thumb", token), picture(row, "review", token)
    return JsonResponse(
        {
            "rotation": turned.rotation,
            "thumb": thumb.src,
            "width": thumb.width,
            "height": thumb.height,
            "first": first.src,
        },
    )


@deed
def redact(request: HttpRequest, rx: str, *, site: AdminSite) -> HttpResponse:
    """These boxes are burnt out from now on; what older redactions showed is withdrawn."""
    _may_see_pages(request)
    made = redactions.confirm(rx, _page_number(request), _boxes(request), actor=actors.staff(request.user))
    if request.headers.get("X-Requested-With") != "fetch":
        return onward(request, _page_address(rx, _page_number(request)))
    return JsonResponse({"boxes": made.boxes, "digest": made.digest})


def _may_see_pages(request: HttpRequest) -> None:
    if not actors.staff(request.user).may("view_page"):
        raise Problem(403, "forbidden", _("Not allowed"), _("Your role does not allow this."))


def _page_number(request: HttpRequest) -> int:
    number = next(iter(numbers(request.POST.get("page", ""))), None)
    if number is None:
        raise not_found()
    return number


def _page_address(rx: str, number: int) -> str:
    return f"{reverse('admin:rx-review', args=[rx])}?page={number}"


def _boxes(request: HttpRequest) -> Any:
    try:
        return json.loads(request.POST.get("boxes", ""))
    except (ValueError, RecursionError):
        return None  # refused as no boxes at all


def _seconds_left(review: Review) -> int:
    until = review.claimed_until
    return max(0, int((until - timezone.now()).total_seconds())) if until else 0
