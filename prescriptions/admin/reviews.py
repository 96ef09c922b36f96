"""The work queue: the list of reviews, and the button that gives a person the next one.

Nothing here changes a review but `prescriptions.review.queue`; no decision is ever made from a list.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from prescriptions.admin import chips, pictures, searching
from prescriptions.admin.base import BOUND, Bounded, Listing, ReadOnly, may, reference
from prescriptions.admin.queue import day, parts, views
from prescriptions.admin.review_page.context import undo_offer
from prescriptions.admin.review_page.urls import review_urls
from prescriptions.audit import actors
from prescriptions.infra.database import agreed
from prescriptions.infra.methods import methods
from prescriptions.infra.problems import Problem
from prescriptions.models import WAITS_FOR_US, Page, Review, ReviewStatus
from prescriptions.review import queue
from prescriptions.review.rules import TERMINAL
from prescriptions.review.transitions import HURRY

# An action on a selection is a handful of steps of their own; more of them would outlast the request.
_AT_ONCE = 200


class _HeldLast(Bounded):
    """What others hold comes behind what can be taken. `user`: who looks."""

    user: Any

    @cached_property
    def keys(self) -> list[Any]:
        now = agreed.now()
        free: list[Any] = []
        held: list[Any] = []
        columns = ("pk", "status", "claimed_by", "claimed_until")
        for pk, status, holder, until in self.object_list.values_list(*columns)[: BOUND + 1]:  # type: ignore[attr-defined]
            taken = status == ReviewStatus.IN_REVIEW and holder != self.user.pk and until is not None and until > now
            (held if taken else free).append(pk)
        return free + held


class Queue(Listing):
    """The order of the queue is the point of it: columns do not sort."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Review]) -> list[Any]:
        return list(self.model_admin.get_ordering(request))

    def paginated(self, request: HttpRequest) -> Bounded:
        if parts.part_of(request):
            return super().paginated(request)
        pages = _HeldLast(self.queryset, self.list_per_page)
        pages.user = request.user
        return pages


