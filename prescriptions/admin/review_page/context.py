"""What is read for one showing of the review page, in a fixed number of queries however many pages and lines there are.

`for_people` makes of it what the templates show, `for_scripts` what the scripts need.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from prescriptions import audit
from prescriptions.admin.review_page.form_state import TAKE_NEXT, FormState
from prescriptions.admin.review_page.notices import Related
from prescriptions.admin.review_page.permissions import ViewerPermissions, permissions_of
from prescriptions.audit import actors
from prescriptions.audit.actors import Actor
from prescriptions.infra.problems import Problem
from prescriptions.models import (
    AuditEvent,
    ClarificationMessage,
    OrderLine,
    Page,
    Prescription,
    ReasonCode,
    Redaction,
    Review,
    ReviewStatus,
    Variant,
    VariantState,
    image_of,
)
from prescriptions.review import proof, queue
from prescriptions.review.proof import Calendar
from prescriptions.review.transitions import load, undo_since
from prescriptions.review.undo import undoable
from prescriptions.variants import links
from prescriptions.variants.pictures import picture, preset_of
from transforms.version import PIPELINE

QUEUE: Final = "admin:prescriptions_review_changelist"
_ACTIONS: Final = (
    *("claim", "release", "skip", "heartbeat", "opened", "seen", "rotate", "redact", "decide", "undo"),
    *("preceding", "following", "prescribers", "uncover", "paper", "sheet"),
)
_EVENTS: Final = 400
_RELATED: Final = 25


@dataclass(frozen=True, slots=True)
class Facts:
    """`pages` and `tokens` (by prescription) also where this person may not see pages: then there are no tokens."""

    now: datetime
    actor: Actor
    may: ViewerPermissions
    review: Review
    pages: list[Page]
    lines: list[OrderLine]
    reasons: list[ReasonCode]
    events: list[AuditEvent]  # newest first
    thread: list[ClarificationMessage]
    related: Mapping[str, Related]
    boxes: Mapping[int, list[list[int]]]  # confirmed redactions, by page
    tokens: Mapping[str, str]
    next_image: str
    undo_offer: Mapping[str, Any] | None
    take_next: bool
    form: FormState
    problem: Problem | None
    seen: frozenset[int]  # pages that count as looked at, for this person and this version
    calendar: Calendar
    shown: int  # the page that is on the screen first
    page_asked: bool  # by a strip link, without scripts
    posted: bool  # the form comes from a POST: newer than what the browser keeps

    @property
    def rx(self) -> str:
        return str(self.review.pk)

    @property
    def urls(self) -> dict[str, str]:
        return {name: reverse(f"admin:rx-review-{name}", args=[self.rx]) for name in _ACTIONS}

    @property
    def editable(self) -> bool:
        """Who lost the claim keeps the form, with all that is in it, as long as they can claim it again."""
        return self.may.decide or (self.may.claim and bool(self.form))

    @property
    def looks(self) -> bool:
        """Does it count which pages this person looks at?"""
        return self.may.decide or self.may.second_check

    @property
    def over(self) -> date | None:
        """The last day of an approval that can no longer be confirmed."""
        until = self.review.valid_until
        late = until is not None and until < self.calendar.today and "expired" not in self.review.overridden
        return until if late and self.review.status == ReviewStatus.SECOND_CHECK else None

    @property
    def visible_pages(self) -> list[Page]:
        return self.pages if self.may.see_pages else []


def gather(
    request: HttpRequest,
    rx: str,
    *,
    state: FormState | None = None,
    problem: Problem | None = None,
    decided: str = "",
) -> Facts:
    """Raises Problem: 404, 410."""
    actor, now, review = actors.staff(request.user), timezone.now(), load(rx)
    form = (state or FormState()).about(review)
    may = permissions_of(actor, review, now)
    pages = list(Page.objects.filter(prescription=rx).prefetch_related("sheets"))
    events = list(AuditEvent.objects.filter(rx=rx).exclude(verb__in=audit.LOOKS).order_by("-seq")[:_EVENTS])
    related = _related(review)
    following = queue.next_waiting(request.user) if may.decide else None
    tokens = _hand_out(review, related.values(), following, may, actor)
    return Facts(
        now=now,
        actor=actor,
        may=may,
        review=review,
        pages=pages,
        lines=list(OrderLine.objects.filter(prescription=rx).select_related("reason")),
        reasons=list(ReasonCode.objects.all()),
        events=events,
        thread=list(review.messages.select_related("user")),
        related=related,
        boxes={row.page_id: row.boxes for row in Redaction.objects.filter(page__in=pages, superseded_at=None)},
        tokens=tokens,
        next_image=_ready_image(following, tokens) if following and may.see_pages else "",
        undo_offer=_offer(undoable(request.user, now), rx, decided, now),
        take_next=request.session.get(TAKE_NEXT, True),
        form=form,
        problem=problem,
        seen=proof.seen(review, actor.user_id),
        calendar=Calendar.now(),
        shown=_shown(request, pages),
        page_asked="page" in request.GET,
        posted=bool(form) and request.method == "POST",
    )


def links_of(review: Review, actor: Actor) -> tuple[str, list[Page]]:
    """A fresh, audited token for this review's pages, and the pages."""
    rows = Page.objects.filter(prescription=review.pk).prefetch_related("sheets")
    return links.hand_out([review.pk], actor)[review.pk], list(rows)


