"""The pharmacy's figures, the operator's, and what making variants on demand saves, as tiles and charts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from prescriptions.admin.start_page import words
from prescriptions.models import ReasonCode, ReviewStatus

# Beyond that a chart shows nothing; the table of the API has all.
_REASONS: Final = 6
_LANES: Final[Mapping[str, Promise]] = {
    "advertised": gettext_lazy("Presets and tiles"),
    "images": gettext_lazy("Pictures"),
    "documents": gettext_lazy("Documents"),
    "large": gettext_lazy("Large ones"),
}
_OUTCOMES: Final[Mapping[str, str | Promise]] = {
    "approved": ReviewStatus.APPROVED.label,
    "partially_approved": ReviewStatus.PARTIALLY_APPROVED.label,
    "rejected": ReviewStatus.REJECTED.label,
    "question": gettext_lazy("Question asked"),
    "withdrawn": ReviewStatus.WITHDRAWN.label,
    "expired": ReviewStatus.EXPIRED.label,
}
Rows = list[tuple[str, list[Any]]]


@dataclass(frozen=True, slots=True)
class Tile:
    """One number. `note`: a line below it; `tone`: good, warn, bad or none."""

    name: str
    value: str
    note: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A table, and how it is drawn: `bar` or `stacked`. Of each row its head and its cells."""

    title: str
    kind: str
    head: str
    columns: Sequence[str]
    rows: Rows


@dataclass(frozen=True, slots=True)
class Part:
    """One role's figures."""

    title: str
    tiles: Sequence[Tile]
    charts: Sequence[Chart]
    note: str = ""


# --- Pharmacy ---------------------------------------------------------------------------------------------------------
def _pharmacy(told: dict[str, Any]) -> Part:
    wait, hours = told["wait_seconds"], told["hours"]
    overdue = told["overdue"]
    tiles = [
        Tile(
            _("Waiting now"),
            words.counted(told["waiting"]),
            _("the first for %(time)s") % {"time": words.span(told["oldest_seconds"])} if told["waiting"] else "",
        ),
        Tile(_("Overdue now"), words.counted(overdue), tone="bad" if overdue else "good"),
        Tile(_("Decided in the last full hour"), words.number(hours[-2]["decided"])),
        Tile(
            _("Received"),
            words.number(told["received"]),
            _("decided: %(count)s") % {"count": words.number(told["decided"])},
        ),
        Tile(
            _("Usual wait"),
            words.span(wait["p50"]),
            _("19 of 20 within %(time)s") % {"time": words.span(wait["p95"])} if wait["p95"] is not None else "",
        ),
    ]
    by_hour = [
        (date_format(timezone.localtime(hour["at"]), "H:i"), [hour["received"], hour["decided"]]) for hour in hours
    ]
    outcomes = [
        (words.day(week["at"]), [week["outcomes"].get(code, 0) for code in _OUTCOMES]) for week in told["weeks"]
    ]
    charts = [
        Chart(_("The last 24 hours"), "bar", _("Hour"), [_("Received"), _("Decided")], by_hour),
        Chart(_("Outcomes by week"), "stacked", _("Week from"), [str(label) for label in _OUTCOMES.values()], outcomes),
    ]
    if reasons := _reasons(told["weeks"]):
        charts.append(reasons)
    return Part(_("Pharmacy"), tiles, charts)


def _reasons(weeks: Sequence[dict[str, Any]]) -> Chart | None:
    """The most frequent ones of all these weeks; the rest is one column."""
    sums: dict[str, int] = {}
    for week in weeks:
        for reason in week["reasons"]:
            sums[reason["code"]] = sums.get(reason["code"], 0) + reason["count"]
    if not sums:
        return None
    shown = sorted(sums, key=lambda code: (-sums[code], code))[:_REASONS]
    named = {row.pk: str(row) for row in ReasonCode.objects.filter(pk__in=shown)}
    rows: Rows = []
    for week in weeks:
        counts = {reason["code"]: reason["count"] for reason in week["reasons"]}
        rest = sum(count for code, count in counts.items() if code not in shown)
        rows.append((words.day(week["at"]), [*(counts.get(code, 0) for code in shown), rest]))
    columns = [*(named.get(code, code) for code in shown), _("Others")]
    return Chart(_("Reasons by week"), "stacked", _("Week from"), columns, rows)


