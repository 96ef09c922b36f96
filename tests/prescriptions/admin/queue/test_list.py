"""What narrows and sorts the queue, the views that people keep of it, one's day, and how an open page hears of news."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from prescriptions.models import OrderLine, QueueView, Review, ReviewStatus
from prescriptions.review import queue
from prescriptions.review.transitions import HURRY
from tests.prescriptions.reviewing import Staff, signed_in
from tests.prescriptions.staff import Clock, Make

QUEUE = "/admin/prescriptions/review/"


@pytest.fixture
def client(staff: Staff) -> Client:
    return signed_in(staff["pharmacist"])


def ago(**units: int) -> Any:
    return timezone.now() - timedelta(**units)


def page(client: Client, query: str = "") -> str:
    answer = client.get(QUEUE + query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def rows(client: Client, query: str = "") -> list[str]:
    return re.findall(r'class="rx-ref" href="/admin/prescriptions/review/([0-9a-f]{32})/"', page(client, query))


# --- Narrowing --------------------------------------------------------------------------------------------------------
def test_what_waits_is_narrowed_and_sorted(make: Make, client: Client) -> None:
    first = make(priority=HURRY, queued_at=ago(days=2), due_at=ago(hours=1), pages=6, lines=1, schedule="H1")
    dark = make(is_dark=True, is_small=True, queued_at=ago(hours=3), due_at=ago(hours=2), pages=2)
    fresh = make(is_duplicate=True, queued_at=ago(minutes=1), due_at=ago(minutes=1), lines=1, schedule="H")
    old = make(decision_lost=True, queued_at=ago(minutes=40), due_at=ago(minutes=10), pages=5)
    decided = make(status=ReviewStatus.REJECTED, is_dark=True, queued_at=ago(hours=5))
    OrderLine.objects.create(prescription=first.prescription, position=9, name="X", schedule="X", quantity_ordered=1)
    asked = {
        "": [first, dark, old, fresh],
        "flag=first": [first],
        "flag=dark": [dark],
        "flag=small": [dark],
        "flag=duplicate": [fresh],
        "flag=lost": [old],
        "schedule=H1": [first],
        "schedule=X": [first],
        "schedule=H": [fresh],
        "pages=one": [fresh],
        "pages=some": [dark, old],
        "pages=many": [first],
        "age=30m": [first, dark, old],
        "age=2h": [first, dark],
        "age=1d": [first],
        "sort=due": [dark, first, old, fresh],
        "sort=newest": [fresh, old, dark, first],
        "sort=newest&pages=some&age=2h": [dark],
        "flag=%00&schedule=x&pages=&age=9&sort=-pk": [first, dark, old, fresh],
        # what is decided has no end: nothing narrows it but a search
        "show=decided&flag=small&sort=due": [decided],
        "show=unclaimed&flag=dark": [dark],
    }

    assert {query: rows(client, f"?{query}") for query in asked} == {
        query: [review.pk for review in found] for query, found in asked.items()
    }
    assert 'name="flag"' in page(client)
    assert 'name="flag"' not in page(client, "?show=all")


def test_counts_stop_at_a_bound(make: Make, client: Client) -> None:
    for _ in range(101):
        make()

    assert 'Waiting<span class="rx-count">100+</span>' in page(client)


def test_what_others_hold_comes_last_until_their_claim_has_run_out(
    make: Make, staff: Staff, client: Client, clock: Clock
) -> None:
    theirs, mine, free = (make(queued_at=ago(minutes=minutes)) for minutes in (30, 20, 10))
    queue.claim(theirs.pk, staff["other"])
    queue.claim(mine.pk, staff["pharmacist"])

    assert rows(client) == [mine.pk, free.pk, theirs.pk]
    clock.forward(minutes=11)
    assert rows(client) == [theirs.pk, mine.pk, free.pk]


# --- Views ------------------------------------------------------------------------------------------------------------
def test_views_are_kept_shown_and_forgotten_by_their_owner_alone(make: Make, staff: Staff, client: Client) -> None:
    make(is_dark=True)
    wanted = "flag=dark&p=3&show=unclaimed&q=secret&e=1&flag__regex=x"

    kept = client.post(f"{QUEUE}views/", {"name": " Dark ones ", "query": wanted})

    assert (kept.status_code, kept.headers["Location"]) == (303, f"{QUEUE}?show=unclaimed&flag=dark")
    [view] = QueueView.objects.all()
    assert (view.name, view.query, view.user) == ("Dark ones", "show=unclaimed&flag=dark", staff["pharmacist"])
    shown = page(client, "?show=unclaimed&flag=dark")
    assert re.search(r'href="\?show=unclaimed&amp;flag=dark" aria-current="page">Dark ones<', shown)
    other = signed_in(staff["other"])
    assert "Dark ones" not in page(other)
    assert other.post(f"{QUEUE}views/{view.pk}/forget/").status_code == 404
    client.post(f"{QUEUE}views/", {"name": "Dark ones", "query": "flag=dark"})
    assert QueueView.objects.get().query == "flag=dark", "the same name means the new one"

    assert client.post(f"{QUEUE}views/{view.pk}/forget/", {"query": "flag=dark"}).status_code == 303
    assert not QueueView.objects.exists()
    assert client.post(f"{QUEUE}views/{2**80}/forget/").status_code == 404


def test_what_is_no_view_is_refused(staff: Staff, client: Client) -> None:
    for name in ("", "   ", "x" * 41):
        client.post(f"{QUEUE}views/", {"name": name, "query": "flag=dark"})
    assert "Give it a name of at most 40 characters." in page(client)
    odd = client.post(f"{QUEUE}views/", {"name": "odd", "query": "&".join(["flag=x"] * 4000)})
    assert odd.headers["Location"] == f"{QUEUE}?"
    for number in range(25):
        client.post(f"{QUEUE}views/", {"name": f"view {number}"})

    assert QueueView.objects.count() == 20
    assert "You have 20 views. Forget one first." in page(client)
    assert signed_in(staff["ops"]).post(f"{QUEUE}views/", {"name": "mine"}).status_code == 403


# --- One's day --------------------------------------------------------------------------------------------------------
def test_my_day_is_mine_and_todays(make: Make, staff: Staff, client: Client, clock: Clock) -> None:
    clock.now = clock.now.replace(hour=15, minute=0)
    me = {"reviewer": staff["pharmacist"], "status": ReviewStatus.APPROVED}
    for waited, due in ((5, 30), (20, 10), (90, 30)):
        queued = ago(minutes=100)
        make(
            **me,
            queued_at=queued,
            decided_at=queued + timedelta(minutes=waited),
            due_at=queued + timedelta(minutes=due),
        )
    make(**me, queued_at=ago(days=1), decided_at=ago(hours=16))
    make(status=ReviewStatus.APPROVED, reviewer=staff["other"], queued_at=ago(hours=1), decided_at=ago(minutes=1))

    def day(user: Any) -> list[str]:
        found = re.search(r'<dl class="rx-day".*?</dl>', page(signed_in(user)), re.DOTALL)
        return re.findall(r"<dd>(.*?)</dd>", found[0]) if found else []

    assert day(staff["pharmacist"]) == ["3", "20 min", "2"]
    assert day(staff["senior"]) == ["0", "–", "0"]
    assert day(staff["auditor"]) == []


# --- News -------------------------------------------------------------------------------------------------------------
def test_an_open_page_is_told_only_what_is_new(make: Make, staff: Staff, client: Client, clock: Clock) -> None:
    clock.now = clock.now.replace(second=1)
    first = make()

    def look(etag: str = "", query: str = "") -> Any:
        return client.get(f"{QUEUE}live/{query}", headers={"If-None-Match": etag, "X-Requested-With": "fetch"})

    def news(change: Any) -> bool:
        etag = look().headers["ETag"]
        assert look(etag).status_code == 304, "nothing has happened"
        change()
        return bool(look(etag).status_code == 200)

    assert news(lambda: make())
    assert news(lambda: queue.claim(first.pk, staff["other"]))
    assert news(lambda: Review.objects.filter(pk=first.pk).update(priority=5))
    assert news(lambda: make(status=ReviewStatus.CLARIFICATION)), "a count"
    assert news(lambda: clock.forward(minutes=1)), "how long they wait"
    assert not news(lambda: make(status=ReviewStatus.REJECTED))
    assert first.pk in look().content.decode()
    assert look(query="?show=mine").headers["ETag"] != look().headers["ETag"]
    assert signed_in(staff["ops"]).get(f"{QUEUE}live/").status_code == 403


def test_a_look_at_the_queue_costs_the_same_however_long_it_is(make: Make, staff: Staff, client: Client) -> None:
    QueueView.objects.create(user=staff["pharmacist"], name="one", query="flag=dark")
    counts = set()
    for number in (2, 30):
        for _ in range(number):
            make(pages=2)
        page(client)  # hands out links, which is recorded once
        with CaptureQueriesContext(connection) as queries:
            page(client, "?sort=due&age=30m&flag=dark&pages=some&schedule=H1")
            page(client)
        counts.add(len(queries))

    assert len(counts) == 1
    assert max(counts) <= 2 * 12
