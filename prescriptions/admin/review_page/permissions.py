"""What this person may do with this review now, and what the banner says if that is not to decide."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils import timezone
from django.utils.translation import gettext as _

from prescriptions.audit.actors import Actor
from prescriptions.models import Review, ReviewStatus
from prescriptions.variants import links

_WAITING: Final = (ReviewStatus.QUEUED, ReviewStatus.IN_REVIEW)
_APPROVED: Final = (ReviewStatus.APPROVED, ReviewStatus.PARTIALLY_APPROVED)


@dataclass(frozen=True, slots=True)
class Standing:
    """Exactly one of the first five says what the bar at the bottom offers; `banner` explains when none does."""

    decide: bool = False
    claim: bool = False
    second: bool = False
    reopen: bool = False
    take_back: bool = False
    pictures: bool = False
    redact: bool = False
    turn: bool = False
    banner: str = ""
    seconds_left: int = 0
    waiting: bool = False
    overdue: bool = False


def standing(review: Review, actor: Actor, now: datetime) -> Standing:
    mine = review.status == ReviewStatus.IN_REVIEW and review.held_by(actor.user_id, now) and actor.may("decide_review")
    held = review.status == ReviewStatus.IN_REVIEW and review.held_by(review.claimed_by_id, now)
    claim = review.status in _WAITING and not held and actor.may("claim_review")
    second = (
        review.status == ReviewStatus.SECOND_CHECK
        and actor.may("second_check_review")
        and review.reviewer_id != actor.user_id
    )
    left = review.claimed_until - now if mine and review.claimed_until else None
    return Standing(
        decide=mine,
        claim=claim,
        second=second,
        reopen=review.status in _APPROVED and actor.may("reopen_review"),
        take_back=held and not mine and actor.may("assign_review"),
        pictures=actor.may("view_page") and not links.are_cut(review.prescription),
        redact=actor.may("redact_page"),
        turn=actor.may("claim_review"),
        banner="" if mine else _banner(review, actor, held=held, claim=claim, second=second),
        seconds_left=int(left.total_seconds()) if left else 0,
        waiting=review.status in _WAITING,
        overdue=review.status in _WAITING and review.due_at is not None and review.due_at < now,
    )


def name_of(user: Any) -> str:
    return (user.get_full_name() or user.get_username()) if user else _("Somebody")


def clock(moment: datetime | None) -> str:
    return timezone.localtime(moment).strftime("%H:%M") if moment else ""


def _banner(review: Review, actor: Actor, *, held: bool, claim: bool, second: bool) -> str:
    match review.status:
        case ReviewStatus.IN_REVIEW if held:
            return _("%(name)s holds this until %(time)s. You can look, but not decide.") % {
                "name": name_of(review.claimed_by),
                "time": clock(review.claimed_until),
            }
        case ReviewStatus.QUEUED | ReviewStatus.IN_REVIEW if claim:
            return _("Nobody works on this now. Claim it to decide.")
        case ReviewStatus.QUEUED | ReviewStatus.IN_REVIEW:
            return _("It waits for a pharmacist. Your role can look, but not decide.")
        case ReviewStatus.CLARIFICATION:
            return _("It waits for the customer's answer.")
        case ReviewStatus.SECOND_CHECK if second:
            return _("%(name)s decided. Look for yourself, then say whether you agree.") % {
                "name": name_of(review.reviewer)
            }
        case ReviewStatus.SECOND_CHECK if review.reviewer_id == actor.user_id:
            return _("You decided this. The second check needs another person.")
        case ReviewStatus.SECOND_CHECK:
            return _("It waits for a second check by a senior.")
        case _:
            return ""
