"""The work queue: who gets which review next, and for how long.

A claim is a conditional UPDATE, the same on both databases. A lease is not a lock: it runs out, and then the item goes
back into the queue.
"""

from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from prescriptions import audit
from prescriptions.audit.actors import SYSTEM, Actor, staff
from prescriptions.infra.database import agreed
from prescriptions.infra.problems import Problem
from prescriptions.models import WAITS_FOR_US, Prescription, Review, ReviewSkip, ReviewStatus
from prescriptions.review import orders
from prescriptions.review.rules import Action
from prescriptions.review.transitions import HURRY, alive, load, not_yours, transition
from prescriptions.variants import warm
from prescriptions.variants.fairness.askers import Asker

# The first item is nearly always to be had. If not, this many at the head are tried before the queue is read again:
# that many people may press the button at once.
_HEAD = 20
_BATCH = 200
TOO_MANY: Final = "too-many-held"
_ORDER = ("-priority", "queued_at", "prescription_id")


def waiting(user: Any = None) -> QuerySet[Review]:
    """What may be claimed, in the order in which it should be; without what `user` skipped a moment ago."""
    rows = Review.objects.filter(status=ReviewStatus.QUEUED, prescription__erased_at=None)
    if user is not None:
        skipped = ReviewSkip.objects.filter(review=OuterRef("pk"), user=user, until__gt=agreed.now())
        rows = rows.exclude(Exists(skipped))
    return rows.order_by(*_ORDER)


def claim_next(user: Any, *, among: QuerySet[Prescription] | None = None) -> Review | None:
    """Claim the next item for this person, of all or of those `among`; None when nothing waits.

    Raises Problem 403, 409 `too-many-held`.
    """
    actor = staff(user)
    lapse_expired()
    offered = waiting(user) if among is None else waiting(user).filter(prescription__in=among)
    size = 1
    while True:
        head = list(offered.select_related("prescription")[:size])
        size = _HEAD
        if not head:
            return None
        for review in head:
            try:
                claimed = _take(review, actor)
            except Problem as problem:
                if problem.status == 403 or problem.code == TOO_MANY:
                    raise
                continue  # somebody else was faster
            _warm_after(claimed, user)
            return _up_to_date(claimed)


def claim(rx: str, user: Any) -> Review:
    """Claim one particular item. What this person holds already stays theirs, with a fresh lease."""
    review = load(rx)
    actor = staff(user)
    if review.status == ReviewStatus.IN_REVIEW:
        if review.claimed_by_id == user.pk and actor.may("claim_review"):
            return heartbeat(rx, user)
        if review.held_by(review.claimed_by_id):
            raise not_yours(review)
        review = transition(review, Action.LAPSE, actor=SYSTEM)
    claimed = _take(review, actor)
    _warm_after(claimed, user)
    return _up_to_date(claimed)


def heartbeat(rx: str, user: Any) -> Review:
    """A fresh lease for the person who holds the item, even if the old one ran out unnoticed. Raises Problem 409."""
    until = agreed.now() + timedelta(seconds=settings.RX_REVIEW_LEASE)
    held = Review.objects.filter(alive(), pk=rx, status=ReviewStatus.IN_REVIEW, claimed_by=user).update(
        claimed_until=until
    )
    review = load(rx)
    if not held:
        raise not_yours(review)
    return review


def release(rx: str, user: Any, *, version: int | None = None) -> Review:
    """Back into the queue, in its old place. Seniors may release what others hold."""
    review, actor = load(rx), staff(user)
    others = review.claimed_by_id != actor.user_id and actor.may("assign_review")
    return transition(review, Action.TAKE_BACK if others else Action.RELEASE, actor=actor, version=version)


def skip(rx: str, user: Any, *, version: int | None = None) -> Review:
    """Back into the queue; not offered to this person again for a while (RX_REVIEW_SKIP seconds)."""
    with transaction.atomic():
        review = transition(load(rx), Action.SKIP, actor=staff(user), version=version)
        until = agreed.now() + timedelta(seconds=settings.RX_REVIEW_SKIP)
        ReviewSkip.objects.update_or_create(review=review, user=user, defaults={"until": until})
    return review