@admin.register(Review)
class ReviewAdmin(ReadOnly):
    """What is waiting, in the order in which it should be done. A row leads to the review page; there is no form."""

    list_title = gettext_lazy("Work queue")
    list_display = (
        "picture",
        "name",
        "chip",
        "order",
        "patient",
        "waiting",
        "due",
        "pages",
        "flags",
        "holder",
    )
    list_display_links = None
    list_filter = (parts.Show, *parts.NARROWING)
    sortable_by = ()
    search_fields = ("prescription_id",)  # switches the search on; see get_search_results
    search_help_text = searching.PRESCRIPTION_HELP
    actions = ("release_claims", "raise_priority", "lower_priority")
    change_list_template = "admin/prescriptions/review/change_list.html"

    # --- The list ---------------------------------------------------------------------------------------------------
    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return Queue

    def get_queryset(self, request: HttpRequest) -> QuerySet[Review]:
        light = Page.objects.only("prescription_id", "number", "width", "height", "rotation")
        rows = super().get_queryset(request).select_related("prescription", "claimed_by")
        return rows.prefetch_related(Prefetch("prescription__pages", light))

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return parts.order_of(request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if search_term.strip():
            queryset = queryset.filter(pk__in=searching.prescriptions(search_term).values("pk"))
        return queryset, False

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        return self.list_display if may(request, "view_page") else self.list_display[1:]

    def prepare(self, request: HttpRequest, rows: Sequence[Review]) -> None:
        tokens, now = pictures.tokens(request, [row.prescription for row in rows]), timezone.now()
        for row in rows:
            row.link_token, row.seen_at = tokens.get(row.pk, ""), now  # type: ignore[attr-defined]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context: dict[str, Any] = {"may_claim": may(request, "claim_review")}
        today = day.of(request.user)
        context["offer"] = undo_offer(request) if today.may_be_undone else None
        context |= {"views": views.of(request), "narrowed": parts.can_be_narrowed(request)}
        context |= {"asked": views.asked(request.GET.urlencode()), "part": parts.part_of(request)}
        if may(request, "decide_review"):
            context |= {"day": today, "waited": chips.span(today.median) if today.median is not None else ""}
        if context["may_claim"]:
            shown = parts.counts(request)[parts.FOR_ME]
            context |= {"waiting": int(shown.rstrip("+")), "waiting_shown": shown}
        response = super().changelist_view(request, context | (extra_context or {}))
        if isinstance(response, TemplateResponse) and response.context_data and "cl" in response.context_data:
            response.context_data["state"] = self._state(response.context_data)
        return response

    def live(self, request: HttpRequest) -> HttpResponse:
        """The list again, for a page that stands open: 304 as long as it would say the same."""
        response = self.changelist_view(request)
        state = str((getattr(response, "context_data", None) or {}).get("state", ""))
        if state and state in request.headers.get("If-None-Match", ""):
            response = HttpResponseNotModified()
        if state:
            response["ETag"] = f'"{state}"'
        return response

    def _state(self, said: dict[str, Any]) -> str:
        """What the list says, in short."""
        rows = [(row.pk, row.version, row.priority, row.claimed_by_id) for row in said["cl"].result_list]
        minute = timezone.now().replace(second=0, microsecond=0)  # in which its spans of time stay true
        counted = [spec.counted for spec in said["cl"].filter_specs if isinstance(spec, parts.Show)]
        told = repr((rows, minute, said.get("waiting"), said.get("day"), counted))
        return hashlib.sha256(told.encode()).hexdigest()[:32]

    # --- Columns ----------------------------------------------------------------------------------------------------
    @admin.display(description=gettext_lazy("page 1"))
    def picture(self, review: Review) -> SafeString:
        pages, token = list(review.prescription.pages.all()), review.link_token  # type: ignore[attr-defined]
        return pictures.thumbnail(pages[0], token) if token and pages else chips.NONE

    @admin.display(description=gettext_lazy("reference"))
    def name(self, review: Review) -> SafeString:
        rx = review.prescription_id
        if review.prescription.erased_at is not None:
            return format_html('<span class="rx-ref">{}</span>', reference(rx))
        address = reverse("admin:rx-review", args=[rx])
        return format_html('<a class="rx-ref" href="{}">{}</a>', address, reference(rx))

    @admin.display(description=gettext_lazy("status"))
    def chip(self, review: Review) -> SafeString:
        return chips.status_chip(review.status)

    @admin.display(description=gettext_lazy("order"))
    def order(self, review: Review) -> SafeString | str:
        return review.prescription.order_ref or chips.NONE

    @admin.display(description=gettext_lazy("patient"))
    def patient(self, review: Review) -> SafeString | str:
        return review.prescription.patient_ref or chips.NONE

    @admin.display(description=gettext_lazy("waiting"))
    def waiting(self, review: Review) -> SafeString:
        until = review.decided_at if review.status in TERMINAL else review.seen_at  # type: ignore[attr-defined]
        return chips.alone(_("waiting"), chips.span(until - review.queued_at)) if until else chips.NONE

    @admin.display(description=gettext_lazy("due"))
    def due(self, review: Review) -> SafeString:
        if review.due_at is None or review.status not in WAITS_FOR_US:
            return chips.NONE
        return chips.due(review.due_at, review.seen_at, soon=parts.SOON)  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("pages"))
    def pages(self, review: Review) -> SafeString:
        return chips.alone(_("pages"), len(review.prescription.pages.all()))

    @admin.display(description=gettext_lazy("flags"))
    def flags(self, review: Review) -> SafeString:
        shown = [
            (review.priority >= HURRY, _("First"), "up", "info"),
            (0 < review.priority < HURRY, _("Priority +%(number)d") % {"number": review.priority}, "up", "info"),
            (review.priority < 0, _("Priority %(number)d") % {"number": review.priority}, "down", ""),
            (review.decision_lost, _("Lost in a restore"), "alert", "warn"),
            (review.is_duplicate, _("Duplicate"), "files", "warn"),
            (review.is_small, _("Small"), "info", ""),
            (review.is_dark, _("Dark"), "info", ""),
        ]
        flags = [(chips.chip(words, mark, tone),) for true, words, mark, tone in shown if true]
        if not flags:
            return chips.NONE
        return format_html('<span class="rx-flags">{}</span>', format_html_join("", "{}", flags))

    @admin.display(description=gettext_lazy("claimed by"))
    def holder(self, review: Review) -> SafeString:
        person = review.claimed_by
        return chips.NONE if person is None else chips.alone(_("claimed by"), person.get_full_name() or person.username)

    # --- What may be done with it -----------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        own = [
            path("next/", self.admin_site.admin_view(methods("POST")(self.start)), name="rx-review-next"),
            path("live/", self.admin_site.admin_view(methods("GET", "HEAD")(self.live)), name="rx-queue-live"),
        ]
        return [*own, *views.urls(self.admin_site), *review_urls(self.admin_site), *super().get_urls()]

    def start(self, request: HttpRequest) -> HttpResponse:
        """Start reviewing: the next item is this person's, and they are sent to it."""
        try:
            claimed = queue.claim_next(request.user)
        except Problem as problem:
            if problem.status == 403:
                raise PermissionDenied(problem.detail) from None
            messages.warning(request, problem.detail)
            return HttpResponseRedirect(f"{reverse('admin:prescriptions_review_changelist')}?show=mine", status=303)
        if claimed is None:
            messages.info(request, _("Nothing is waiting for you right now."))
            return HttpResponseRedirect(reverse("admin:prescriptions_review_changelist"), status=303)
        return HttpResponseRedirect(reverse("admin:rx-review", args=[claimed.pk]), status=303)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Links that Django itself makes end here: they lead to the review page. Nothing is editable."""
        if request.method not in ("GET", "HEAD") or not self.has_view_permission(request):
            raise PermissionDenied
        if not Review.objects.filter(pk=object_id).exists():
            return HttpResponseRedirect(reverse("admin:prescriptions_review_changelist"))
        return HttpResponseRedirect(reverse("admin:rx-review", args=[object_id]))

    def has_assign_permission(self, request: HttpRequest) -> bool:
        return may(request, "assign_review")

    @admin.action(description=gettext_lazy("Release claims"), permissions=["assign"])
    def release_claims(self, request: HttpRequest, queryset: QuerySet[Review]) -> None:
        def release(review: Review) -> bool:
            if review.status != ReviewStatus.IN_REVIEW:
                return False
            queue.release(review.pk, request.user, version=review.version)
            return True

        done, left = self._each(request, queryset, release)
        said = ngettext("%(count)d claim was released.", "%(count)d claims were released.", done) % {"count": done}
        self._say(request, said, done, left)

    @admin.action(description=gettext_lazy("Raise priority"), permissions=["assign"])
    def raise_priority(self, request: HttpRequest, queryset: QuerySet[Review]) -> None:
        self._prioritise(request, queryset, 1)

    @admin.action(description=gettext_lazy("Lower priority"), permissions=["assign"])
    def lower_priority(self, request: HttpRequest, queryset: QuerySet[Review]) -> None:
        self._prioritise(request, queryset, -1)

    def _prioritise(self, request: HttpRequest, queryset: QuerySet[Review], step: int) -> None:
        actor = actors.staff(request.user)

        def move(review: Review) -> bool:
            if review.status in TERMINAL or review.priority >= HURRY:
                return False
            return queue.set_priority(review.pk, review.priority + step, actor=actor).priority != review.priority

        done, left = self._each(request, queryset, move)
        said = ngettext("%(count)d priority was changed.", "%(count)d priorities were changed.", done) % {"count": done}
        self._say(request, said, done, left)

    def _each(
        self, request: HttpRequest, queryset: QuerySet[Review], step: Callable[[Review], bool]
    ) -> tuple[int, int]:
        """One step for each that is selected, each in its own transaction; how many were done and how many not."""
        done = left = 0
        for review in queryset[:_AT_ONCE]:
            try:
                done, left = (done + 1, left) if step(review) else (done, left + 1)
            except Problem:  # changed meanwhile, or at the end of the scale
                left += 1
        return done, left

    def _say(self, request: HttpRequest, said: str, done: int, left: int) -> None:
        if left:
            rest = ngettext(
                "%(count)d was left as it is: it has changed in the meantime, or there was nothing to do.",
                "%(count)d were left as they are: they have changed in the meantime, or there was nothing to do.",
                left,
            ) % {"count": left}
            said = f"{said} {rest}"
        self.message_user(request, said, messages.SUCCESS if done else messages.WARNING)
