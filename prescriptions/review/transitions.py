"""The one way a review changes its status: rule, permission, version, and the audit event in the same transaction.

Everything is checked first, to give a good answer, and again by one conditional UPDATE, which decides: of two people
who act at once exactly one wins, on SQLite and on PostgreSQL.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _

from prescriptions import audit
from prescriptions.audit.actors import Actor
from prescriptions.events import of_reviews
from prescriptions.infra.database import agreed
from prescriptions.infra.problems import Problem, erased
from prescriptions.models import Prescription, Review, ReviewStatus, write_down
from prescriptions.models.finding import find
from prescriptions.review.rules import ERASING, FOUR_EYES, HURRIED, OUTCOMES, RULES, Action, Rule, allowed

# Above every priority that a person can set.
HURRY = 100
_UNDECIDED: dict[str, Any] = {
    "outcome": "",
    "decided_at": None,
    "reviewer": None,
    "second_checker": None,
    "override_reason": "",
    "overridden": [],
    "valid_until": None,
}


def load(rx: str) -> Review:
    """The review with everything that a page about it shows. Raises Problem: 404, 410."""
    rows = Review.objects.select_related("prescription", "claimed_by", "reviewer", "second_checker", "reason")
    return find(rows, pk=rx)


def transition(
    review: Review,
    action: Action,
    *,
    actor: Actor,
    version: int | None = None,
    target: ReviewStatus | None = None,
    changes: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
) -> Review:
    """Carry out one action and return the review as it is afterwards.

    `version` is what the caller last saw; None means the version of `review`. `target` is needed where a rule leads
    to more than one status. `changes` are further columns, written with it; `data` goes into the audit event (codes and
    numbers only). Raises Problem: 403, 409 (`invalid-transition`, `stale-version`, `not-yours`), 410.
    """
    rule, now = RULES[action], agreed.now()
    seen = review.version if version is None else version
    check(review, action, actor=actor, version=seen, now=now)
    leads_to = _target(review, action, rule, target)
    columns = {**_columns(review, action, leads_to, actor, now), **(changes or {})}
    conditions: dict[str, Any] = {"status": review.status, "version": seen}
    if rule.holder:
        conditions |= {"claimed_by_id": actor.user_id, "claimed_until__gt": now}
    if action is Action.LAPSE:
        conditions |= {"claimed_until__lte": now}
    if action is Action.UNDO:
        conditions |= {"reviewer_id": actor.user_id, "second_checker": None, "decided_at__gt": undo_since(now)}
    with transaction.atomic():
        if action is Action.REOPEN:
            write_down(review.prescription)  # it may have been supplied, whatever is decided next
        if not Review.objects.filter(alive(not_erased=action not in ERASING), pk=review.pk, **conditions).update(
            **columns
        ):
            raise _lost(review.pk, seen)
        _tell(review, action, leads_to, now, version=seen + 1, changes=changes or {}, data=data or {})
        detail = {"from": review.status, "to": leads_to.value, "version": seen + 1, **(data or {})}
        audit.record(review.pk, f"review.{action}", actor=actor, data=detail)
        _publish(review.pk, action, leads_to, now)
    return Review.objects.select_related("prescription", "claimed_by", "reviewer", "second_checker", "reason").get(
        pk=review.pk
    )


def _tell(
    review: Review,
    action: Action,
    status: ReviewStatus,
    now: datetime,
    *,
    version: int,
    changes: Mapping[str, Any],
    data: Mapping[str, Any],
) -> None:
    """Clients are told with it. Raises Problem where somebody may have been told already what would be undone."""
    until = now + timedelta(seconds=settings.RX_REVIEW_UNDO) if action in OUTCOMES else None
    codes = {"reason": changes.get("reason_id"), "replaced_by": data.get("replaced_by")}
    try:
        of_reviews.step(review, action, status=status.value, version=version, undone_until=until, **codes)
    except of_reviews.Told:
        raise _too_late() from None


def _publish(rx: str, action: Action, status: ReviewStatus, now: datetime) -> None:
    """What people outside are told from now on; of what can be undone, from when it cannot (`publication.tell_due`)."""
    row = Prescription.objects.filter(pk=rx)
    if action in OUTCOMES and settings.RX_REVIEW_UNDO:
        row.update(told_next=status, told_next_at=now + timedelta(seconds=settings.RX_REVIEW_UNDO))
        return
    told = {"told_status": status, "told_next": "", "told_next_at": None}
    if action is Action.UNDO:  # nobody knows of it; or else of a moment ago
        row.exclude(told_status=status).update(updated_at=now)
        row.update(**told)
    else:
        row.update(**told, updated_at=now)


def alive(*, not_erased: bool = True) -> Exists:
    """A condition on the prescription for conditional UPDATEs of its review.

    Never `prescription__erased_at=None`: a join makes Django move *all* conditions into a subquery, and PostgreSQL does
    not look at those again after it has waited for a lock. Two people would both win.
    """
    return Exists(Prescription.objects.filter(pk=OuterRef("pk"), erased_at__isnull=not_erased))


def check(review: Review, action: Action, *, actor: Actor, version: int, now: datetime) -> None:
    """May this actor do this now, to the version that they saw? Raises the same Problems as `transition`."""
    rule = RULES[action]
    if (review.prescription.erased_at is None) == (action in ERASING):
        raise erased() if action not in ERASING else _impossible(review, action)
    if actor.kind not in rule.kinds or (rule.permission and not actor.may(rule.permission)):
        raise Problem(403, "forbidden", _("Not allowed"), _("Your role does not allow this."))
    if action in FOUR_EYES and review.status == ReviewStatus.SECOND_CHECK and review.reviewer_id == actor.user_id:
        raise Problem(403, "same-person", _("Not allowed"), _("The second check needs another person."))
    if version != review.version:
        raise stale(review, version)
    if review.status not in rule.sources:
        raise _impossible(review, action)
    if rule.holder and not review.held_by(actor.user_id, now):
        raise not_yours(review)
    if action is Action.UNDO:
        _check_undo(review, actor, now)


def undo_since(now: datetime) -> datetime:
    """Decisions after this moment can still be undone by who made them (RX_REVIEW_UNDO seconds)."""
    return now - timedelta(seconds=settings.RX_REVIEW_UNDO)


def _check_undo(review: Review, actor: Actor, now: datetime) -> None:
    if review.reviewer_id != actor.user_id:
        raise Problem(403, "forbidden", _("Not allowed"), _("Only the person who decided can undo it."))
    if review.second_checker_id is not None or review.decided_at is None or review.decided_at <= undo_since(now):
        raise _too_late()


def _too_late() -> Problem:
    detail = _("It is too late to undo this decision. A senior can reopen it.")
    return Problem(409, "invalid-transition", _("This cannot be done now"), detail)


def _target(review: Review, action: Action, rule: Rule, target: ReviewStatus | None) -> ReviewStatus:
    if action is Action.CONFIRM:
        target = ReviewStatus(review.outcome)
    if target is None and len(rule.targets) == 1:
        return next(iter(rule.targets))
    if target is None or target not in rule.targets:
        reason = f"{action} leads to {sorted(rule.targets)}, not to {target}"
        raise ValueError(reason)
    return target


def _columns(review: Review, action: Action, target: ReviewStatus, actor: Actor, now: datetime) -> dict[str, Any]:
    """What every step to this status writes, besides what the caller adds."""
    columns: dict[str, Any] = {"status": target, "status_at": now, "version": F("version") + 1}
    if target is ReviewStatus.IN_REVIEW:
        columns |= {"claimed_by": actor.user, "claimed_until": now + timedelta(seconds=settings.RX_REVIEW_LEASE)}
    else:
        columns |= {"claimed_by": None, "claimed_until": None}
    if action in OUTCOMES:
        columns |= {"outcome": OUTCOMES[action], "reviewer": actor.user, "decided_at": now, "second_checker": None}
        columns |= {"decision_lost": False}
    if action is Action.CONFIRM:
        columns |= {"second_checker": actor.user, "decided_at": now}
    if action in HURRIED:
        columns |= {"priority": max(review.priority, HURRY), "due_at": due(now)}
    if action is Action.REOPEN:
        columns |= {"queued_at": now, "due_at": due(now)}
    if action in (Action.REOPEN, Action.DISAGREE):
        columns |= _UNDECIDED
    if action is Action.UNDO:
        # What was typed stays: the form shows it again.
        columns |= _UNDECIDED | {"override_reason": review.override_reason}
    return columns


def due(now: datetime) -> datetime:
    """When somebody who joins the queue now is promised an answer."""
    return now + timedelta(seconds=settings.RX_REVIEW_DUE)


def stale(review: Review, seen: int | None = None) -> Problem:
    """Somebody else was faster; say who did what, and when. `seen`: the version that was looked at, where it is known:
    where nothing but what was ordered has changed since, say what.
    """
    lines = review.lines_since(seen) if seen is not None else {}
    if lines and seen is not None and review.version - seen == sum(c["version"] > seen for c in review.lines_changes):
        told = [{"pointer": "/lines", "detail": text} for text in in_words(lines)]
        detail = _("Nothing you entered was saved. Look at the lines again, and then decide.")
        title = _("What was ordered has changed in the meantime")
        return Problem(409, "order-lines-changed", title, " ".join([*(t["detail"] for t in told), detail]), errors=told)
    who = review.second_checker or review.reviewer or review.claimed_by
    name = who.get_full_name() or who.get_username() if who else _("Somebody")
    detail = _("%(name)s changed it at %(time)s. Its status is now: %(status)s. Nothing you entered was saved.") % {
        "name": name,
        "time": timezone.localtime(review.status_at).strftime("%H:%M"),
        "status": ReviewStatus(review.status).label,
    }
    return Problem(409, "stale-version", _("This review has changed in the meantime"), detail)


def in_words(lines: Mapping[int, tuple[str, str]]) -> list[str]:
    """What `Review.lines_since` found, a sentence for each line."""
    sentences = {
        (False, True): _("Line %(line)s is new: %(now)s."),
        (True, False): _("Line %(line)s is gone: %(was)s."),
        (True, True): _("Line %(line)s is now %(now)s; it was %(was)s."),
    }
    return [sentences[bool(was), bool(now)] % {"line": n, "was": was, "now": now} for n, (was, now) in lines.items()]


def not_yours(review: Review) -> Problem:
    """The lease ran out, or somebody else holds it."""
    holder = review.claimed_by if review.held_by(review.claimed_by_id) else None
    detail = (
        _("%(name)s holds it.") % {"name": holder.get_full_name() or holder.get_username()}
        if holder
        else _("Your claim has run out and nothing was saved. Claim it again.")
    )
    return Problem(409, "not-yours", _("You do not hold this review"), detail)


def _impossible(review: Review, action: Action) -> Problem:
    detail = _("Its status is: %(status)s. What can be done now: %(allowed)s.") % {
        "status": ReviewStatus(review.status).label,
        "allowed": ", ".join(allowed(review.status)) or _("nothing"),
    }
    return Problem(409, "invalid-transition", _("This cannot be done now"), detail)


def _lost(rx: str, seen: int) -> Problem:
    """The conditional UPDATE found the row changed since it was read."""
    try:
        return stale(load(rx), seen)
    except Problem as gone:
        return gone