def set_priority(rx: str, priority: int, *, actor: Actor) -> Review:
    """Seniors move items up and down: -9 to 9. What a customer or colleague waits for stays above."""
    if not actor.may("assign_review"):
        raise Problem(403, "forbidden", _("Not allowed"), _("Your role does not allow this."))
    if not -9 <= priority <= 9:
        raise Problem(422, "invalid", _("The request is not valid"), _("A priority is a number from -9 to 9."))
    load(rx)
    with transaction.atomic():
        changed = Review.objects.filter(pk=rx, priority__lt=HURRY).exclude(priority=priority).update(priority=priority)
        if changed:
            audit.record(rx, audit.Verb.PRIORITY_SET, actor=actor, data={"priority": priority})
    return load(rx)


def lapse_expired() -> int:
    """Items whose lease ran out go back into the queue; returns how many. Safe to run anywhere, any number at once."""
    rows = Review.objects.filter(
        status=ReviewStatus.IN_REVIEW, claimed_until__lte=agreed.now(), prescription__erased_at=None
    ).select_related("prescription")
    count = 0
    for review in islice(rows.order_by("claimed_until"), _BATCH):
        try:
            transition(review, Action.LAPSE, actor=SYSTEM)
        except Problem:
            continue  # a heartbeat or another sweep came between
        count += 1
    return count


def held_since(user: Any, since: datetime) -> Review | None:
    """The first item that this person has claimed from then on and still holds."""
    rows = Review.objects.filter(
        alive(), status=ReviewStatus.IN_REVIEW, claimed_by=user, claimed_until__gt=agreed.now(), status_at__gte=since
    )
    return rows.order_by("status_at").first()


def next_waiting(user: Any) -> Review | None:
    """What `claim_next` would most likely give; nothing is claimed."""
    return waiting(user).first()


def beside(rx: str, *, forward: bool) -> Review | None:
    """What stands behind this item in the queue, or before it. Behind what does not wait any more stands the first.

    Held items count; nothing is claimed. Raises Problem 404, 410.
    """
    review = load(rx)
    rows = Review.objects.filter(status__in=WAITS_FOR_US, prescription__erased_at=None).exclude(pk=rx)
    if review.status not in WAITS_FOR_US:
        return rows.order_by(*_ORDER).first() if forward else None
    # Two ranges of the queue's index, not one condition across three columns, for which it would be read from its end.
    to = "gt" if forward else "lt"
    later = Q(**{f"queued_at__{to}": review.queued_at}) | Q(**{"queued_at": review.queued_at, f"pk__{to}": rx})
    near = rows.filter(later, **{"priority": review.priority, f"queued_at__{to}e": review.queued_at}).order_by(*_ORDER)
    far = rows.filter(**{f"priority__{'lt' if forward else 'gt'}": review.priority}).order_by(*_ORDER)
    return (near.first() or far.first()) if forward else (near.last() or far.last())


def _take(review: Review, actor: Actor) -> Review:
    """Claim it, within what one person may hold at a time (RX_REVIEW_HOLDS). Raises Problem 409 `too-many-held`."""
    with transaction.atomic():
        # One claim of a person after the other, or two would not count each other.
        person = get_user_model().objects.select_for_update(no_key=True).filter(pk=actor.user_id or 0)
        list(person.values_list("pk"))
        held = Review.objects.filter(
            alive(), status=ReviewStatus.IN_REVIEW, claimed_by=actor.user_id, claimed_until__gt=agreed.now()
        ).count()
        if held >= settings.RX_REVIEW_HOLDS:
            detail = _("You hold %(count)d prescriptions already. Decide one, or release it.") % {"count": held}
            raise Problem(409, TOO_MANY, _("You hold too many"), detail)
        return transition(review, Action.CLAIM, actor=actor)


def _up_to_date(claimed: Review) -> Review:
    return load(claimed.pk) if orders.refresh(claimed) else claimed


def _warm_after(review: Review, user: Any) -> None:
    def go() -> None:
        following = next_waiting(user)
        warm.warm(review.pk, by=Asker.staff(user.pk), following=following.pk if following else None)

    transaction.on_commit(go, robust=True)
