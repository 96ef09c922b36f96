"""The start page of the admin: figures by role, a table behind each chart, and few queries."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.utils import timezone

from prescriptions.models import Figure, Review, Tally
from tests.databases import on_each_database
from tests.prescriptions.staff import Make, person

pytestmark = [on_each_database, pytest.mark.django_db]
INDEX = "/admin/"


def signed_in(role: str) -> Client:
    client = Client()
    client.force_login(person(f"of-{role}", role))
    return client


def tiles(client: Client, query: str = "") -> dict[str, str]:
    """What each tile says, its note included."""
    text = client.get(f"{INDEX}{query}").content.decode()
    found = re.findall(r"<dt>(.*?)</dt><dd><b>(?:<svg.*?</svg>)?(.*?)</b>(?:<span>(.*?)</span>)?", text)
    return {unescape(name): unescape(f"{value} {note}".strip()) for name, value, note in found}


def charts(client: Client) -> dict[str, list[list[str]]]:
    """The cells of each chart's table, its head first."""
    text = client.get(INDEX).content.decode()
    found = {}
    for title, table in re.findall(r"<figcaption>(.*?)</figcaption>.*?<table>(.*?)</table>", text, re.DOTALL):
        rows = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
        found[unescape(title)] = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]
    return found


@pytest.fixture
def figures(make: Make) -> None:
    """A late prescription in the queue; yesterday's and today's figures."""
    make(pages=1)
    now = timezone.now()
    Review.objects.update(queued_at=now - timedelta(minutes=50), due_at=now - timedelta(minutes=20))
    for at in (now, now - timedelta(days=1)):
        Figure.objects.add([
            Tally("received", "", at, 3000), Tally("pages", "", at, 4000), Tally("decided", "approved", at, 2),
            Tally("wait", "41", at, 2), Tally("alongside", "question", at), Tally("reason", "unreadable", at, 2),
            Tally("reason", "gone", at), Tally("failed", "source-damaged", at, 2), Tally("edge", "hit", at, 996),
            Tally("made", "thumb", at, 1000, 2_000_000), Tally("work", "thumb", at, 1000, 90),
            Tally("render", "30", at, 1000), Tally("first_view", "32", at, 1000), Tally("edge", "miss", at, 4),
        ])  # fmt: skip


@pytest.mark.usefixtures("figures")
def test_a_pharmacist_sees_the_pharmacy_and_an_operator_the_service() -> None:
    pharmacist, ops, senior = (tiles(signed_in(role)) for role in ("pharmacist", "ops", "senior"))

    assert pharmacist["Waiting now"] == "1 the first for 50 min"
    assert pharmacist["Overdue now"] == "1"
    assert pharmacist["Received"] == "6,000 decided: 4"
    assert pharmacist["Usual wait"] == "18 min 19 of 20 within 18 min"
    assert "Misses" not in pharmacist
    assert ops["Hits"] == "99.60 % of the pictures that edges sent"
    assert ops["Failed"] == "4 source-damaged: 4"
    assert ops["Time of a render"] == "166 ms 19 of 20 within 166 ms"
    assert ops["Variants"] == "6,000 made 2,000 instead of 8,000"
    assert "Waiting now" not in ops
    assert senior == pharmacist


@pytest.mark.usefixtures("figures")
def test_another_period_is_one_press_away_and_nonsense_is_the_usual_one() -> None:
    ops = signed_in("ops")

    assert [tiles(ops, query)["Made"] for query in ("?days=1", "?days=30", "", "?days=x", "?days=5")] == [
        "1,000", "2,000", "2,000", "2,000", "2,000",
    ]  # fmt: skip
    assert ops.get(f"{INDEX}?days=30").content.decode().count('aria-current="page"') == 1


@pytest.mark.usefixtures("figures")
def test_each_chart_is_a_table_first() -> None:
    found = charts(signed_in("pharmacist"))

    assert set(found) == {"The last 24 hours", "Outcomes by week", "Reasons by week"}
    assert [len(rows) for rows in found.values()] == [25, 13, 13]
    assert found["Reasons by week"][0][-2:] == ["gone", "Others"], "a reason that no row words any more"
    assert sum(int(row[1]) for row in found["Outcomes by week"][1:]) == 4
    operator = charts(signed_in("ops"))
    assert operator["Made, in per cent of all presets of all pages"][1:3] == [["Variants", "25.0"], ["Bytes", "25.0"]]
    assert operator["Hits by day"][-1][1] == "996"


def test_who_may_see_neither_sees_none_and_costs_nothing() -> None:
    page = signed_in("auditor").get(INDEX).content.decode()

    assert "rx-figures" not in page
    assert "start.js" not in page


@pytest.mark.usefixtures("figures")
def test_charts_are_drawn_by_what_npm_installs_and_from_our_own_origin() -> None:
    page = signed_in("ops").get(INDEX).content.decode()

    assert finders.find("chart.js/chart.umd.min.js"), "npm ci"
    assert re.search(r'<script src="/static/chart\.js/chart\.umd\.min[^"]*\.js" defer>', page)
    assert not re.search(r"<script(?![^>]* src=)|style=", page.partition("<h2 id=")[2])


@pytest.mark.parametrize("role", ["pharmacist", "senior", "ops"])
@pytest.mark.usefixtures("figures")
def test_it_takes_few_queries(role: str, django_assert_max_num_queries: Any) -> None:
    client = signed_in(role)
    client.get(INDEX)

    with django_assert_max_num_queries(12):
        client.get(INDEX)
