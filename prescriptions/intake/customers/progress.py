"""Where a prescription stands, in the customer's words: one headline, what it means, and the one thing to do. For their
pages, and for the shops that tell them.

Reads the review's rows and never writes them; what only pharmacists may know stays out of here.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from prescriptions.intake.order_links import OrderLink
from prescriptions.models import (
    ClarificationMessage,
    CustomerAction,
    MessageAuthor,
    OrderLine,
    Prescription,
    ReasonCode,
    Review,
    ReviewStatus,
)
from prescriptions.review.publication import publicly_decided, standing


class Stage(StrEnum):
    """What customers see of the review's states."""

    RECEIVED = "received"
    IN_REVIEW = "in-review"
    NEEDS_ANSWER = "needs-answer"
    APPROVED = "approved"
    PARTLY_APPROVED = "partly-approved"
    NOT_ACCEPTED = "not-accepted"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Display:
    """How a stage is shown: chip, tone, icon and words. `done` steps of three: received, checked, decided."""

    chip: Promise
    tone: str
    icon: str
    headline: Promise
    text: Promise
    done: int


DISPLAYS: Final[dict[Stage, Display]] = {
    Stage.RECEIVED: Display(
        _("Received"),
        "info",
        "clock",
        _("We have your prescription"),
        _("It waits for a pharmacist. You can close this page and come back with the same link."),
        1,
    ),
    Stage.IN_REVIEW: Display(
        _("In review"),
        "info",
        "clock",
        _("A pharmacist is checking your prescription"),
        _("This page shows the answer as soon as there is one. You can close it and come back with the same link."),
        1,
    ),
    Stage.NEEDS_ANSWER: Display(
        _("Needs your answer"),
        "warn",
        "question",
        _("Our pharmacist has a question"),
        _("Your order waits until you have answered."),
        1,
    ),
    Stage.APPROVED: Display(
        _("Approved"),
        "good",
        "check",
        _("Your prescription is approved"),
        _("There is nothing more to do. Your order goes on."),
        3,
    ),
    Stage.PARTLY_APPROVED: Display(
        _("Partly approved"),
        "warn",
        "check",
        _("A part of your order is approved"),
        _("What is approved goes on. Below is what is not, and why."),
        3,
    ),
    Stage.NOT_ACCEPTED: Display(
        _("Not accepted"),
        "bad",
        "cross",
        _("We could not accept this prescription"),
        _("Your order waits. Here is how to put it right."),
        3,
    ),
    Stage.EXPIRED: Display(
        _("Expired"),
        "warn",
        "clock",
        _("This prescription is no longer valid"),
        _("Ask your doctor for a new one and send it here."),
        3,
    ),
    Stage.WITHDRAWN: Display(
        _("Withdrawn"),
        "info",
        "cross",
        _("You withdrew this prescription"),
        _("You can send another one whenever you like."),
        3,
    ),
}

# What customers see in place of the first two when the time has passed that they were told.
LATE: Final = Display(
    _("Running late"),
    "warn",
    "clock",
    _("It takes longer than usual"),
    _("We are sorry. You need not do anything, and sending it again would not make it faster: it keeps its place."),
    1,
)

# And in place of a withdrawal that they never asked for: an answer came with another one.
REPLACED: Final = Display(
    _("Replaced"),
    "info",
    "again",
    _("You sent another one in its place"),
    _("The other one goes on."),
    3,
)

STAGES: Final[dict[str, Stage]] = {
    ReviewStatus.QUEUED: Stage.RECEIVED,
    ReviewStatus.IN_REVIEW: Stage.IN_REVIEW,
    ReviewStatus.SECOND_CHECK: Stage.IN_REVIEW,
    ReviewStatus.CLARIFICATION: Stage.NEEDS_ANSWER,
    ReviewStatus.APPROVED: Stage.APPROVED,
    ReviewStatus.PARTIALLY_APPROVED: Stage.PARTLY_APPROVED,
    ReviewStatus.REJECTED: Stage.NOT_ACCEPTED,
    ReviewStatus.EXPIRED: Stage.EXPIRED,
    ReviewStatus.WITHDRAWN: Stage.WITHDRAWN,
}
# Stages that only the customer can end: these offer to send again.
_SEND_AGAIN: Final = (Stage.NOT_ACCEPTED, Stage.EXPIRED, Stage.WITHDRAWN)
_BUTTONS: Final[dict[str, Promise]] = {
    CustomerAction.REUPLOAD: _("Send it again"),
    CustomerAction.CONTACT_DOCTOR: _("Send the corrected prescription"),
    CustomerAction.CONSULT_DOCTOR: _("Send a new prescription"),
}
_WAITS: Final = (Stage.RECEIVED, Stage.IN_REVIEW)
_DECIDED: Final = (ReviewStatus.APPROVED, ReviewStatus.PARTIALLY_APPROVED)


