"""The robot pharmacist. It claims, looks, asks and decides as people do, by the same functions: rights, versions, the
undo window, events and the audit log are those of real life.

What it cannot wait for is time: it moves the end of a validity, or of a question, to where it has passed, and leaves
the rest to what time does in real life. Its accounts have no password, so nobody signs in by them.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from itertools import islice
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone

from prescriptions.accounts import trail
from prescriptions.audit.actors import SYSTEM, Actor, staff
from prescriptions.infra.problems import Problem
from prescriptions.models import ClarificationMessage, MessageAuthor, OrderLine, Review, ReviewStatus
from prescriptions.review import clarifications, decisions, queue
from prescriptions.review.payload import CHECKLIST, SUPPLIED
from prescriptions.review.publication import APPROVED, published

log = logging.getLogger("rx.sandbox")

MAGIC: Final = "sandbox-"
QUESTION: Final = "Is the strength 40 mg or 80 mg? Answer, or send a photo on which it can be read."
_REASON: Final = "image_dark"
_LINE_REASON: Final = "item_not_on_prescription"
_AT_ONCE: Final = 50

Act = Callable[[Review], dict[str, Any]]


def play() -> int:
    """One look at what has a magic reference; how much was done. Safe to run anywhere, any number at once."""
    if not settings.RX_SANDBOX:
        return 0
    done = _queued() + _second_checks() + _passed()
    if done:
        log.info("sandbox", extra={"count": done})
    return done


# --- Decisions --------------------------------------------------------------------------------------------------------
def approve(review: Review) -> dict[str, Any]:
    pages = review.prescription.pages.values_list("number", flat=True)
    return {
        "outcome": "approved",
        "prescribed_on": timezone.localdate().isoformat(),
        "prescriber": "Dr. Sand Box",
        "registration_number": "SANDBOX-1",
        "checklist": dict.fromkeys(CHECKLIST, True),
        "pages_seen": list(pages),
    }


def approve_some(review: Review) -> dict[str, Any]:
    """All but the last line; of a single one half, or (where that is one piece) later. Without lines, all of it."""
    lines = list(review.prescription.order_lines.order_by("position"))
    if not lines:
        return approve(review)
    verdicts: list[dict[str, Any]] = [{"line": line.position, "decision": "accepted"} for line in lines]
    last, verdict = lines[-1], verdicts[-1]
    if len(lines) > 1:
        verdict |= {"decision": "refused", "reason": _LINE_REASON}
    elif last.quantity_ordered > 1:
        verdict |= {"decision": "reduced", "quantity_allowed": last.quantity_ordered // 2}
    else:
        verdict |= {"decision": "owing"}
    return approve(review) | {"outcome": "partially_approved", "lines": verdicts}


def reject(review: Review) -> dict[str, Any]:
    return {"outcome": "rejected", "reason": _REASON, "reason_page": 1}


def ask(review: Review) -> dict[str, Any]:
    return {"outcome": "clarification", "question": QUESTION, "reason_page": 1}


def _once_asked(then: Act) -> Act:
    """A question for each order, answered in words or by another file; after it, this."""

    def act(review: Review) -> dict[str, Any]:
        mine = {"review__prescription__client": review.prescription.client}
        mine |= {"review__prescription__order_ref": review.prescription.order_ref}
        asked = ClarificationMessage.objects.filter(author=MessageAuthor.STAFF, **mine).exists()
        return then(review) if asked else ask(review)

    return act


# By what follows `sandbox-`; the longest that fits counts, and whatever comes behind it after a `-` is the caller's.
ACTS: Final[Mapping[str, Act]] = {
    "approve": approve,
    "partial": approve_some,
    "reject": reject,
    "ask": _once_asked(approve),
    "ask-partial": _once_asked(approve_some),
    "expire": approve,
    "silent": ask,
}


def act_of(order_ref: str) -> str:
    """Which of ACTS an order's reference asks for; empty: none, so people decide."""
    asked = f"{order_ref.lower()}-"
    fits = [name for name in ACTS if asked.startswith(f"{MAGIC}{name}-")]
    return max(fits, key=len, default="")