def services_of(rxs: Iterable[str], actor: Actor) -> dict[str, str]:
    """Fresh, audited services of other prescriptions' pages, by page identifier: of what is compared for long."""
    rows = list(Page.objects.filter(prescription__in=list(rxs)[:_RELATED], prescription__erased_at=None))
    tokens = links.hand_out([row.prescription_id for row in rows], actor)
    return {
        row.identifier: links.service_path(row.prescription_id, row.number, tokens[row.prescription_id]) for row in rows
    }


def _hand_out(
    review: Review, related: Iterable[Related], following: Review | None, may: ViewerPermissions, actor: Actor
) -> dict[str, str]:
    if not may.see_pages:
        return {}
    wanted = [review.pk, *(entry.rx for entry in related if entry.pages)]
    return links.hand_out([*wanted, following.pk] if following else wanted, actor)


def _related(review: Review) -> dict[str, Related]:
    """What may be compared: lookalikes, what this replaces, and earlier ones of the same order or patient."""
    prescription = review.prescription
    wanted = Q(pk__in=[str(entry.get("rx")) for entry in review.lookalikes] + [review.supersedes_id or ""])
    for field in ("order_ref", "patient_ref"):
        if value := getattr(prescription, field):
            wanted |= Q(client=prescription.client, **{field: value})
    rows = (
        # Each condition has an index of prescriptions; mixed with reviews, none of them could be used.
        Review.objects.filter(prescription__in=Prescription.objects.filter(wanted, erased_at=None).order_by())
        .exclude(pk=review.pk)
        .select_related("prescription", "reason")
        .prefetch_related("prescription__pages__sheets")
        .order_by("-queued_at")[:_RELATED]
    )
    return {row.pk: Related(row, tuple(row.prescription.pages.all())) for row in rows}


def _shown(request: HttpRequest, pages: list[Page]) -> int:
    asked = request.GET.get("page", "")
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 1
    return number if any(page.number == number for page in pages) else 1


def _ready_image(following: Review, tokens: Mapping[str, str]) -> str:
    """The next item's first image, if it was made already: a prefetch must not set work going."""
    ready = Variant.objects.filter(
        page__prescription=following.pk, page__number=1, pipeline=PIPELINE, state=VariantState.READY
    )
    rows = list(ready.select_related("page").prefetch_related("page__sheets"))
    for image in (image_of(row.page) for row in rows[:1]):
        wanted = (image.sheet_digest, str(preset_of(image, "review")))
        if wanted in {(row.sheet, row.stored) for row in rows}:
            return picture(image, "review", tokens[following.pk]).src
    return ""


def _offer(offer: Review | None, rx: str, decided: str, now: datetime) -> dict[str, Any] | None:
    """What the toast needs to take this person's last decision back; `decided` is the one that has brought `rx`."""
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
        "claimed": rx if decided == offer.pk and offer.pk != rx else "",
    }


def undo_offer(request: HttpRequest) -> dict[str, Any] | None:
    """For other pages (the queue): what `review/toast.html` shows."""
    now = timezone.now()
    return _offer(undoable(request.user, now), "", "", now)
