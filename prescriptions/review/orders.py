"""What was ordered: an order's lines, and the copy that each of its reviews decides. They may change until somebody has
decided; whoever has the review open then is told what has changed, and decides on nothing else.

Whoever writes an order, or a prescription of it, holds the order's row: neither misses the other.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from prescriptions import audit
from prescriptions.audit.actors import Actor
from prescriptions.events import outbox
from prescriptions.infra.database import agreed
from prescriptions.infra.problems import Problem, conflict
from prescriptions.models import (
    UNDECIDED,
    EventType,
    Order,
    OrderLine,
    PageSeen,
    Prescription,
    Review,
    ReviewStatus,
    Schedule,
)
from prescriptions.review.publication import published
from prescriptions.review.transitions import alive
from transforms.limits import LIMITS

Lines = Sequence[Mapping[str, Any]]
_WORDS: Final = ("line_ref", "name", "strength", "schedule", "quantity_ordered")
# So many changes of its lines are kept with a review; who looked before the first of them sees all lines as new.
_KEPT: Final = 20
_TRIES: Final = 3
_AT_ONCE: Final = 200


def put(client: str, ref: str, fields: Mapping[str, Any], *, actor: Actor) -> tuple[Order, bool]:
    """Write an order, or some fields of it; and whether it is new. Its undecided reviews get the new lines.

    `fields`: lines, patient_ref, return_url, language, promised_by, checked. Raises Problem 409 `order-decided`.
    """
    with transaction.atomic():
        order, made = locked(client, ref)
        open_reviews = _undecided(order)
        changed = [name for name, value in fields.items() if getattr(order, name) != value]
        if not changed:
            return order, made
        for name in changed:
            setattr(order, name, fields[name])
        order.updated_at = timezone.now()
        order.lines_version += "lines" in changed
        order.save()
        if "lines" in changed:
            _spread(order, open_reviews, actor=actor)
        if "patient_ref" in changed and order.patient_ref:
            _of(order).filter(patient_ref="").update(patient_ref=order.patient_ref, updated_at=order.updated_at)
        if "promised_by" in changed and order.promised_by:
            Review.objects.filter(pk__in=[review.pk for review in open_reviews]).update(due_at=order.promised_by)
    return order, made


def replace(rx: str, lines: Lines, *, actor: Actor) -> list[OrderLine]:
    """Set all lines of the order of a prescription; of one without an order, its own.

    Raises Problem 400 (too many), 409 `order-decided` (of this prescription).
    """
    if len(lines) > LIMITS.order_lines:
        detail = _("At most %(most)d order lines.") % {"most": LIMITS.order_lines}
        raise Problem(400, "invalid", _("The request is not valid"), detail)
    with transaction.atomic():
        prescription = Prescription.objects.get(pk=rx)
        order = locked(prescription.client, prescription.order_ref)[0] if prescription.order_ref else None
        review = Review.objects.select_for_update().filter(alive(), pk=rx).first()
        if review is None or review.status not in UNDECIDED:
            raise _decided([review] if review else [])
        wanted = numbered(lines)
        if order is None:
            _copy(review, wanted, 0)
            _tell([review], [rx], wanted, actor=actor)
        elif order.lines != wanted:
            order.lines, order.updated_at = wanted, timezone.now()
            order.lines_version += 1
            order.save()
            _spread(order, _undecided(order), actor=actor)
        elif review.order_version != order.lines_version:
            _copy(review, wanted, order.lines_version)
    return list(OrderLine.objects.filter(prescription=rx).select_related("reason"))


def numbered(lines: Lines) -> list[dict[str, Any]]:
    """As an order keeps them: each with its number, from 1 where none was sent, and nothing left out."""
    rest = {"line_ref": "", "strength": "", "schedule": Schedule.OTC.value}
    rows = [
        {"line": at, **{name: line.get(name, rest.get(name)) for name in _WORDS}}
        | ({"line": line["line"]} if line.get("line") else {})
        for at, line in enumerate(lines, 1)
    ]
    return sorted(rows, key=lambda row: row["line"])


def locked(client: str, ref: str) -> tuple[Order, bool]:
    """The order, held until the caller's transaction ends; and whether it was made for that."""
    rows, made = Order.objects.select_for_update().filter(client=client, ref=ref), False
    for _try in range(_TRIES):
        if (order := rows.first()) is not None:
            return order, made
        # Who makes the same one at this moment is waited for.
        Order.objects.bulk_create([Order(client=client, ref=ref)], ignore_conflicts=True)
        made = True
    raise conflict()  # it is deleted again and again


