"""Everything that the review page shows, in a fixed number of queries however many pages and lines there are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.staticfiles import finders
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from prescriptions import audit
from prescriptions.admin import chips
from prescriptions.admin.pictures import viewer_page
from prescriptions.admin.review_page import lines, notices, words
from prescriptions.admin.review_page.form_state import Typed
from prescriptions.admin.review_page.notices import Related
from prescriptions.admin.review_page.permissions import Standing, name_of, standing
from prescriptions.admin.review_page.timeline import entries
from prescriptions.audit import actors
from prescriptions.audit.actors import Actor
from prescriptions.infra.problems import Problem
from prescriptions.models import (
    AuditEvent,
    OrderLine,
    Page,
    ReasonCode,
    Redaction,
    Review,
    ReviewStatus,
    Variant,
    VariantState,
)
from prescriptions.ops.checks import VIEWER
from prescriptions.review import queue
from prescriptions.review.payload import CHECKLIST
from prescriptions.review.transitions import load, undo_since
from prescriptions.review.undo import undoable
from prescriptions.variants import links
from prescriptions.variants.pictures import Picture, picture, preset_of
from transforms.version import PIPELINE

_EVENTS: Final = 400
_SHOWN_EVENTS: Final = 60
_RELATED: Final = 25
ACTIONS: Final = (
    "claim",
    "release",
    "skip",
    "heartbeat",
    "opened",
    "rotate",
    "redact",
    "decide",
    "undo",
)
TAKE_NEXT: Final = "rx_take_next"  # in the session: does this person want the next one at once?


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page in the strip."""

    page: Page
    thumb: Picture
    first: Picture
    seen: bool
    shown: bool

    @property
    def turned(self) -> int:
        """A quarter turn clockwise from how it is shown now."""
        return (self.page.rotation + 90) % 360

    @property
    def viewer_first(self) -> dict[str, Any]:
        """What `review/viewer.html` asks for."""
        first = self.first
        return {"number": self.page.number, "first": first.src, "width": first.width, "height": first.height}