# --- What waits -------------------------------------------------------------------------------------------------------
def _rows(act: str = "", **wanted: Any) -> list[Review]:
    """Those that wait longest, of one act or of all."""
    rows = Review.objects.select_related("prescription").filter(
        prescription__order_lowered__begins=MAGIC + act, prescription__erased_at=None, **wanted
    )
    magic = (row for row in rows.order_by("status_at") if act_of(row.prescription.order_ref))
    return list(islice(magic, _AT_ONCE))


def _queued() -> int:
    """Also what it has claimed, and something went wrong before it decided."""
    mine = _rows(status=ReviewStatus.IN_REVIEW, claimed_by=pharmacist().user)
    return sum(_decide(row) for row in [*mine, *_rows(status=ReviewStatus.QUEUED)])


def _decide(review: Review) -> bool:
    act = ACTS[act_of(review.prescription.order_ref)]
    try:
        claimed = queue.claim(review.pk, pharmacist().user)
        decisions.act(review.pk, act(claimed), actor=pharmacist(), version=claimed.version)
    except Problem as problem:  # somebody was faster, or it was erased this moment
        log.info("left alone", extra={"rx": review.pk, "reason": problem.code})
        return False
    return True


def _second_checks() -> int:
    return sum(_confirm(row) for row in _rows(status=ReviewStatus.SECOND_CHECK))


def _confirm(review: Review) -> bool:
    lines = OrderLine.objects.filter(prescription=review.pk, decision__in=SUPPLIED)
    sent = {
        "outcome": "confirmed",
        "pages_seen": approve(review)["pages_seen"],
        "confirmed_lines": list(lines.values_list("position", flat=True)),
        "confirmed_date": review.prescribed_on and review.prescribed_on.isoformat(),
    }
    try:
        decisions.act(review.pk, sent, actor=senior(), version=review.version)
    except Problem as problem:
        log.info("left alone", extra={"rx": review.pk, "reason": problem.code})
        return False
    return True


# --- Time that passes -------------------------------------------------------------------------------------------------
def _passed() -> int:
    """Approvals end, and nobody answers in time; both as in real life, once people outside were told of them."""
    yesterday = timezone.localdate() - timedelta(days=1)
    ended = [row.pk for row in _rows("expire", status__in=APPROVED) if _is(row, "expire") and published(row)]
    Review.objects.filter(pk__in=ended, status__in=APPROVED).update(valid_until=yesterday)
    unanswered = [row.pk for row in _rows("silent", status=ReviewStatus.CLARIFICATION) if _is(row, "silent")]
    open_ones = ClarificationMessage.objects.filter(review__in=unanswered, answered_at=None, expires_at__isnull=False)
    open_ones.update(expires_at=timezone.now())
    return (decisions.expire_due() if ended else 0) + (clarifications.time_out_due() if unanswered else 0)


def _is(row: Review, name: str) -> bool:
    return act_of(row.prescription.order_ref) == name


# --- Who does it ------------------------------------------------------------------------------------------------------
def pharmacist() -> Actor:
    return _robot("robot-pharmacist", "pharmacist")


def senior() -> Actor:
    """Who confirms what needs a second person."""
    return _robot("robot-senior", "senior")


def _robot(name: str, role: str) -> Actor:
    """Made when it is first needed; that is in the audit log, too."""
    people = get_user_model()
    user = people.objects.filter(username=name).first()
    if user is None:
        with transaction.atomic():
            user, fresh = people.objects.get_or_create(
                username=name, defaults={"is_staff": True, "first_name": "Robot", "last_name": role}
            )
            if fresh:
                user.set_unusable_password()
                user.save(update_fields=["password"])
                user.groups.add(Group.objects.get(name=role))
                trail.tell(user, trail.Verb.MADE, {"roles": [role]}, actor=SYSTEM)
    return staff(user)