# --- Operator ---------------------------------------------------------------------------------------------------------
def _operator(told: dict[str, Any]) -> Part:
    failed, billed = sum(told["failures"].values()), told["billed_usd"]
    worst = [f"{code}: {count}" for code, count in sorted(told["failures"].items(), key=_largest_first)[:2]]
    lane, seconds = max(told["oldest_seconds"].items(), key=lambda pair: pair[1])
    tiles = [
        Tile(
            _("Hits"),
            "–" if told["hit_ratio"] is None else words.per_cent(told["hit_ratio"]),
            _("of the pictures that edges sent") if told["hit_ratio"] is not None else _("no edge's log was read"),
        ),
        Tile(_("Misses"), words.number(told["misses"]), _("answered by another's render: %(count)s") % {
            "count": "–" if told["coalesced"] is None else words.number(told["coalesced"])
        }),
        Tile(_("Made"), words.number(told["made"]), words.money(billed, "USD") if billed else ""),
        Tile(
            _("Time of a render"),
            words.milliseconds(told["render_ms"]["p50"]),
            _("19 of 20 within %(time)s") % {"time": words.milliseconds(told["render_ms"]["p95"])},
        ),
        Tile(_("Failed"), words.number(failed), ", ".join(worst), "bad" if failed else "good"),
        Tile(_("Oldest in a queue now"), words.span(seconds), str(_LANES.get(lane, lane)) if seconds else ""),
    ]  # fmt: skip
    names = {"hits": _("Hits"), "misses": _("Misses"), "made": _("Made"), "failed": _("Failed")}
    columns = list(names.values())
    rows = [(words.day(day["at"]), [day[name] for name in names]) for day in told["by_day"]]
    lanes = [(str(_LANES.get(name, name)), [round(age)]) for name, age in told["oldest_seconds"].items()]
    charts = [
        # Apart: hits are so many that nobody would see the others beside them.
        Chart(_("Misses and failures by day"), "bar", _("Day"), columns[1:], [(day, cells[1:]) for day, cells in rows]),
        Chart(_("Hits by day"), "bar", _("Day"), columns[:1], [(day, cells[:1]) for day, cells in rows]),
    ]  # fmt: skip
    if any(told["oldest_seconds"].values()):
        seconds_waited = _("Seconds that the oldest has waited")
        charts.append(Chart(_("Queues now"), "bar", _("Lane"), [seconds_waited], lanes))
    return Part(_("Operation"), tiles, charts)


# --- Savings ----------------------------------------------------------------------------------------------------------
def _savings(told: dict[str, Any]) -> Part:
    eager, made, saved, currency = told["eager"], told["made"], told["saved"], told["currency"]
    measures: tuple[tuple[str, str, Callable[[float], str]], ...] = (
        ("variants", _("Variants"), words.number),
        ("bytes", _("Bytes"), filesizeformat),
        ("cpu_seconds", _("Processor"), words.span),
        ("money", _("Money"), lambda amount: words.money(amount, currency)),
    )
    against = _("made %(made)s instead of %(eager)s")
    tiles = [
        Tile(name, say(saved[key]), against % {"made": say(made[key]), "eager": say(eager[key])})
        for key, name, say in measures
    ]
    first = told["first_view_ms"]
    tiles.append(
        Tile(
            _("What it costs: the first look"),
            words.milliseconds(first["p95"]),
            _("19 of 20 within that; half within %(time)s") % {"time": words.milliseconds(first["p50"])},
        )
    )
    shares = [(name, [round(100 * made[key] / eager[key], 1) if eager[key] else 0]) for key, name, _say in measures]
    charts = [
        Chart(_("Made, in per cent of all presets of all pages"), "bar", _("What"), [_("Per cent")], shares)
    ] if eager["variants"] else []  # fmt: skip
    unknown = ", ".join(told["unknown"])
    note = _("Never made in these days, so not counted: %(presets)s.") % {"presets": unknown} if unknown else ""
    return Part(_("Saved by making variants on demand"), tiles, charts, note)


MAKERS: Final[Mapping[str, Callable[[dict[str, Any]], Part]]] = {
    "pharmacy": _pharmacy,
    "operator": _operator,
    "savings": _savings,
}


def _largest_first(pair: tuple[str, int]) -> tuple[int, str]:
    return (-pair[1], pair[0])
