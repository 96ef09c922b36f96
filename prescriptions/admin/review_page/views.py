"""The review page: looked at (GET), and its two forms, decide and undo. What is allowed is decided in `review`."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from prescriptions import audit
from prescriptions.admin.review_page import context, for_people, for_scripts
from prescriptions.admin.review_page.form_state import TAKE_NEXT, FormState, keep_undone, numbers, take_undone
from prescriptions.audit import actors
from prescriptions.audit.actors import Actor
from prescriptions.infra.methods import methods
from prescriptions.infra.problems import Problem
from prescriptions.models import Review, ReviewStatus
from prescriptions.review import pages, queue, replays
from prescriptions.review import undo as undoing

View = Callable[..., HttpResponse]
# After these the work goes on; a second check or a reopening is no part of anybody's queue.
_ONWARD: Final = (*undoing.DECISIONS, ReviewStatus.CLARIFICATION.value)


# --- Deciding ---------------------------------------------------------------------------------------------------------
def guarded_post(view: View) -> View:
    """POST only, and only by somebody who may see reviews: the view's `actor`.

    A refusal is the page again, or problem+json for scripts.
    """

    @methods("POST")
    @wraps(view)
    def guarded(request: HttpRequest, rx: str, *, site: AdminSite, **named: Any) -> HttpResponse:
        actor = viewer(request)
        try:
            return view(request, rx, site=site, actor=actor, **named)
        except Problem as problem:
            if by_script(request):
                return problem.response()
            return _refused(request, site, rx, problem, FormState.of(request.POST))

    return guarded


@guarded_post
def decide(request: HttpRequest, rx: str, *, site: AdminSite, actor: Actor, outcome: str = "") -> HttpResponse:
    """One form for every outcome. A refusal is the page for scripts, too: they put its parts in place of theirs."""
    state = FormState.of(request.POST, outcome)
    try:
        decided, again = replays.decide_once(rx, state.sent(), actor=actor, version=version_of(request))
    except Problem as problem:
        return _refused(request, site, rx, problem, state)
    brought = _brought(request, decided, again=again) if state.outcome in _ONWARD else None
    return _next(request, site, brought, decided) if brought else onward(request, reverse(context.QUEUE))


@guarded_post
def undo(request: HttpRequest, rx: str, *, site: AdminSite, actor: Actor) -> HttpResponse:
    """Back to the form, filled in as it was; the item that the decision brought goes back into the queue."""
    claimed = request.POST.get("claimed", "")[:32]
    review, verdicts = replays.undo_once(rx, actor=actor, version=version_of(request), claimed=claimed)
    keep_undone(request, review, verdicts)
    return onward(request, reverse("admin:rx-review", args=[rx]))


def version_of(request: HttpRequest) -> int:
    """What the person looked at; without it nothing is decided (version 0 never was)."""
    return next(iter(numbers(request.POST.get("version", ""))), 0)


def by_script(request: HttpRequest) -> bool:
    return request.headers.get("X-Requested-With") == "fetch"


def onward(request: HttpRequest, address: str) -> HttpResponse:
    """To another page: 303 for forms, the address for scripts, which have to tell it from the log-in page."""
    return JsonResponse({"location": address}) if by_script(request) else HttpResponseRedirect(address, status=303)


def _brought(request: HttpRequest, decided: Review, *, again: bool) -> Review | None:
    """The next item, which is claimed, if this person wants it at once and there is one.

    `again`: the decision was sent before, and has brought an item perhaps.
    """
    take = bool(request.POST.get("next"))
    if request.session.get(TAKE_NEXT, True) != take:
        request.session[TAKE_NEXT] = take
    try:
        brought = queue.held_since(request.user, decided.status_at) if take and again else None
        return brought or (queue.claim_next(request.user) if take else None)
    except Problem:
        return None


def _next(request: HttpRequest, site: AdminSite, brought: Review, decided: Review) -> HttpResponse:
    """To the next item. Scripts may prefer its page itself (RFC 7240), which saves them asking for it."""
    address = f"{reverse('admin:rx-review', args=[brought.pk])}?decided={decided.pk}"
    if not by_script(request) or request.headers.get("Prefer") != "return=representation":
        return onward(request, address)
    try:
        page = render(request, site, brought.pk, state=take_undone(request, brought.pk), decided=decided.pk)
    except Problem:  # erased meanwhile: its own address says so
        return onward(request, address)
    page["Content-Location"] = address
    return page


# --- Showing ----------------------------------------------------------------------------------------------------------
@methods("GET", "HEAD")
def show(request: HttpRequest, rx: str, *, site: AdminSite) -> HttpResponse:
    """Opening never claims."""
    actor = viewer(request)
    try:
        if actor.may("view_page"):
            # Strip links are followed only where no script shows the pages.
            for number in numbers(request.GET.get("page", "").partition(",")[0]):
                pages.opened(rx, number, actor=actor)
        return render(request, site, rx, state=take_undone(request, rx), decided=request.GET.get("decided", ""))
    except Problem as problem:
        return gone(request, site, problem)


@methods("GET", "HEAD")
def preceding(request: HttpRequest, rx: str, *, site: AdminSite) -> HttpResponse:
    return _beside(request, site, rx, forward=False)


@methods("GET", "HEAD")
def following(request: HttpRequest, rx: str, *, site: AdminSite) -> HttpResponse:
    return _beside(request, site, rx, forward=True)


def _beside(request: HttpRequest, site: AdminSite, rx: str, *, forward: bool) -> HttpResponse:
    """To the item that stands before or behind this one in the queue, or to the queue where there is none."""
    viewer(request)
    try:
        other = queue.beside(rx, forward=forward)
    except Problem as problem:
        return gone(request, site, problem)
    if other is None:
        said = _("There is no item behind this one.") if forward else _("There is no item before this one.")
        messages.info(request, said)
    address = reverse("admin:rx-review", args=[other.pk]) if other else reverse(context.QUEUE)
    return HttpResponseRedirect(address, status=303)


def render(
    request: HttpRequest,
    site: AdminSite,
    rx: str,
    *,
    state: FormState | None = None,
    problem: Problem | None = None,
    decided: str = "",
) -> HttpResponse:
    """The page; after a refusal with its status, its reasons and everything that was typed. Raises Problem 404, 410.

    `decided`: the prescription whose decision has brought this one.
    """
    facts = context.gather(request, rx, state=state, problem=problem, decided=decided)
    shown = {**site.each_context(request), **for_people.context(facts), "data": for_scripts.data(facts)}
    request.current_app = site.name
    audit.looked(rx, audit.Verb.REVIEW_VIEWED, actor=actors.staff(request.user))
    return TemplateResponse(request, "prescriptions/review/page.html", shown, status=problem.status if problem else 200)


def _refused(request: HttpRequest, site: AdminSite, rx: str, problem: Problem, state: FormState) -> HttpResponse:
    if problem.status not in (404, 410):
        try:
            return render(request, site, rx, state=state, problem=problem)
        except Problem as meanwhile:
            problem = meanwhile
    return gone(request, site, problem)


def gone(request: HttpRequest, site: AdminSite, problem: Problem) -> HttpResponse:
    """Erased, or never there."""
    shown = {**site.each_context(request), "is_nav_sidebar_enabled": False, "title": problem.title, "problem": problem}
    return TemplateResponse(request, "prescriptions/review/gone.html", shown, status=problem.status)


def viewer(request: HttpRequest) -> Actor:
    actor = actors.staff(request.user)
    if not actor.may("view_review"):
        raise PermissionDenied
    return actor