def take(review: Review, order: Order) -> bool:
    """A review that begins takes its copy of the lines. False: the order says nothing of lines."""
    if order.lines_version == 0:
        return False
    OrderLine.objects.bulk_create(_rows(review.pk, order.lines))
    Review.objects.filter(pk=review.pk).update(order_version=order.lines_version)
    return True


def refresh(review: Review) -> bool:
    """Whoever opens a review has the order's lines as they are now; had it others, its version grows. One query where
    nothing is to be done: as a rule each change has come by itself.
    """
    prescription = review.prescription
    if not prescription.order_ref:
        return False
    mine = {"client": prescription.client, "ref": prescription.order_ref}
    if not Order.objects.filter(**mine, lines_version__gt=review.order_version).exists():
        return False
    with transaction.atomic():
        order = Order.objects.select_for_update().filter(**mine).first()
        held = Review.objects.select_for_update().filter(alive(), pk=review.pk, status__in=UNDECIDED).first()
        if order is None or held is None or held.order_version >= order.lines_version:
            return False
        _copy(held, order.lines, order.lines_version)
    return True


# --- Erasing ----------------------------------------------------------------------------------------------------------
def hold_for(rx: str) -> Order | None:
    """The order of a prescription, and then its review, held until the caller's transaction ends: in this order, in
    which whoever writes an order takes them, so that nobody waits for each other.
    """
    mine = Prescription.objects.filter(pk=rx).exclude(order_ref="").values_list("client", "order_ref").first()
    order = Order.objects.select_for_update().filter(client=mine[0], ref=mine[1]).first() if mine else None
    list(Review.objects.select_for_update().filter(pk=rx).values_list("version"))
    return order


def forget(order: Order) -> None:
    """With an erasure: what was ordered goes with the last of its prescriptions."""
    Order.objects.filter(~_has_prescriptions(), pk=order.pk).delete()


def forget_patient(client: str, patient_ref: str) -> None:
    """What was ordered for a patient and has no prescription, or none any more."""
    Order.objects.filter(~_has_prescriptions(), client=client, patient_ref=patient_ref).delete()


def sweep() -> int:
    """Forget orders to which nothing was uploaded, or nothing is left, for as long as an open prescription is kept
    (RX_RETENTION). How many there were.
    """
    _keep, days = settings.RX_RETENTION["open"]
    if days is None:
        return 0
    before = timezone.now() - timedelta(days=days)
    old = Order.objects.filter(~_has_prescriptions(), updated_at__lt=before).order_by("updated_at")
    return Order.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:_AT_ONCE])).delete()[0]


def _has_prescriptions() -> Exists:
    return Exists(
        Prescription.objects.filter(client=OuterRef("client"), order_ref=OuterRef("ref"), erased_at=None).order_by()
    )


# --- Rows -------------------------------------------------------------------------------------------------------------
def _of(order: Order) -> QuerySet[Prescription]:
    return Prescription.objects.filter(client=order.client, order_ref=order.ref, erased_at=None)


