"""What is added up is what the rows say, each of them once; and what is told of it."""

import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from prescriptions import tasks
from prescriptions.events import placing
from prescriptions.figures import rolling
from prescriptions.figures.telling import stats
from prescriptions.models import Event, EventType, Figure, Page, Prescription, Review, Tally, Variant
from prescriptions.variants.pictures import preset_of
from tests.databases import on_each_database
from tests.prescriptions.conftest import assert_problem
from tests.prescriptions.staff import Clock, Make
from tests.prescriptions.test_races import at_once

pytestmark = [on_each_database, pytest.mark.django_db]
Bearer = Callable[..., dict[str, str]]


@pytest.fixture
def noon(clock: Clock) -> Clock:
    """A Wednesday."""
    local = timezone.localtime(clock.now)
    clock.now = (local + timedelta(days=2 - local.weekday())).replace(hour=12, minute=30, second=0, microsecond=0)
    return clock


def variant(page: Page, at: datetime, stored: str = "", **columns: Any) -> Variant:
    made = {"state": "ready", "size": 1000, "milliseconds": 100.0, "timings": {"render": 60.0}, "attempts": 1}
    if columns.get("state", "ready") == "ready":
        columns.setdefault("ready_at", at + timedelta(milliseconds=400))
    return Variant.objects.create(
        page=page,
        stored=stored or str(preset_of(page, "thumb")),
        created_at=at,
        **{"pipeline": "p1", **made, **columns},
    )


def decided(rx: str, kind: EventType, at: datetime, **data: str) -> None:
    Event.objects.create(client="shop", type=kind, rx=rx, data=data, at=at, due_at=at)


def add_up() -> None:
    while placing.place():
        pass
    assert rolling.roll_up(20) is False


def sums(name: str, grain: str = "d") -> dict[str, tuple[int, float]]:
    rows = Figure.objects.filter(name=name, grain=grain)
    return {row.label: (row.count, round(row.total, 3)) for row in rows}


def test_each_variant_counts_once_a_minute_after_it_was_asked_for(noon: Clock, make: Make) -> None:
    page = Page.objects.get(prescription=make(pages=1).pk)
    variant(page, noon.now, backend="lambda", cost_usd=0.5)
    variant(page, noon.now, str(preset_of(page, "card")))
    variant(page, noon.now, "0,0,10,10/10,10/0/default.webp")
    variant(page, noon.now, "0,0,20,10/20,10/0/default.webp", state="failed", error_code="source-damaged")
    variant(page, noon.now, "0,0,30,10/30,10/0/default.webp", state="dead", error_code="render-timeout")
    add_up()
    assert sums("made") == {}, "not settled"

    noon.forward(minutes=2)
    for _twice in range(2):
        add_up()

    assert sums("made") == {"thumb": (1, 1000), "card": (1, 1000), "other": (1, 1000)}
    assert sums("work") == {"thumb": (1, 0.06), "card": (1, 0.06), "other": (1, 0.06)}
    assert sums("failed") == {"source-damaged": (1, 0), "render-timeout": (1, 0)}
    assert sums("billed") == {"lambda": (1, 0.5)}
    told = stats(1)["operator"]
    assert told["made"] == 3
    assert told["render_ms"]["p95"] == pytest.approx(100, rel=0.1)
    assert told["first_view_ms"]["p50"] == pytest.approx(400, rel=0.1)


def test_what_is_under_way_is_waited_for_and_not_for_ever(noon: Clock, make: Make) -> None:
    page = Page.objects.get(prescription=make(pages=1).pk)
    slow = variant(page, noon.now, state="rendering")
    noon.forward(seconds=1)
    variant(page, noon.now, str(preset_of(page, "card")))
    noon.forward(minutes=30)
    add_up()
    assert sums("made") == {}

    Variant.objects.filter(pk=slow.pk).update(state="ready")
    add_up()
    assert {label: count for label, (count, _total) in sums("made").items()} == {"thumb": 1, "card": 1}

    variant(page, noon.now, str(preset_of(page, "review")), state="queued")
    variant(page, noon.now + timedelta(seconds=1), str(preset_of(page, "print")))
    noon.forward(hours=2)
    add_up()
    assert set(sums("made")) == {"thumb", "card", "print"}