def build(
    request: HttpRequest,
    site: AdminSite,
    rx: str,
    *,
    typed: Typed | None = None,
    problem: Problem | None = None,
) -> dict[str, Any]:
    """The template's context. Raises Problem: 404, 410."""
    actor, now = actors.staff(request.user), timezone.now()
    review = load(rx)
    stand = standing(review, actor, now)
    pages = list(Page.objects.filter(prescription=rx))
    order = list(OrderLine.objects.filter(prescription=rx).select_related("reason"))
    reasons = list(ReasonCode.objects.all())
    events = list(AuditEvent.objects.filter(rx=rx).order_by("-seq")[:_EVENTS])
    related = _related(review)
    following = queue.next_waiting(request.user) if stand.decide else None
    tokens = _tokens(review, related.values(), following, stand, actor)
    boxes = {row.page_id: row.boxes for row in Redaction.objects.filter(page__in=pages, superseded_at=None)}
    form = typed or Typed()
    seen = form.seen | _seen(events, actor, review.queued_at)
    shown = _shown(request, pages)
    decided = form.decided([line.position for line in order])
    wrong = lines.wrongs(problem, decided)
    by_field = {entry.field: entry.text for entry in reversed(wrong)}
    sheets = _sheets(pages, tokens.get(rx, ""), seen, shown) if stand.pictures else []
    urls = {name: reverse(f"admin:rx-review-{name}", args=[rx]) for name in ACTIONS}
    offer = undoable(request.user, now)
    strict = settings.RX_SECOND_CHECK_SCHEDULES
    editable = stand.decide or (stand.claim and typed is not None and bool(typed))
    viewer_pages = [viewer_page(sheet.page, tokens[rx], boxes) for sheet in sheets]
    return {
        **site.each_context(request),
        "title": _("Review %(rx)s") % {"rx": rx[:8]},
        "is_nav_sidebar_enabled": False,
        "rx": rx,
        "reference": rx[:8],
        "review": review,
        "prescription": review.prescription,
        "chip": chips.status_chip(review.status),
        "waited": chips.span((now if stand.waiting else review.status_at) - review.queued_at),
        "due_in": chips.span(abs(review.due_at - now)) if review.due_at and stand.waiting else "",
        "stand": stand,
        "editable": editable,
        "urls": urls,
        "queue_url": reverse("admin:prescriptions_review_changelist"),
        "sheets": sheets,
        "current": next((sheet for sheet in sheets if sheet.shown), None),
        "zooming": _zooming(),
        "viewer_pages": len(sheets),
        "viewer_first": next((sheet.viewer_first for sheet in sheets if sheet.shown), None),
        "unseen": sum(not sheet.seen for sheet in sheets),
        "pages_seen": ",".join(map(str, sorted(seen | ({shown} if sheets else set())))),
        "rows": lines.rows(order, form, by_field, strict),
        "strict_lines": any(line.schedule in strict for line in order),
        "choices": lines.CHOICES,
        "reason_groups": lines.reason_groups(reasons),
        "chosen_reason": next((r for r in reasons if r.code == form.texts.get("reason")), None),
        "line_reasons": [r for r in reasons if r.active and r.group != "process"],
        "points": [(key, label, key in form.checklist) for key, label in CHECKLIST.items()],
        "ticked": [(label, review.checklist.get(key) is True) for key, label in CHECKLIST.items()],
        "form": form,
        "field": form.texts,
        "problem": problem,
        "wrong": wrong,
        "errors": by_field,
        "left_over": words.left_over(form) if problem and not editable else [],
        "notices": notices.of(review, related),
        "related": [entry for entry in related.values() if entry.rx != rx],
        "thread": list(review.messages.select_related("user")),
        "timeline": entries(events[:_SHOWN_EVENTS], {r.code: r.customer_title for r in reasons}),
        "timeline_more": len(events) > _SHOWN_EVENTS,
        "reviewer": name_of(review.reviewer) if review.reviewer_id else "",
        "second_checker": name_of(review.second_checker) if review.second_checker_id else "",
        "take_next": request.session.get(TAKE_NEXT, True),
        "offer": _offer(offer, request, rx, now),
        "data": {
            "rx": rx,
            "version": review.version,
            "user": actor.user_id,
            "decide": stand.decide,
            "editable": editable,
            # After a refusal this is newer than the browser's own draft; after a GET the draft is.
            "typed": bool(typed) and request.method == "POST",
            "left": stand.seconds_left,
            "turn": stand.turn,
            "redact": stand.redact,
            "shown": shown,
            "opened": [shown] if "page" in request.GET and sheets else [],
            "seen": sorted(seen),
            "urls": urls,
            "queue": reverse("admin:prescriptions_review_changelist"),
            "pages": viewer_pages,
            "compare": {
                page.identifier: viewer_page(page, tokens[entry.rx])
                | {"label": _("RX-%(rx)s, page %(page)s") % {"rx": entry.reference, "page": page.number}}
                for entry in related.values()
                for page in entry.pages
                if stand.pictures
            },
            "reasons": {r.code: [r.customer_title, r.customer_body, r.needs_note] for r in reasons},
            "validity": settings.RX_VALIDITY_DAYS,
            "strict": list(strict),
            "next": _ready_image(following, tokens) if following and stand.pictures else "",
            "say": words.for_scripts(),
        },
    }


def links_of(review: Review, actor: Actor) -> tuple[str, list[Page]]:
    """A fresh, audited token for this review's pages, and the pages."""
    return links.hand_out([review.pk], actor)[review.pk], list(Page.objects.filter(prescription=review.pk))


