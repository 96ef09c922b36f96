"""The work queue in the admin: what it shows to whom, in which order, what it costs, and the button that gives work."""

import re
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from prescriptions.admin.chips import due, span
from prescriptions.models import AuditEvent, Page, Prescription, Review, ReviewStatus
from prescriptions.review import queue
from tests.prescriptions.staff import Clock, Make, make_review, person, seed

QUEUE = "/admin/prescriptions/review/"
NEXT = "/admin/prescriptions/review/next/"


def ago(**units: int) -> Any:
    return timezone.now() - timedelta(**units)


def signed_in(user: Any, *, csrf: bool = False) -> Client:
    client = Client(enforce_csrf_checks=csrf)
    client.force_login(user)
    return client


def shown(content: str) -> list[str]:
    """References in the order of the rows."""
    return re.findall(r'class="rx-ref" href="/admin/prescriptions/review/([0-9a-f]{32})/"', content)


def rows(client: Client, query: str = "") -> list[str]:
    response = client.get(QUEUE + query)
    assert response.status_code == 200
    return shown(response.content.decode())


@pytest.fixture
def pharmacist(staff: dict[str, Any]) -> Client:
    return signed_in(staff["pharmacist"])


# --- What is in the list ----------------------------------------------------------------------------------------------
def test_what_waits_is_shown_in_the_order_in_which_it_should_be_done(make: Make, pharmacist: Client) -> None:
    young = make(queued_at=ago(minutes=1))
    old = make(queued_at=ago(minutes=30))
    urgent = make(queued_at=ago(seconds=1), priority=5)
    make(status=ReviewStatus.APPROVED)
    make(status=ReviewStatus.CLARIFICATION)
    check = make(status=ReviewStatus.SECOND_CHECK, queued_at=ago(minutes=20))

    assert rows(pharmacist) == [urgent.pk, old.pk, check.pk, young.pk]
    assert rows(pharmacist, "?o=-1.2") == [urgent.pk, old.pk, check.pk, young.pk], "columns do not sort the queue"


def test_the_parts_of_the_list(make: Make, staff: dict[str, Any], clock: Clock, pharmacist: Client) -> None:
    waiting = make(queued_at=ago(minutes=9), due_at=timezone.now() + timedelta(hours=1))
    late = make(queued_at=ago(minutes=8), due_at=ago(minutes=1))
    mine, theirs = make(queued_at=ago(minutes=7)), make(queued_at=ago(minutes=6))
    queue.claim(mine.pk, staff["pharmacist"])
    queue.claim(theirs.pk, staff["other"])
    second = make(status=ReviewStatus.SECOND_CHECK, queued_at=ago(minutes=5))
    asked = make(status=ReviewStatus.CLARIFICATION, queued_at=ago(minutes=4))
    decided = [
        make(
            status=status,
            queued_at=ago(minutes=minutes),
            status_at=ago(seconds=minutes),
            decided_at=ago(seconds=minutes),
        )
        for minutes, status in ((3, "approved"), (2, "partially_approved"), (1, "rejected"))
    ]
    everything = [waiting, late, mine, theirs, second, asked, *decided]

    assert rows(pharmacist) == [r.pk for r in (waiting, late, mine, second, theirs)], "what others hold comes last"
    counts = re.findall(r">([^<]+)<span class=\"rx-count\">(\d+)", pharmacist.get(QUEUE).content.decode())
    assert counts == [
        *(("Waiting", "5"), ("Mine", "1"), ("Unclaimed", "2"), ("Due soon", "1"), ("Second check", "1")),
        ("Waiting for customer", "1"),
    ]
    assert rows(pharmacist, "?show=mine") == [mine.pk]
    assert rows(pharmacist, "?show=unclaimed") == [waiting.pk, late.pk]
    assert rows(pharmacist, "?show=due")[0] == late.pk
    assert waiting.pk not in rows(pharmacist, "?show=due")
    assert rows(pharmacist, "?show=second") == [second.pk]
    assert rows(pharmacist, "?show=customer") == [asked.pk]
    assert rows(pharmacist, "?show=decided") == [r.pk for r in reversed(decided)], "newest first"
    assert rows(pharmacist, "?show=all") == [r.pk for r in reversed(everything)]
    assert rows(pharmacist, "?show=nonsense") == rows(pharmacist)


