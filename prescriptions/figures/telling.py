"""The figures of some days: for the start page, the API and the command alike. Six queries, whatever there is."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Min, Q, Sum
from django.utils import timezone

from prescriptions.figures import savings
from prescriptions.figures.rolling import DONE, OTHER
from prescriptions.figures.savings import Made
from prescriptions.figures.scale import percentile
from prescriptions.models import WAITS_FOR_US, Figure, FigureMark, Review
from prescriptions.models.events.figures import DAY, HOUR, day_of, hour_of
from prescriptions.upkeep import ages
from transforms.request.presets import PRESETS

MOST_DAYS: Final = 366
WEEKS: Final = 12
HOURS: Final = 24
DAYS: Final = 14
PARTS: Final = ("pharmacy", "operator", "savings")
# What is wanted day by day, and what some of it is called.
_DAILY: Final[Mapping[str, tuple[str, ...]]] = {
    "pharmacy": ("decided", "alongside", "reason"),
    "operator": ("edge", "made", "failed"),
}
_SERIES: Final = {("edge", "hit"): "hits", ("edge", "fetched"): "hits", ("edge", "miss"): "misses"}
# Beyond that the exact number makes no difference, and counting stays cheap.
COUNTED: Final = 10_000

Counts = dict[str, int]


def stats(days: int, parts: Collection[str] = PARTS) -> dict[str, Any]:
    """Of the last so many days, today included, by the clock of RX_TIME_ZONE; and what is so at this moment.

    `parts`: which of PARTS; the others are not looked up.
    """
    now = timezone.now()
    since = day_of(timezone.localtime(now) - timedelta(days=days - 1))  # days of that clock: some have 23 hours
    counts, totals = _sums(since)
    weeks = _mondays(now)
    daily = _by_day(weeks[0], parts)
    told: dict[str, Any] = {"since": since, "days": days, "as_of": _as_of()}
    if "pharmacy" in parts:
        told["pharmacy"] = {**_waiting(now), **_pharmacy(counts), "hours": _hours(now), "weeks": _weeks(weeks, daily)}
    if "operator" in parts:
        series = _days(now, daily)
        told["operator"] = {**_operator(counts, totals), "oldest_seconds": ages.claims_by_lane(), "by_day": series}
    if "savings" in parts:
        told["savings"] = _savings(counts, totals)
    return told


def _sums(since: datetime) -> tuple[Mapping[str, Counts], Mapping[str, dict[str, float]]]:
    """Of each figure, by label: how many, and what they come to."""
    counts: dict[str, Counts] = defaultdict(dict)
    totals: dict[str, dict[str, float]] = defaultdict(dict)
    rows = Figure.objects.filter(grain=DAY, at__gte=since).order_by().values_list("name", "label")
    for name, label, count, total in rows.annotate(Sum("count"), Sum("total")):
        counts[name][label], totals[name][label] = count, total
    return counts, totals


def _as_of() -> datetime | None:
    """Until then everything has been added up; None: nothing has, yet."""
    return FigureMark.objects.filter(pk=DONE).values_list("at", flat=True).first()


# --- Pharmacy ---------------------------------------------------------------------------------------------------------
def _waiting(now: datetime) -> dict[str, Any]:
    first = Review.objects.filter(status__in=WAITS_FOR_US).order_by("due_at")[:COUNTED]
    found = first.aggregate(waiting=Count("pk"), overdue=Count("pk", filter=Q(due_at__lt=now)), oldest=Min("queued_at"))
    oldest = found.pop("oldest")
    return {**found, "oldest_seconds": round((now - oldest).total_seconds()) if oldest else 0}


def _pharmacy(counts: Mapping[str, Counts]) -> dict[str, Any]:
    wait = counts["wait"]
    return {
        "received": sum(counts["received"].values()),
        "decided": sum(counts["decided"].values()),
        "wait_seconds": {"p50": percentile(wait, 0.5), "p95": percentile(wait, 0.95)},
        "outcomes": counts["decided"] | counts["alongside"],
        "reasons": _largest(counts["reason"]),
    }


def _hours(now: datetime) -> list[dict[str, Any]]:
    """The last day by the hour; the last one is under way."""
    begins = [hour_of(now - timedelta(hours=HOURS - 1 - n)) for n in range(HOURS)]
    rows = Figure.objects.filter(grain=HOUR, name__in=("received", "decided"), at__gte=begins[0])
    found: dict[tuple[datetime, str], int] = defaultdict(int)
    for at, name, count in rows.values_list("at", "name", "count"):
        found[at, name] += count
    return [{"at": at, "received": found[at, "received"], "decided": found[at, "decided"]} for at in begins]


def _mondays(now: datetime) -> list[datetime]:
    local = timezone.localtime(now)
    return [day_of(local - timedelta(days=local.weekday(), weeks=WEEKS - 1 - n)) for n in range(WEEKS)]


def _by_day(since: datetime, parts: Collection[str]) -> list[tuple[datetime, str, str, int]]:
    names = [name for part in parts for name in _DAILY.get(part, ())]
    rows = Figure.objects.filter(grain=DAY, name__in=names, at__gte=since).order_by()
    return list(rows.values_list("at", "name", "label", "count"))


def _weeks(begins: Sequence[datetime], daily: Iterable[tuple[datetime, str, str, int]]) -> list[dict[str, Any]]:
    """From Monday to Sunday; the last one is under way."""
    weeks: list[tuple[Counts, Counts]] = [(defaultdict(int), defaultdict(int)) for _ in begins]
    for at, name, label, count in daily:
        if name in _DAILY["pharmacy"]:
            weeks[bisect_right(begins, at) - 1][name == "reason"][label] += count
    return [
        {"at": at, "outcomes": dict(outcomes), "reasons": _largest(reasons)}
        for at, (outcomes, reasons) in zip(begins, weeks, strict=True)
    ]


# --- Operator ---------------------------------------------------------------------------------------------------------
def _operator(counts: Mapping[str, Counts], totals: Mapping[str, dict[str, float]]) -> dict[str, Any]:
    edge, made = counts["edge"], sum(counts["made"].values())
    sent, missed = edge.get("hit", 0) + edge.get("fetched", 0), edge.get("miss", 0)
    failed = sum(counts["failed"].values())
    return {
        "edge": edge,
        "edge_bytes": round(sum(totals["edge"].values())),
        "hit_ratio": round(sent / (sent + missed), 4) if sent + missed else None,
        "misses": missed,
        "made": made,
        # Misses that another one's render answered.
        "coalesced": max(0, missed - made - failed) if edge else None,
        "failures": counts["failed"],
        "render_ms": _spread(counts["render"]),
        "first_view_ms": _spread(counts["first_view"]),
        "billed_usd": round(sum(totals["billed"].values()), 4),
    }


def _days(now: datetime, daily: Iterable[tuple[datetime, str, str, int]]) -> list[dict[str, Any]]:
    """The last two weeks; the last day is under way."""
    found: dict[tuple[datetime, str], int] = defaultdict(int)
    for at, name, label, count in daily:
        found[at, _SERIES.get((name, label), name)] += count
    begins = [day_of(timezone.localtime(now) - timedelta(days=DAYS - 1 - n)) for n in range(DAYS)]
    return [{"at": at, **{name: found[at, name] for name in ("hits", "misses", "made", "failed")}} for at in begins]


def _savings(counts: Mapping[str, Counts], totals: Mapping[str, dict[str, float]]) -> dict[str, Any]:
    made = {
        name: Made(counts["made"].get(name, 0), totals["made"].get(name, 0), totals["work"].get(name, 0))
        for name in PRESETS
    }
    told = savings.told(sum(counts["pages"].values()), made)
    return {**told, "others_made": counts["made"].get(OTHER, 0), "first_view_ms": _spread(counts["first_view"])}


def _spread(counted: Counts) -> dict[str, float | None]:
    return {"p50": percentile(counted, 0.5), "p95": percentile(counted, 0.95)}


def _largest(counted: Counts) -> list[dict[str, Any]]:
    return [{"code": code, "count": count} for code, count in sorted(counted.items(), key=_by_count)]


def _by_count(pair: tuple[str, int]) -> tuple[int, str]:
    return (-pair[1], pair[0])
