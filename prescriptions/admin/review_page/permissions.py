"""What this person may do with this review now, and what the banner says if that is not to decide."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils import timezone
from django.utils.translation import gettext as _

from prescriptions.audit.actors import Actor
from prescriptions.models import Review, ReviewStatus
from prescriptions.review.rules import RULES, Action
from prescriptions.variants import links

# For a pharmacist, that is: what may be overdue.
WAITING: Final = (ReviewStatus.QUEUED, ReviewStatus.IN_REVIEW)


@dataclass(frozen=True, slots=True)
class ViewerPermissions:
    """At most one of the first five is true: it says what the page offers to do."""

    decide: bool
    claim: bool
    second_check: bool
    reopen: bool
    take_back: bool
    see_pages: bool
    redact: bool
    turn: bool
    override: bool


def permissions_of(actor: Actor, review: Review, now: datetime) -> ViewerPermissions:
    held = _is_held(review, now)
    mine = held and review.claimed_by_id == actor.user_id and actor.may("decide_review")
    return ViewerPermissions(
        decide=mine,
        claim=review.status in WAITING and not held and actor.may("claim_review"),
        second_check=review.status == ReviewStatus.SECOND_CHECK
        and actor.may("second_check_review")
        and review.reviewer_id != actor.user_id,
        reopen=review.status in RULES[Action.REOPEN].sources and actor.may("reopen_review"),
        take_back=held and not mine and actor.may("assign_review"),
        see_pages=actor.may("view_page") and not links.are_cut(review.prescription),
        redact=actor.may("redact_page"),
        turn=actor.may("claim_review"),
        override=actor.may("override_review"),
    )


def name_of(user: Any) -> str:
    return (user.get_full_name() or user.get_username()) if user else _("Somebody")


def banner(review: Review, actor: Actor, may: ViewerPermissions, now: datetime) -> str:
    """Why this person cannot decide now; empty where they can, and where nobody can any more."""
    match review.status:
        case _ if may.decide:
            return ""
        case ReviewStatus.IN_REVIEW if _is_held(review, now):
            return _("%(name)s holds this until %(time)s. You can look, but not decide.") % {
                "name": name_of(review.claimed_by),
                "time": timezone.localtime(review.claimed_until).strftime("%H:%M"),
            }
        case ReviewStatus.QUEUED | ReviewStatus.IN_REVIEW if may.claim:
            return _("Nobody is working on this. Claim it to decide.")
        case ReviewStatus.QUEUED | ReviewStatus.IN_REVIEW:
            return _("This is waiting for a pharmacist. Your role can look, but not decide.")
        case ReviewStatus.CLARIFICATION:
            return _("This is waiting for the customer's answer.")
        case ReviewStatus.SECOND_CHECK if may.second_check:
            return _("%(name)s made the first decision. Check the pages yourself, then say whether you agree.") % {
                "name": name_of(review.reviewer)
            }
        case ReviewStatus.SECOND_CHECK if review.reviewer_id == actor.user_id:
            return _("You made the first decision. The second check needs another person.")
        case ReviewStatus.SECOND_CHECK:
            return _("This is waiting for a second check by a senior.")
        case _:
            return ""


def _is_held(review: Review, now: datetime) -> bool:
    return review.status == ReviewStatus.IN_REVIEW and review.held_by(review.claimed_by_id, now)