def test_a_search_finds_in_all_parts_of_the_list(make: Make, pharmacist: Client) -> None:
    wanted = make(order_ref="A-77", status=ReviewStatus.REJECTED)
    make(order_ref="B-77")

    assert rows(pharmacist, f"?q=+RX-{wanted.pk[:8].upper()}+") == [wanted.pk]
    assert rows(pharmacist, "?q=a-7") == [wanted.pk]
    assert rows(pharmacist, "?q=a-7&show=mine") == []
    assert "Nothing was found for “&lt;b&gt;”" in pharmacist.get(f"{QUEUE}?q=<b>").content.decode()


@pytest.mark.parametrize("query", ["q=%00", "q=" + "f" * 5000, "p=99999", "p=x", "show=%00", "e=1", "status__exact=x"])
def test_an_odd_query_is_no_crash(make: Make, pharmacist: Client, query: str) -> None:
    make()
    pharmacist.raise_request_exception = False

    assert pharmacist.get(f"{QUEUE}?{query}").status_code in (200, 302, 400)


def test_a_row_says_what_a_pharmacist_needs_to_choose(
    make: Make, staff: dict[str, Any], clock: Clock, pharmacist: Client
) -> None:
    review = make(pages=3, order_ref="O-1", is_duplicate=True, is_small=True, is_dark=True, priority=100)
    queue.claim(review.pk, staff["other"])
    Review.objects.update(queued_at=ago(minutes=12), due_at=ago(minutes=3))

    content = pharmacist.get(QUEUE).content.decode()
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", content))

    for word in ("In review", "O-1", "12 min", "overdue by 3 min", "First", "Duplicate", "Small", "Dark", "other"):
        assert word in words, word
    assert re.search(r'class="rx-due rx-due-over"><svg[^>]*>.*?</svg>overdue by 3 min', content)


@pytest.mark.parametrize(
    ("minutes", "words"), [(-5, "0 min"), (0, "0 min"), (12, "12 min"), (185, "3 h 5 min"), (3120, "2 d 4 h")]
)
def test_spans_of_time(minutes: int, words: str) -> None:
    assert span(timedelta(minutes=minutes)) == words


def test_what_is_due() -> None:
    now, soon = timezone.now(), timedelta(minutes=10)

    assert "due in 18 min" in due(now + timedelta(minutes=18, seconds=9), now, soon=soon)
    assert "rx-due-soon" in due(now + timedelta(minutes=9), now, soon=soon)
    assert "rx-due-over" in due(now, now, soon=soon)
    assert "due now" in due(now + timedelta(seconds=59), now, soon=soon)
    assert "due now" in due(now - timedelta(seconds=59), now, soon=soon)


# --- Pictures ---------------------------------------------------------------------------------------------------------
def test_thumbnails_carry_the_saved_rotation_and_their_links_are_recorded_once(
    make: Make, staff: dict[str, Any], clock: Clock, pharmacist: Client
) -> None:
    review = make(pages=2)
    Page.objects.filter(number=1).update(rotation=90)

    for _ in range(2):
        content = pharmacist.get(QUEUE).content.decode()

    [(url, width, height)] = re.findall(r'<img class="rx-thumb" src="([^"]+)" width="(\d+)" height="(\d+)"', content)
    assert re.fullmatch(rf"/iiif/3/[\w.-]+/{review.pk}_1/full/150,200/90/default\.webp", url)
    assert (width, height) == ("200", "150")
    [event] = AuditEvent.objects.filter(rx=review.pk, verb="link.minted")
    assert event.actor == f"staff:{staff['pharmacist'].pk}"


def test_who_may_not_see_pages_gets_no_picture_and_nothing_is_recorded(make: Make, staff: dict[str, Any]) -> None:
    make()

    content = signed_in(staff["auditor"]).get(QUEUE).content.decode()

    assert len(shown(content)) == 1
    assert "rx-thumb" not in content
    assert "/iiif/" not in content
    assert not AuditEvent.objects.filter(verb="link.minted").exists()


@pytest.mark.parametrize("column", ["erased_at", "links_cut_at"])
def test_no_picture_of_what_was_erased_or_cut_off(make: Make, pharmacist: Client, column: str) -> None:
    review = make()
    Prescription.objects.filter(pk=review.pk).update(**{column: timezone.now()})

    content = pharmacist.get(f"{QUEUE}?show=all").content.decode()

    assert review.pk[:8] in content
    assert "/iiif/" not in content
    assert not AuditEvent.objects.filter(verb="link.minted").exists()