@dataclass(frozen=True, slots=True)
class Progress:
    """Everything that a status card shows."""

    prescription: Prescription
    stage: Stage
    reason: ReasonCode | None = None
    reason_page: int | None = None
    note: str = ""
    question: ClarificationMessage | None = None
    lines: tuple[OrderLine, ...] = ()
    valid_until: date | None = None
    version: int = 0
    replaced: bool = False  # by a newer one of the order
    due_at: datetime | None = None  # until when we usually know, while we do not

    @property
    def display(self) -> Display:
        return DISPLAYS[self.stage]

    @property
    def late(self) -> bool:
        return self.due_at is not None and self.due_at <= timezone.now()

    @property
    def shown(self) -> Display:
        """What the customer's page says at this moment."""
        if self.replaced and self.stage is Stage.WITHDRAWN:
            return REPLACED
        return LATE if self.late else self.display

    @property
    def waiting(self) -> bool:
        """Can news come without the customer doing anything?"""
        return self.stage in _WAITS

    @property
    def may_withdraw(self) -> bool:
        """Nobody has started on it yet."""
        review: Review | None = getattr(self.prescription, "review", None)
        return review is not None and review.status in (ReviewStatus.QUEUED, ReviewStatus.CLARIFICATION)

    @property
    def button(self) -> Promise | None:
        """Label of the button that leads to a new upload; None where sending again helps nobody."""
        if self.stage not in _SEND_AGAIN or self.replaced:
            return None
        return _BUTTONS.get(self.reason.action if self.reason else "", _("Send another prescription"))


def of_order(link: OrderLink) -> list[Progress]:
    """All prescriptions of an order, the newest first."""
    rows = (
        _visible()
        .filter(client=link.client, order_ref=link.order_ref)
        .select_related("review", "review__reason")
        .prefetch_related("pages__sheets", "order_lines__reason", "review__messages")
    )
    newer = {review.supersedes_id for row in rows if (review := getattr(row, "review", None)) is not None}
    return [replace(of(row), replaced=row.pk in newer) for row in rows]


def reusable(link: OrderLink) -> list[Prescription]:
    """What may be used again for the order of a link, newest first; nothing for a link that only uploads."""
    return list(reusable_for(link.client, link.order_ref, link.patient_ref)[:3]) if link.shows else []


def reusable_for(client: str, order_ref: str, patient_ref: str) -> QuerySet[Prescription]:
    """Approved and still valid prescriptions of the same patient at the same client, from other orders.

    Without a patient there are none: an order does not say whose it is.
    """
    if not patient_ref:
        return Prescription.objects.none()
    rows = _visible().filter(
        publicly_decided(),
        client=client,
        patient_ref=patient_ref,
        review__status__in=_DECIDED,
        review__valid_until__gte=timezone.localdate(),
    )
    return rows.exclude(order_ref=order_ref).select_related("review").prefetch_related("pages", "order_lines")


def _visible() -> QuerySet[Prescription]:
    return Prescription.objects.filter(Q(erased_at=None) & Q(links_cut_at=None))


def of(row: Prescription) -> Progress:
    """Of one prescription, whose rows are at hand."""
    review: Review | None = getattr(row, "review", None)
    if review is None:
        return Progress(row, Stage.RECEIVED)
    stage = STAGES.get(standing(review), Stage.RECEIVED)
    return Progress(
        row,
        stage,
        reason=review.reason if stage in (Stage.NOT_ACCEPTED, Stage.PARTLY_APPROVED) else None,
        reason_page=review.reason_page,
        # Notes are written while the review is under way; they are the customer's only with the decision.
        note=review.customer_text if stage in (Stage.APPROVED, Stage.PARTLY_APPROVED, Stage.NOT_ACCEPTED) else "",
        question=next(
            (
                message
                for message in review.messages.all()
                if message.author == MessageAuthor.STAFF and message.expires_at and not message.answered_at
            ),
            None,
        )
        if stage is Stage.NEEDS_ANSWER
        else None,
        lines=tuple(row.order_lines.all()) if stage in (Stage.APPROVED, Stage.PARTLY_APPROVED) else (),
        valid_until=review.valid_until if stage in (Stage.APPROVED, Stage.PARTLY_APPROVED) else None,
        version=review.version,
        due_at=review.due_at if stage in _WAITS else None,
    )
