"""The thread between pharmacist and customer: ask, answer, time out, withdraw."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from prescriptions.audit.actors import SYSTEM, Actor
from prescriptions.infra.problems import Problem
from prescriptions.models import ClarificationMessage, MessageAuthor, Review, ReviewStatus
from prescriptions.review.payload import clean
from prescriptions.review.rules import Action
from prescriptions.review.transitions import load, transition

_LONGEST = 1000
_BATCH = 200


def ask(rx: str, text: str, *, actor: Actor, version: int, page: int | None = None) -> Review:
    """The pharmacist's question; the review waits for the answer. Raises Problem 403, 409, 422."""
    question = _text(text, "question")
    now = timezone.now()
    review = load(rx)
    if page is not None and not review.prescription.pages.filter(number=page).exists():
        raise _invalid("reason_page", _("There is no such page."))
    with transaction.atomic():
        asked = transition(review, Action.ASK, actor=actor, version=version, data={"page": page} if page else {})
        ClarificationMessage.objects.create(
            review=asked,
            author=MessageAuthor.STAFF,
            user=actor.user,
            text=question,
            at=now,
            page=page,
            expires_at=now + timedelta(seconds=settings.RX_CLARIFICATION_WAIT),
        )
    return asked


def answer(rx: str, text: str, *, actor: Actor, version: int | None = None) -> Review:
    """The customer's answer; the review goes to the front of the queue. Raises Problem 409, 422."""
    reply = said(text)
    now = timezone.now()
    with transaction.atomic():
        answered = transition(load(rx), Action.ANSWER, actor=actor, version=version)
        _close_questions(answered)
        ClarificationMessage.objects.create(review=answered, author=MessageAuthor.CUSTOMER, text=reply, at=now)
    return answered


def add(rx: str, text: str) -> None:
    """What the customer says with another prescription that they send in place of an answer. Raises Problem 422."""
    said = _text(text, "text")
    ClarificationMessage.objects.create(review_id=rx, author=MessageAuthor.CUSTOMER, text=said, at=timezone.now())


def said(text: str) -> str:
    """The text of an answer as it is kept. Raises Problem 422."""
    return _text(text, "answer")


def withdraw(rx: str, *, actor: Actor, version: int | None = None) -> Review:
    """The customer does not want it any more. Raises Problem 409 once somebody has started on it."""
    with transaction.atomic():
        changes = {"reason_id": "withdrawn_by_customer"}
        review = transition(load(rx), Action.WITHDRAW, actor=actor, version=version, changes=changes)
        _close_questions(review)
    return review


def open_question(review: Review) -> ClarificationMessage | None:
    """What the customer has to answer now."""
    return review.messages.filter(author=MessageAuthor.STAFF, answered_at=None, expires_at__isnull=False).first()


def time_out_due() -> int:
    """Questions that nobody answered in time reject their review; returns how many. For the beat."""
    now = timezone.now()
    rows = Review.objects.filter(
        status=ReviewStatus.CLARIFICATION,
        prescription__erased_at=None,
        messages__author=MessageAuthor.STAFF,
        messages__answered_at=None,
        messages__expires_at__isnull=False,
        messages__expires_at__lte=now,
    ).select_related("prescription")
    # No review is there twice: it has one open question at most.
    return sum(_time_out(review) for review in rows.order_by("messages__expires_at")[:_BATCH])


def _time_out(review: Review) -> bool:
    changes = {"reason_id": "no_reply_from_customer", "outcome": ReviewStatus.REJECTED, "decided_at": timezone.now()}
    try:
        with transaction.atomic():
            transition(review, Action.TIME_OUT, actor=SYSTEM, changes=changes)
            _close_questions(review)
    except Problem:
        return False  # answered at this very moment
    return True


def _close_questions(review: Review) -> None:
    review.messages.filter(answered_at=None, expires_at__isnull=False).update(answered_at=timezone.now())


def _text(text: str, field: str) -> str:
    cleaned = clean(text)
    if not cleaned or len(cleaned) > _LONGEST:
        raise _invalid(field, _("Write 1 to %(longest)d characters.") % {"longest": _LONGEST})
    return cleaned


def _invalid(field: str, detail: str) -> Problem:
    errors = [{"pointer": f"/{field}", "detail": detail}]
    return Problem(422, "invalid", _("The request is not valid"), detail, errors=errors)