def _undecided(order: Order) -> list[Review]:
    """Its reviews that nobody has decided, held. Raises Problem 409 where somebody has decided, and none is left."""
    rows = Review.objects.select_related("prescription").select_for_update(of=("self",))
    rows = rows.filter(
        prescription__client=order.client, prescription__order_ref=order.ref, prescription__erased_at=None
    )
    reviews = list(rows.order_by("pk"))
    found = [review for review in reviews if review.status in UNDECIDED]
    decided = [review for review in reviews if review.status not in (*UNDECIDED, ReviewStatus.WITHDRAWN)]
    if decided and not found:
        raise _decided(decided)
    return found


def _spread(order: Order, reviews: Iterable[Review], *, actor: Actor) -> None:
    """The one place where an order's lines become others."""
    held = list(reviews)
    for review in held:
        _copy(review, order.lines, order.lines_version)
    chains = [review.pk for review in held] or [f"order-{order.pk}"]
    _tell(held, chains, order.lines, actor=actor)


def _tell(reviews: Sequence[Review], chains: Sequence[str], lines: Lines, *, actor: Actor) -> None:
    """Events are of prescriptions: of an order that has none, whoever wrote it knows."""
    told = {"lines": len(lines)}
    for review in reviews:
        outbox.write_of(review.prescription, EventType.LINES_CHANGED, told)
    audit.record_all(chains, audit.Verb.LINES_SET, actor=actor, data=told)


def _copy(review: Review, lines: Lines, order_version: int) -> None:
    """Another copy, and another version of the review, which whoever decides has to have seen. Looks at its pages count
    on: those have not changed.
    """
    old = OrderLine.objects.filter(prescription=review.pk)
    was, rows = {line.position: _said(line) for line in old}, _rows(review.pk, lines)
    now = {line.position: _said(line) for line in rows}
    old.delete()
    OrderLine.objects.bulk_create(rows)
    columns: dict[str, Any] = {"order_version": order_version}
    if was != now:
        changes = [
            {"line": line, "was": was.get(line, ""), "now": now.get(line, "")}
            for line in sorted(was.keys() | now.keys())
            if was.get(line) != now.get(line)
        ]
        entry = {"version": review.version + 1, "at": agreed.now().isoformat(), "lines": changes}
        columns |= {"version": F("version") + 1, "lines_changes": [*review.lines_changes, entry][-_KEPT:]}
        _keep_seen(review)
    Review.objects.filter(pk=review.pk).update(**columns)
    Prescription.objects.filter(pk=review.pk).update(updated_at=agreed.now())


def _keep_seen(review: Review) -> None:
    rows = PageSeen.objects.filter(page__prescription=review.pk, version=review.version)
    PageSeen.objects.bulk_create(
        [
            PageSeen(page_id=row.page_id, user_id=row.user_id, version=review.version + 1, declared=row.declared)
            for row in rows
        ],
        ignore_conflicts=True,
    )


def _rows(rx: str, lines: Lines) -> list[OrderLine]:
    return [
        OrderLine(prescription_id=rx, position=line["line"], **{name: line[name] for name in _WORDS}) for line in lines
    ]


def _said(line: OrderLine) -> str:
    """Everything about it that a decision rests on."""
    medicine = f"{line.name} {line.strength}".strip()
    schedule = "" if line.schedule == Schedule.OTC else f" ({line.schedule})"
    return f"{medicine} × {line.quantity_ordered}{schedule}"


def _decided(reviews: Sequence[Review]) -> Problem:
    """What is decided stands. A decision that may still be undone is told to nobody: ask again when it cannot."""
    title = _("The order can no longer be changed")
    now: datetime = agreed.now()
    if any(not published(review, now) for review in reviews):
        detail = _("A pharmacist is at work on it at this moment. Ask again in a few seconds.")
        return Problem(409, "order-decided", title, detail, retry_after=max(1, int(settings.RX_REVIEW_UNDO)))
    detail = _("Its prescription is decided. What is sent for another one of this order may be changed until then.")
    return Problem(409, "order-decided", title, detail)
