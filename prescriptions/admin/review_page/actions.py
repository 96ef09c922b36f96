"""The small posts of the review page: hold, give back, look, turn, redact. Plain forms and scripts send the same."""

import json
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from prescriptions.accounts import reauthentication
from prescriptions.admin.pictures import viewer_sheet
from prescriptions.admin.review_page import context
from prescriptions.admin.review_page.form_state import FormState, numbers
from prescriptions.admin.review_page.views import by_script, guarded_post, onward, render, version_of
from prescriptions.audit import actors
from prescriptions.audit.actors import Actor
from prescriptions.infra.methods import methods
from prescriptions.infra.problems import Problem, not_found
from prescriptions.models import Review
from prescriptions.review import pages, proof, queue, replays
from prescriptions.review.desk import prescribers
from prescriptions.review.proof import Calendar, in_words
from prescriptions.review.transitions import load
from prescriptions.variants import links, redactions
from prescriptions.variants.pictures import picture


@guarded_post
def claim(request: HttpRequest, rx: str, *, site: AdminSite, actor: Actor) -> HttpResponse:
    """Take this one, or hold it longer. What was typed meanwhile comes back with the page."""
    queue.claim(rx, request.user)
    state = FormState.of(request.POST)
    if state and not by_script(request):
        return render(request, site, rx, state=state)
    return onward(request, reverse("admin:rx-review", args=[rx]))


@guarded_post
def release(request: HttpRequest, rx: str, *, site: AdminSite, actor: Actor) -> HttpResponse:
    version = version_of(request)
    release_now = partial(queue.release, rx, request.user, version=version)
    replays.leave_once(rx, release_now, actor=actor, version=version, how="release")
    messages.success(request, _("RX-%(rx)s is back in the queue.") % {"rx": rx[:8]})
    return onward(request, reverse(context.QUEUE))


@guarded_post
def skip(request: HttpRequest, rx: str, *, site: AdminSite, actor: Actor) -> HttpResponse:
    version = version_of(request)
    skip_now = partial(queue.skip, rx, request.user, version=version)
    replays.leave_once(rx, skip_now, actor=actor, version=version, how="skip")
    messages.success(request, _("RX-%(rx)s was skipped. It will not be offered to you for a while.") % {"rx": rx[:8]})
    return onward(request, reverse(context.QUEUE))


@guarded_post
def heartbeat(request: HttpRequest, rx: str, *, site: AdminSite, actor: Actor) -> HttpResponse:
    """A fresh lease, fresh links, and what day it is: a review may take longer than a link lives, or over midnight."""
    review = queue.heartbeat(rx, request.user)
    answer: dict[str, Any] = {"version": review.version, "left": _seconds_left(review)}
    answer |= {"today": Calendar.now().today.isoformat(), "services": {}, "thumbs": {}, "others": {}}
    if actor.may("view_page"):
        answer["others"] = context.services_of(request.POST.get("others", "").split(","), actor)
        token, rows = context.links_of(review, actor)
        answer["sheets"] = {row.number: viewer_sheet(row, token) for row in rows}
        answer["services"] = {row.number: links.service_path(rx, row.number, token) for row in rows}
        answer["thumbs"] = {row.number: picture(row, "thumb", token).src for row in rows}
    return JsonResponse(answer)


@guarded_post
def opened(request: HttpRequest, rx: str, *, site: AdminSite, actor: Actor) -> HttpResponse:
    """A page is on the screen of somebody who only looks."""
    may_see_pages(actor)
    pages.opened(rx, page_number(request), actor=actor)
    return HttpResponse(status=204)


@guarded_post
def seen(request: HttpRequest, rx: str, *, site: AdminSite, actor: Actor) -> HttpResponse:
    """Pages that somebody who decides has looked at: painted, as the script says, or declared by a button's form."""
    script = by_script(request)
    looked = numbers(request.POST.get("pages", ""))
    proof.look(rx, looked, actor=actor, version=version_of(request), declared=not script)
    return HttpResponse(status=204) if script else onward(request, page_address(rx, _next_unseen(rx, looked, actor)))


@guarded_post
def rotate(request: HttpRequest, rx: str, *, site: AdminSite, actor: Actor) -> HttpResponse:
    """This way up, for everybody, from now on."""
    may_see_pages(actor)
    degrees = request.POST.get("rotation", "")
    turned = pages.rotate(
        rx, page_number(request), int(degrees) if degrees in ("0", "90", "180", "270") else -1, actor=actor
    )
    if not by_script(request):
        return onward(request, page_address(rx, turned.number))
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


@guarded_post
def uncover(request: HttpRequest, rx: str, *, site: AdminSite, actor: Actor) -> HttpResponse:
    """What is blacked out for others is looked under, for as long as a key is held."""
    may_see_pages(actor)
    pages.uncovered(rx, page_number(request), actor=actor)
    return HttpResponse(status=204)


@guarded_post
def redact(request: HttpRequest, rx: str, *, site: AdminSite, actor: Actor) -> HttpResponse:
    """These boxes are burnt out from now on; what older redactions showed is withdrawn."""
    may_see_pages(actor)
    number, boxes = page_number(request), _boxes(request)
    if redactions.uncovers(rx, number, boxes):
        reauthentication.demand(request)  # what was hidden can be seen again
    made = redactions.confirm(rx, number, boxes, actor=actor)
    if not by_script(request):
        return onward(request, page_address(rx, number))
    return JsonResponse({"boxes": made.boxes, "digest": made.digest})


@methods("GET", "HEAD")
def suggest_prescribers(request: HttpRequest, rx: str, *, site: AdminSite) -> HttpResponse:
    """Those that this pharmacy's reviewers have met, for what was typed so far (`q`)."""
    actor = actors.staff(request.user)
    if not actor.may("decide_review"):
        raise PermissionDenied
    try:
        found = prescribers.suggest(load(rx).prescription.client, request.GET.get("q", ""))
    except Problem as problem:
        return problem.response()
    rows = [
        {"name": row.name, "number": row.registration_number, "met": in_words(timezone.localdate(row.used_at))}
        for row in found
    ]
    return JsonResponse({"prescribers": rows})


def may_see_pages(actor: Actor) -> None:
    """Raises Problem 403."""
    if not actor.may("view_page"):
        raise Problem(403, "forbidden", _("Not allowed"), _("Your role does not allow this."))


def page_number(request: HttpRequest) -> int:
    """Of the page that a post is about. Raises Problem 404."""
    number = next(iter(numbers(request.POST.get("page", ""))), None)
    if number is None:
        raise not_found()
    return number


def _next_unseen(rx: str, looked: frozenset[int], actor: Actor) -> int:
    """Where to go on after this page; itself, where no other is left."""
    review = load(rx)
    left = set(review.prescription.pages.values_list("number", flat=True)) - proof.seen(review, actor.user_id)
    return min(left, default=max(looked))


def page_address(rx: str, number: int) -> str:
    """Of the review page, with that page on it."""
    return f"{reverse('admin:rx-review', args=[rx])}?page={number}"


def _boxes(request: HttpRequest) -> Any:
    try:
        return json.loads(request.POST.get("boxes", ""))
    except (ValueError, RecursionError):
        return None  # refused as no boxes at all


def _seconds_left(review: Review) -> int:
    until = review.claimed_until
    return max(0, int((until - timezone.now()).total_seconds())) if until else 0