# --- Start reviewing --------------------------------------------------------------------------------------------------
def test_the_button_gives_the_next_item(make: Make, staff: dict[str, Any]) -> None:
    make(queued_at=ago(minutes=1))
    old = make(queued_at=ago(minutes=9))
    client = signed_in(staff["pharmacist"], csrf=True)
    page = client.get(QUEUE).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page).group(1)  # type: ignore[union-attr]

    refused = client.post(NEXT)
    old.refresh_from_db()
    assert (refused.status_code, old.status) == (403, ReviewStatus.QUEUED)
    answer = client.post(NEXT, {"csrfmiddlewaretoken": token})

    old.refresh_from_db()
    assert (answer.status_code, answer["Location"]) == (303, reverse("admin:rx-review", args=[old.pk]))
    assert old.claimed_by == staff["pharmacist"]
    assert ">2 are waiting for you<" in page
    assert ">1 is waiting for you<" in client.get(QUEUE).content.decode()


def test_with_nothing_to_do_the_button_says_so(seeded: None, pharmacist: Client) -> None:
    page = pharmacist.get(QUEUE).content.decode()
    assert re.search(r"<button[^>]* disabled>.*?Start reviewing</button>", page, re.S)
    assert "Nothing is waiting." in page

    answer = pharmacist.post(NEXT, follow=True)

    assert answer.redirect_chain == [(QUEUE, 303)]
    assert "Nothing is waiting for you right now." in answer.content.decode()


@pytest.mark.parametrize(("name", "listed"), [("auditor", 200), ("ops", 403)])
def test_who_may_not_claim_has_no_button(make: Make, staff: dict[str, Any], name: str, listed: int) -> None:
    review = make()
    client = signed_in(staff[name])

    page = client.get(QUEUE)
    assert page.status_code == listed
    assert "Start reviewing" not in page.content.decode()
    assert client.post(NEXT).status_code == 403
    review.refresh_from_db()
    assert (review.status, review.version) == (ReviewStatus.QUEUED, 1)


def test_opening_the_list_or_asking_by_get_claims_nothing(make: Make, pharmacist: Client) -> None:
    make()

    assert pharmacist.get(NEXT).status_code == 405
    pharmacist.get(QUEUE)
    assert not Review.objects.exclude(status=ReviewStatus.QUEUED).exists()


