"""Decisions by form: approve, ask, reject, second check, reopen, undo. What they need is decided in `review`."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from prescriptions import audit
from prescriptions.admin.review_page import page
from prescriptions.admin.review_page.context import TAKE_NEXT
from prescriptions.admin.review_page.form_state import Typed, numbers
from prescriptions.admin.review_page.undone import keep_undone
from prescriptions.audit import actors
from prescriptions.audit.actors import Actor
from prescriptions.infra.problems import Problem
from prescriptions.models import AuditEvent, OrderLine, Review, ReviewStatus
from prescriptions.review import clarifications, decisions, pages, queue
from prescriptions.review import undo as undoing

# With these the work goes on; a second check or a reopening is no part of anybody's queue.
_ONWARD = (*undoing.DECISIONS, ReviewStatus.CLARIFICATION.value)


@require_POST
def decide(request: HttpRequest, rx: str, *, site: AdminSite, outcome: str = "") -> HttpResponse:
    """One form for every outcome. Refused: the page again, with the reasons and everything that was typed."""
    page.may_look(request)
    typed = Typed.of(request.POST, outcome)
    actor = actors.staff(request.user)
    try:
        try:
            _act(rx, typed, actor, version_of(request))
        except Problem as problem:
            if problem.status in (404, 410):
                raise
            return page.render(request, site, rx, typed=typed, problem=problem)
    except Problem as problem:
        return page.gone(request, site, problem)
    if typed.outcome not in _ONWARD:
        return onward(request, _queue())
    take = bool(request.POST.get("next"))
    if request.session.get(TAKE_NEXT, True) != take:
        request.session[TAKE_NEXT] = take
    return onward(request, _next(request, rx) if take else _queue())


def ask(request: HttpRequest, rx: str, *, site: AdminSite) -> HttpResponse:
    return decide(request, rx, site=site, outcome=ReviewStatus.CLARIFICATION.value)


def confirm(request: HttpRequest, rx: str, *, site: AdminSite) -> HttpResponse:
    return decide(request, rx, site=site, outcome="confirmed")


def disagree(request: HttpRequest, rx: str, *, site: AdminSite) -> HttpResponse:
    return decide(request, rx, site=site, outcome="returned")


def reopen(request: HttpRequest, rx: str, *, site: AdminSite) -> HttpResponse:
    return decide(request, rx, site=site, outcome="reopened")


@require_POST
def undo(request: HttpRequest, rx: str, *, site: AdminSite) -> HttpResponse:
    """Back to the form, filled as it was; the item that the decision brought goes back into the queue."""
    page.may_look(request)
    actor, claimed = actors.staff(request.user), request.POST.get("claimed", "")[:32]
    try:
        try:
            review, verdicts = undoing.undo(rx, actor=actor, version=version_of(request), claimed=claimed)
        except Problem as problem:
            if problem.status in (404, 410):
                raise
            return page.render(request, site, rx, problem=problem)
    except Problem as problem:
        return page.gone(request, site, problem)
    keep_undone(request, review, verdicts)
    return onward(request, reverse("admin:rx-review", args=[rx]))


def onward(request: HttpRequest, address: str) -> HttpResponse:
    """To another page: 303 for forms, the address for scripts, which have to tell it from the log-in page."""
    if request.headers.get("X-Requested-With") == "fetch":
        return JsonResponse({"location": address})
    return HttpResponseRedirect(address, status=303)


def version_of(request: HttpRequest) -> int:
    """What the person looked at; without it nothing is decided (version 0 never was)."""
    return next(iter(numbers(request.POST.get("version", ""))), 0)


def _act(rx: str, typed: Typed, actor: Actor, version: int) -> Review:
    match typed.outcome:
        case ReviewStatus.CLARIFICATION:
            return clarifications.ask(
                rx,
                typed.texts["question"],
                actor=actor,
                version=version,
                page=next(iter(numbers(typed.texts["reason_page"])), None),
            )
        case "confirmed":
            return decisions.confirm(rx, actor=actor, version=version)
        case "returned":
            return decisions.disagree(rx, actor=actor, version=version, note=typed.texts["note"])
        case "reopened":
            return decisions.reopen(rx, actor=actor, version=version, note=typed.texts["note"])
        case _:
            return _decide(rx, typed, actor, version)


def _decide(rx: str, typed: Typed, actor: Actor, version: int) -> Review:
    positions = list(OrderLine.objects.filter(prescription=rx).values_list("position", flat=True))
    decided = decisions.decide(rx, typed.sent(positions), actor=actor, version=version)
    _note_seen(decided, typed, actor)
    return decided


def _note_seen(review: Review, typed: Typed, actor: Actor) -> None:
    """Without scripts nobody has told yet which pages were on the screen."""
    events = AuditEvent.objects.filter(
        rx=review.pk, verb=audit.Verb.PAGE_OPENED, actor=str(actor), at__gte=review.queued_at
    )
    known = {event.data.get("page") for event in events}
    real = set(review.prescription.pages.values_list("number", flat=True))
    for number in sorted((typed.seen & real) - known):
        pages.opened(review.pk, number, actor=actor)


def _next(request: HttpRequest, rx: str) -> str:
    user: Any = request.user
    try:
        claimed = queue.claim_next(user)
    except Problem:
        claimed = None
    if claimed is None:
        return _queue()
    return f"{reverse('admin:rx-review', args=[claimed.pk])}?decided={rx}"


def _queue() -> str:
    return reverse("admin:prescriptions_review_changelist")