def services_of(rxs: Iterable[str], actor: Actor) -> dict[str, str]:
    """Fresh, audited services of other prescriptions' pages, by page identifier: of what is compared for long."""
    rows = list(Page.objects.filter(prescription__in=list(rxs)[:_RELATED], prescription__erased_at=None))
    tokens = links.hand_out([row.prescription_id for row in rows], actor)
    return {
        row.identifier: links.service_path(row.prescription_id, row.number, tokens[row.prescription_id]) for row in rows
    }


@cache
def _zooming() -> bool:
    """Is OpenSeadragon installed? Without it the viewer shows plain images."""
    return finders.find(VIEWER) is not None


def _tokens(
    review: Review, related: Iterable[Related], following: Review | None, stand: Standing, actor: Actor
) -> dict[str, str]:
    if not stand.pictures:
        return {}
    wanted = [review.pk, *(entry.rx for entry in related if entry.pages)]
    return links.hand_out([*wanted, following.pk] if following else wanted, actor)


def _related(review: Review) -> dict[str, Related]:
    """What may be compared: lookalikes, what this replaces, and earlier ones of the same order or patient."""
    prescription = review.prescription
    wanted = Q(pk__in=[str(entry.get("rx")) for entry in review.lookalikes] + [review.supersedes_id or ""])
    for field in ("order_ref", "patient_ref"):
        if value := getattr(prescription, field):
            wanted |= Q(prescription__client=prescription.client, **{f"prescription__{field}": value})
    rows = (
        Review.objects.filter(wanted, prescription__erased_at=None)
        .exclude(pk=review.pk)
        .select_related("prescription", "reason")
        .prefetch_related("prescription__pages")
        .order_by("-queued_at")[:_RELATED]
    )
    return {row.pk: Related(row, tuple(row.prescription.pages.all())) for row in rows}


def _seen(events: Iterable[AuditEvent], actor: Actor, since: datetime) -> frozenset[int]:
    """Pages that this person has looked at since the item came into the queue; the trail knows."""
    return frozenset(
        int(event.data["page"])
        for event in events
        if event.verb == audit.Verb.PAGE_OPENED and event.actor == str(actor) and event.at >= since
    )


def _shown(request: HttpRequest, pages: list[Page]) -> int:
    asked = request.GET.get("page", "")
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 1
    return number if any(page.number == number for page in pages) else 1


def _sheets(pages: list[Page], token: str, seen: frozenset[int], shown: int) -> list[Sheet]:
    return [
        Sheet(
            page,
            picture(page, "thumb", token),
            picture(page, "review", token),
            page.number in seen,
            page.number == shown,
        )
        for page in pages
    ]


def _ready_image(following: Review, tokens: Mapping[str, str]) -> str:
    """The next item's first image, if it was made already: a prefetch must not set work going."""
    ready = Variant.objects.filter(
        page__prescription=following.pk, page__number=1, pipeline=PIPELINE, state=VariantState.READY
    ).select_related("page")
    for variant in ready:
        if variant.stored == str(preset_of(variant.page, "review")):
            return picture(variant.page, "review", tokens[following.pk]).src
    return ""


def _offer(offer: Review | None, request: HttpRequest, rx: str, now: datetime) -> dict[str, Any] | None:
    """What the toast needs to take this person's last decision back."""
    if offer is None or offer.decided_at is None:
        return None
    return {
        "rx": offer.pk,
        "reference": offer.pk[:8],
        "version": offer.version,
        "status": ReviewStatus(offer.outcome or offer.status).label,
        "milliseconds": int((offer.decided_at - undo_since(now)).total_seconds() * 1000),
        "url": reverse("admin:rx-review-undo", args=[offer.pk]),
        # The item that came with the decision: undone, it goes back.
        "claimed": rx if request.GET.get("decided") == offer.pk and offer.pk != rx else "",
    }


def undo_offer(request: HttpRequest) -> dict[str, Any] | None:
    """For other pages (the queue): what `review/toast.html` shows."""
    now = timezone.now()
    return _offer(undoable(request.user, now), request, "", now)