@pytest.mark.django_db(transaction=True)
def test_people_who_press_at_once_get_different_items(recorder: list[str]) -> None:
    seed()
    clients = [signed_in(person(f"p{n}", "pharmacist")) for n in range(6)]
    items = {make_review().pk for _ in range(6)}
    start, got = threading.Barrier(6), []

    def press(client: Client) -> None:
        try:
            start.wait(timeout=30)
            answer = client.post(NEXT)
            got.append((answer.status_code, answer["Location"]))
        finally:
            connection.close()

    threads = [threading.Thread(target=press, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert sorted(got) == sorted((303, reverse("admin:rx-review", args=[rx])) for rx in items)


# --- Actions and forms ------------------------------------------------------------------------------------------------
def act(client: Client, action: str, *reviews: Review, **more: str) -> str:
    data = {"action": action, "_selected_action": [review.pk for review in reviews], "index": "0", **more}
    return client.post(QUEUE, data, follow=True).content.decode()


def test_pharmacists_have_no_actions(make: Make, staff: dict[str, Any], pharmacist: Client) -> None:
    review = make()
    queue.claim(review.pk, staff["other"])

    page = pharmacist.get(QUEUE).content.decode()
    assert 'name="action"' not in page
    for action in ("release_claims", "raise_priority", "delete_selected"):
        act(pharmacist, action, review)
    review.refresh_from_db()
    assert (review.claimed_by, review.priority) == (staff["other"], 0)


def test_seniors_release_what_others_hold_and_move_items_up_and_down(make: Make, staff: dict[str, Any]) -> None:
    held, free, first = make(), make(), make(priority=100)
    queue.claim(held.pk, staff["other"])
    client = signed_in(staff["senior"])

    actions = re.search(r'<select name="action".*?</select>', client.get(QUEUE).content.decode(), re.DOTALL)
    assert actions
    assert set(re.findall(r'<option value="(\w+)"', actions[0])) == {
        "release_claims",
        "raise_priority",
        "lower_priority",
    }
    assert "1 claim was released. 1 was left as it is" in act(client, "release_claims", held, free)
    assert "2 priorities were changed. 1 was left" in act(client, "raise_priority", held, free, first)
    act(client, "lower_priority", free)

    for review in (held, free, first):
        review.refresh_from_db()
    assert (held.status, held.claimed_by, held.priority) == (ReviewStatus.QUEUED, None, 1)
    assert (free.priority, first.priority) == (0, 100)
    verbs = AuditEvent.objects.filter(rx=held.pk).values_list("verb", flat=True)
    assert {"review.take_back", "review.priority"} <= set(verbs)


def test_a_priority_stays_on_its_scale(make: Make, staff: dict[str, Any]) -> None:
    review = make(priority=9)

    assert "0 priorities were changed. 1 was left" in act(signed_in(staff["senior"]), "raise_priority", review)
    review.refresh_from_db()
    assert review.priority == 9


def test_there_is_no_form_for_a_review(make: Make, staff: dict[str, Any]) -> None:
    review = make()
    staff["senior"].user_permissions.set(Permission.objects.filter(codename__endswith="_review"))
    client = signed_in(staff["senior"])
    change = reverse("admin:prescriptions_review_change", args=[review.pk])

    assert client.get(change)["Location"] == reverse("admin:rx-review", args=[review.pk])
    assert client.get(reverse("admin:prescriptions_review_change", args=["x"]))["Location"] == QUEUE
    assert client.post(change, {"status": "approved", "_save": "Save"}).status_code == 403
    assert client.get(reverse("admin:prescriptions_review_add")).status_code == 403
    assert (
        client.post(reverse("admin:prescriptions_review_delete", args=[review.pk]), {"post": "yes"}).status_code == 403
    )
    review.refresh_from_db()
    assert (review.status, review.version) == (ReviewStatus.QUEUED, 1)


# --- What it costs ----------------------------------------------------------------------------------------------------
def fill(thousands: int) -> None:
    """Reviews like those of a year: a thousand, and by the database itself as many copies of each as are wanted."""
    start = timezone.now() - timedelta(days=1)
    ids = [f"{n * 2654435761 % 2**32:08x}{n:024x}" for n in range(1000)]
    Prescription.objects.bulk_create(
        Prescription(pk=rx, client="shop", order_ref=f"O-{n}", created_at=start + timedelta(seconds=60 * n))
        for n, rx in enumerate(ids)
    )
    Review.objects.bulk_create(
        Review(
            prescription_id=rx,
            status=("queued", "approved", "rejected", "in_review")[n % 4],
            queued_at=start + timedelta(seconds=60 * n),
            priority=n % 3,
        )
        for n, rx in enumerate(ids)
    )
    for model in (Prescription, Review):
        key, table = model._meta.pk.column, model._meta.db_table
        columns = [f.column for f in model._meta.concrete_fields if f.column != key and not f.generated]
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {table} ({key}, {', '.join(columns)}) "  # noqa: S608
                f"WITH RECURSIVE copy(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM copy WHERE k < {thousands - 1}) "
                f"SELECT substr({key}, 1, 8) || substr({key}, 17) || (10000000 + k), {', '.join(columns)} "
                f"FROM {table}, copy"
            )


def cost(client: Client, query: str = "") -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(QUEUE + query).status_code == 200
    control = ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT")
    return [query["sql"] for query in queries if not query["sql"].startswith(control)]


@pytest.mark.long
@pytest.mark.slow
def test_the_list_costs_the_same_with_a_hundred_thousand_reviews(
    make: Make, staff: dict[str, Any], clock: Clock
) -> None:
    client = signed_in(staff["senior"])
    make(pages=2)
    few = len(cost(client)), len(cost(client))
    Prescription.objects.all().delete()
    fill(100)
    assert Review.objects.count() == 100_000

    first, again = cost(client), cost(client)
    content = client.get(QUEUE).content.decode()

    assert len(again) == few[1] <= 12, again
    assert max(few[0], len(first)) <= 14, first  # the links are new to this person, and recorded
    assert ">100+ are waiting for you<" in content
    assert "1,000+ reviews" in content
    assert len(shown(content)) == 50
    assert len(cost(client, "?show=all")) <= 14
    assert len(cost(client, "?show=decided")) <= 14
    assert len(cost(client, "?q=O-77777")) <= 14
    assert not [sql for sql in again if "COUNT(*)" in sql and "LIMIT" not in sql]


@pytest.mark.parametrize(
    ("query", "index"), [("", "review_waiting"), ("?show=unclaimed", "review_queue"), ("?show=mine", "review_")]
)
def test_the_keys_of_the_list_come_out_of_an_index(make: Make, staff: dict[str, Any], query: str, index: str) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("reads SQLite's plans")
    client = signed_in(staff["pharmacist"])
    for _ in range(3):
        make()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

    [keys] = [sql for sql in cost(client, query) if "LIMIT 1001" in sql]

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {keys}")
        plan = " | ".join(row[3] for row in cursor.fetchall())
    assert f"USING COVERING INDEX {index}" in plan or f"USING INDEX {index}" in plan, plan
    if query == "?show=unclaimed":
        assert "TEMP B-TREE" not in plan, "read in the queue's own order"