def test_what_happened_to_prescriptions_counts_when_nobody_can_undo_it(noon: Clock, make: Make) -> None:
    Event.objects.all().delete()
    rxs = [make(pages=3).pk for _ in range(3)]
    Event.objects.all().delete()
    Prescription.objects.update(created_at=noon.now - timedelta(minutes=20))
    for rx in rxs:
        decided(rx, EventType.RECEIVED, noon.now)
    decided(rxs[0], EventType.APPROVED, noon.now)
    decided(rxs[1], EventType.REJECTED, noon.now, reason="unreadable")
    decided(rxs[2], EventType.QUESTION, noon.now)
    decided(rxs[2], EventType.APPROVED, noon.now + timedelta(minutes=1))  # not due

    add_up()

    told = stats(1)["pharmacy"]
    assert (told["received"], told["decided"]) == (3, 2)
    assert sums("pages") == {"": (9, 0)}
    assert told["outcomes"] == {"approved": 1, "rejected": 1, "question": 1}
    assert told["reasons"] == [{"code": "unreadable", "count": 1}]
    assert told["wait_seconds"]["p50"] == pytest.approx(1200, rel=0.1)
    assert [(hour["received"], hour["decided"]) for hour in told["hours"][-2:]] == [(0, 0), (3, 2)]
    assert told["weeks"][-1] == {
        "at": told["weeks"][-1]["at"],
        "outcomes": {"approved": 1, "rejected": 1, "question": 1},
        "reasons": [{"code": "unreadable", "count": 1}],
    }
    assert (len(told["hours"]), len(told["weeks"])) == (24, 12)


def test_days_begin_at_midnight_by_the_clock_of_the_pharmacy(noon: Clock, settings: Settings) -> None:
    with timezone.override("Asia/Kolkata"):
        midnight = timezone.localtime(noon.now).replace(hour=0, minute=0)
        Figure.objects.add([Tally("received", "", midnight), Tally("received", "", midnight - timedelta(seconds=1))])

        assert [row.count for row in Figure.objects.filter(grain="d")] == [1, 1]
        assert stats(1)["pharmacy"]["received"] == 1
        assert stats(2)["pharmacy"]["received"] == 2


def test_the_queue_is_told_as_it_is_now(noon: Clock, make: Make) -> None:
    for _ in range(3):
        make(pages=1)
    Review.objects.update(queued_at=noon.now - timedelta(minutes=40), due_at=noon.now + timedelta(minutes=5))
    late, done, *_rest = Review.objects.values_list("pk", flat=True)
    Review.objects.filter(pk=late).update(due_at=noon.now - timedelta(minutes=5))
    Review.objects.filter(pk=done).update(status="approved")

    told = stats(1)["pharmacy"]

    assert (told["waiting"], told["overdue"], told["oldest_seconds"]) == (2, 1, 2400)


def test_savings_are_what_nobody_looked_at(noon: Clock, settings: Settings) -> None:
    settings.RX_PRICES = {"currency": "INR", "cpu_hour": 3600.0, "put_thousand": 1000.0, "gb_month": 1_000_000.0}
    Figure.objects.add([
        Tally("pages", "", noon.now, 100),
        Tally("made", "thumb", noon.now, 40, 40_000), Tally("work", "thumb", noon.now, 40, 2.0),
        Tally("made", "review", noon.now, 10, 1_000_000), Tally("work", "review", noon.now, 10, 5.0),
        Tally("made", "other", noon.now, 7, 700),
    ])  # fmt: skip

    told = stats(1)["savings"]

    assert told["unknown"] == ["card", "preview", "print"]
    # thumb: 1000 bytes and 0.05 s each; review: 100,000 bytes and 0.5 s each
    assert told["eager"] == {"variants": 200, "bytes": 10_100_000, "cpu_seconds": 55.0, "money": 55 + 200 + 10_100}
    assert told["made"] == {"variants": 50, "bytes": 1_040_000, "cpu_seconds": 7.0, "money": 7 + 50 + 1040}
    assert told["saved"] == {"variants": 150, "bytes": 9_060_000, "cpu_seconds": 48.0, "money": 48 + 150 + 9060}
    assert (told["currency"], told["others_made"], told["pages"]) == ("INR", 7, 100)


