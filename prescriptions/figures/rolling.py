"""Rows are added up once, a little after they were written; a mark says how far that has come.

The mark moves in the transaction that adds: whoever dies in between, or however many do it at once, each row counts
once. What edges have sent is added where their logs are read (audit/edge_logs).
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Count, Min, Q
from django.utils import timezone

from prescriptions.figures.scale import step
from prescriptions.models import Event, EventType, Figure, FigureMark, Page, Prescription, Tally, Variant, VariantState
from prescriptions.models.events.figures import HOUR
from prescriptions.variants import claims
from transforms.geometry import Size
from transforms.request import presets
from transforms.request.spec import Stored

AT_ONCE: Final = 1000
# Clocks of hosts differ by less, and whatever is claimed is made by then, or is at its tries.
_SETTLED: Final = timedelta(seconds=60)
# What is still open after so long is counted as neither made nor failed, so that it holds nothing up.
_GIVEN_UP: Final = timedelta(hours=1)
_HOURS_KEPT: Final = timedelta(days=8)
OTHER: Final = "other"
DONE: Final = "done"  # the mark that says up to when there was nothing left to add
_OUTCOMES: Final = {
    EventType.APPROVED: "approved",
    EventType.PARTIALLY_APPROVED: "partially_approved",
    EventType.REJECTED: "rejected",
}
_ALONGSIDE: Final = {
    EventType.QUESTION: "question",
    EventType.WITHDRAWN: "withdrawn",
    EventType.EXPIRED: "expired",
}


def roll_up(seconds: float) -> bool:
    """Add up what has settled since the last time; stops after so many seconds. Is there more?"""
    ends = time.monotonic() + seconds
    settled, more = _settled(), True
    while more and time.monotonic() < ends:
        more = _variants(settled) | _events()
    if not more:
        FigureMark.objects.update_or_create(name=DONE, defaults={"at": settled})
    return more


def forget_old() -> int:
    """Hours are kept for a week, days for good; returns how many were deleted."""
    return Figure.objects.filter(grain=HOUR, at__lt=timezone.now() - _HOURS_KEPT).delete()[0]


def _move(mark: FigureMark, at: datetime, place: str, tallies: Sequence[Tally]) -> None:
    with transaction.atomic():
        here = FigureMark.objects.filter(pk=mark.pk, at=mark.at, place=mark.place)
        if here.update(at=at, place=place):
            Figure.objects.add(tallies)


# --- Variants ---------------------------------------------------------------------------------------------------------
_COLUMNS: Final = (
    "created_at", "pk", "stored", "state", "backend", "size", "milliseconds", "timings", "cost_usd", "error_code",
    "ready_at", "page__width", "page__height", "page__rotation", "sheet",
)  # fmt: skip


def _variants(settled: datetime) -> bool:
    mark, _made = FigureMark.objects.get_or_create(name="variants")
    after = Q(created_at__gt=mark.at) | Q(created_at=mark.at, pk__gt=mark.place)
    rows = Variant.objects.filter(after, created_at__gte=mark.at, created_at__lt=settled)
    found = list(rows.order_by("created_at", "pk").values(*_COLUMNS)[:AT_ONCE])
    if found:
        tallies = [tally for row in found for tally in _of_variant(row)]
        _move(mark, found[-1]["created_at"], found[-1]["pk"], tallies)
    return len(found) == AT_ONCE


def _settled() -> datetime:
    now = timezone.now()
    oldest = Variant.objects.filter(state__in=claims.OPEN).aggregate(at=Min("created_at"))["at"]
    settled = now - _SETTLED
    return settled if oldest is None else max(min(oldest, settled), now - _GIVEN_UP)


def _of_variant(row: dict[str, Any]) -> Iterator[Tally]:
    at = row["created_at"]
    if row["state"] in (VariantState.FAILED, VariantState.DEAD):
        yield Tally("failed", row["error_code"], at)
    if row["state"] != VariantState.READY:
        return
    page = Size(row["page__width"], row["page__height"])
    # Sheets have presets of their own sizes; nobody would make them up front.
    named = {} if row["sheet"] else presets.names(page, row["page__rotation"])
    name = named.get(Stored.parse(row["stored"]), OTHER)
    timings, whole = row["timings"], row["milliseconds"] or 0.0
    yield Tally("made", name, at, total=row["size"] or 0)
    yield Tally("work", name, at, total=timings.get("render", timings.get("lambda.render", whole)) / 1000)
    yield Tally("render", step(whole), at)
    if row["ready_at"] is not None:
        yield Tally("first_view", step((row["ready_at"] - at).total_seconds() * 1000), at)
    if row["cost_usd"]:
        yield Tally("billed", row["backend"], at, total=row["cost_usd"])


# --- What happened to prescriptions: only what nobody can undo any more ---------------------------------------------
def _events() -> bool:
    mark, _made = FigureMark.objects.get_or_create(name="events")
    rows = Event.objects.filter(position__gt=int(mark.place or 0)).order_by("position")
    found = list(rows.values("position", "type", "rx", "at", "data")[:AT_ONCE])
    if found:
        _move(mark, found[-1]["at"], str(found[-1]["position"]), list(_of_events(found)))
    return len(found) == AT_ONCE


def _of_events(events: Sequence[Any]) -> Iterator[Tally]:
    received = [event["rx"] for event in events if event["type"] == EventType.RECEIVED]
    counted = Page.objects.filter(prescription__in=received).order_by().values_list("prescription")
    pages = Counter(dict(counted.annotate(Count("pk"))))
    decided = [event["rx"] for event in events if event["type"] in _OUTCOMES]
    arrived = dict(Prescription.objects.filter(pk__in=decided).values_list("pk", "created_at"))
    for event in events:
        rx, at = event["rx"], event["at"]
        if event["type"] == EventType.RECEIVED:
            yield Tally("received", "", at)
            yield Tally("pages", "", at, count=pages[rx])
        elif outcome := _OUTCOMES.get(event["type"]):
            yield Tally("decided", outcome, at)
            if rx in arrived:
                yield Tally("wait", step((at - arrived[rx]).total_seconds()), at)
            if reason := event["data"].get("reason"):
                yield Tally("reason", reason, at)
        elif kind := _ALONGSIDE.get(event["type"]):
            yield Tally("alongside", kind, at)