def test_hits_and_misses_are_those_of_edges(noon: Clock) -> None:
    assert stats(1)["operator"]["hit_ratio"] is None
    edge = {"hit": 80, "fetched": 15, "miss": 5, "refused": 3, "other": 50}
    Figure.objects.add(Tally("edge", outcome, noon.now, count, 10 * count) for outcome, count in edge.items())
    Figure.objects.add([Tally("made", "thumb", noon.now, 3, 30), Tally("failed", "x", noon.now)])

    told = stats(1)["operator"]

    assert (told["hit_ratio"], told["misses"], told["made"], told["coalesced"]) == (0.95, 5, 3, 1)
    assert (told["edge"], told["edge_bytes"]) == (edge, 1530)


def test_a_turn_that_dies_adds_nothing_and_the_next_one_everything(
    noon: Clock, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Page.objects.get(prescription=make(pages=1).pk)
    variant(page, noon.now)
    noon.forward(minutes=2)
    with monkeypatch.context() as broken:
        broken.setattr(Figure.objects, "add", lambda _tallies: (_ for _ in ()).throw(DatabaseError))
        with pytest.raises(DatabaseError):
            rolling.roll_up(20)
    assert stats(1)["as_of"] is None

    tasks.roll_up()

    assert sums("made") == {"thumb": (1, 1000)}
    assert stats(1)["as_of"] == noon.now - timedelta(seconds=60)
    noon.forward(days=9)
    assert rolling.forget_old() > 0
    assert (sums("made"), sums("made", "h")) == ({"thumb": (1, 1000)}, {})


@pytest.mark.django_db(transaction=True)
def test_however_many_do_it_at_once_each_row_counts_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rolling, "AT_ONCE", 3)
    page = Page.objects.get(prescription=make(pages=1).pk)
    at = timezone.now() - timedelta(minutes=5)
    for n in range(1, 11):
        variant(page, at + timedelta(milliseconds=n // 4), f"0,0,{n},1/{n},1/0/default.webp")

    at_once(4, lambda: rolling.roll_up(20))
    add_up()

    assert sums("made") == {"other": (10, 10_000)}


def test_it_costs_the_same_however_much_there_is(make: Make, django_assert_num_queries: Any) -> None:
    for _ in range(3):
        make(pages=2)
    add_up()

    with django_assert_num_queries(6):
        stats(30)


def test_the_api_tells_it_to_operators(http: Client, bearer: Bearer, noon: Clock) -> None:
    Figure.objects.add([Tally("received", "", noon.now, 3), Tally("received", "", noon.now - timedelta(days=3), 4)])
    headers = bearer("ops:read")

    week = http.get("/api/v1/stats", headers=headers).json()

    assert (week["days"], week["pharmacy"]["received"]) == (7, 7)
    assert http.get("/api/v1/stats", {"days": "1"}, headers=headers).json()["pharmacy"]["received"] == 3
    for days in ("0", "367", "x", ""):
        assert_problem(http.get("/api/v1/stats", {"days": days}, headers=headers), 400, "invalid")
    assert_problem(http.get("/api/v1/stats", headers=bearer("rx:read", "rx:all")), 403)


def test_the_command_tells_it_to_people_and_programs(noon: Clock) -> None:
    Figure.objects.add([Tally("decided", "approved", noon.now, 1200), Tally("reason", "unreadable", noon.now, 2)])

    def run(*options: str) -> str:
        out = io.StringIO()
        call_command("stats", *options, stdout=out)
        return out.getvalue()

    lines = {" ".join(line.split()) for line in run().splitlines()}
    assert {"pharmacy", "decided 1,200", "reasons unreadable 2", "hit_ratio -", "operator", "savings"} <= lines
    assert json.loads(run("--json", "--days", "2"))["pharmacy"]["outcomes"] == {"approved": 1200}
    with pytest.raises(CommandError):
        run("--days", "0")


@pytest.mark.parametrize("now", ["2026-03-30T00:30", "2026-10-25T23:30"])
def test_days_of_a_zone_with_summer_time_come_once_each(clock: Clock, settings: Settings, now: str) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    clock.now = datetime.fromisoformat(now).replace(tzinfo=ZoneInfo("Europe/Berlin"))

    days = [timezone.localtime(day["at"]).date() for day in stats(7)["operator"]["by_day"]]
    assert days == [clock.now.date() - timedelta(days=13 - n) for n in range(14)]
    assert timezone.localtime(stats(7)["since"]).date() == clock.now.date() - timedelta(days=6)
