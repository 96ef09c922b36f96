"""How long a session lasts, what counts as somebody being there, and ending one's own."""

from datetime import timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from prescriptions.accounts import sessions
from prescriptions.accounts.views import program
from prescriptions.models import AuditEvent, Review
from prescriptions.review import queue
from tests.prescriptions.accounts.conftest import QUEUE, Clock, Person
from tests.prescriptions.reviewing import signed_in
from tests.prescriptions.staff import Make

pytestmark = pytest.mark.django_db
SESSIONS = "/accounts/sessions/"


@pytest.fixture
def held(asha: Person, make: Make) -> Review:
    """What asha reviews at this moment."""
    return queue.claim(make(pages=1, lines=1).pk, asha.user)


def beat(who: Person, review: Review, **fields: str) -> int:
    address = reverse("admin:rx-review-heartbeat", args=[review.pk])
    return int(who.http.post(address, fields, headers={"X-Requested-With": "fetch"}).status_code)


def test_it_ends_when_nobody_was_there_for_a_quarter_of_an_hour(asha: Person, clock: Clock) -> None:
    asha.sign_in()
    for _ in range(4):
        clock.forward(minutes=14)
        assert asha.sees_the_queue()

    clock.forward(minutes=15)

    assert not asha.sees_the_queue()
    event = AuditEvent.objects.filter(rx=f"user-{asha.user.pk}").latest("seq")
    assert (event.verb, event.data) == ("account.session_ended", {"why": "idle"})


def test_a_page_that_stands_open_is_nobody_at_work(asha: Person, held: Review, clock: Clock) -> None:
    asha.sign_in()
    clock.forward(minutes=8)
    assert beat(asha, held) == 200
    clock.forward(minutes=8)

    assert beat(asha, held) == 302, "the script takes it for the end of the session, and keeps what was typed"


def test_a_queue_that_keeps_itself_up_to_date_is_nobody_at_work(asha: Person, clock: Clock) -> None:
    asha.sign_in()
    live = reverse("admin:rx-queue-live")
    clock.forward(minutes=8)
    assert asha.http.get(live).status_code == 200
    clock.forward(minutes=8)

    assert asha.http.get(live).status_code == 302


def test_a_page_in_which_somebody_types_is_somebody_at_work(asha: Person, held: Review, clock: Clock) -> None:
    asha.sign_in()
    for _ in range(4):
        clock.forward(minutes=8)
        assert beat(asha, held, active="1") == 200

    assert asha.sees_the_queue()


def test_after_twelve_hours_it_ends_whatever_was_done(asha: Person, clock: Clock) -> None:
    asha.sign_in()
    for _ in range(48):
        clock.forward(minutes=14.9)
        assert asha.http.get("/api/v1/prescriptions").status_code == 200

    clock.forward(minutes=14.9)

    assert not asha.sees_the_queue()


def test_the_api_ends_with_the_session(asha: Person, clock: Clock) -> None:
    asha.sign_in()
    assert asha.http.get("/api/v1/prescriptions").status_code == 200
    clock.forward(minutes=16)

    refused = asha.http.get("/api/v1/prescriptions")

    assert refused.status_code == 401
    assert "idle" in refused.json()["detail"]


def test_a_form_that_came_too_late_leads_back_to_its_page(asha: Person, held: Review, clock: Clock) -> None:
    """Where the tab still has what was typed: that address takes a GET, the form's own would not."""
    asha.sign_in()
    page = reverse("admin:rx-review", args=[held.pk])
    clock.forward(minutes=16)

    answer = asha.http.post(f"{page}decide/", {"outcome": "approved"}, headers={"Referer": f"http://testserver{page}"})

    assert answer.headers["Location"] == f"/admin/login/?next={page.replace('/', '%2F')}"
    held.refresh_from_db()
    assert held.status == "in_review"


def test_a_foreign_page_is_not_where_it_leads(asha: Person, clock: Clock) -> None:
    asha.sign_in()
    clock.forward(minutes=16)

    answer = asha.http.post(f"{QUEUE}next/", headers={"Referer": "http://elsewhere.example/admin/"})

    assert answer.headers["Location"] == "/admin/login/?next=%2Fadmin%2F"


def test_one_ends_ones_own_sessions_and_nobody_elses(asha: Person, chief: Person) -> None:
    lost = Person(asha.user, asha.secret, **{"User-Agent": "Lost telephone"})
    asha.sign_in()
    lost.password()
    lost.enter(lost.code(ahead=1))
    chief.sign_in()
    page = asha.http.get(SESSIONS).content.decode()
    assert "Lost telephone" in page
    rows = {session.user_agent: session.pk for session in UserSession.objects.all()}

    for pk in (rows["Lost telephone"], UserSession.objects.get(user=chief.user).pk, "x"):
        asha.http.post(SESSIONS, {"session": pk})

    assert (lost.sees_the_queue(), chief.sees_the_queue(), asha.sees_the_queue()) == (False, True, True)
    ended = AuditEvent.objects.get(verb="account.session_ended")
    assert (ended.rx, ended.data["why"]) == (f"user-{asha.user.pk}", "by its owner")


def test_whoever_ends_sessions_confirms_that_it_is_them(asha: Person, clock: Clock) -> None:
    elsewhere = Person(asha.user, asha.secret).sign_in()
    clock.forward(minutes=2)
    asha.sign_in()
    clock.forward(minutes=6)

    asked = asha.http.post(SESSIONS)

    assert (asked.status_code, asked.headers["Location"]) == (303, "/accounts/confirm/?next=%2Faccounts%2Fsessions%2F")
    assert elsewhere.sees_the_queue()
    asha.http.post(asked.headers["Location"], {"password": "p"})
    asha.http.post(SESSIONS)
    assert not elsewhere.sees_the_queue()


def test_log_out_is_in_the_log(asha: Person) -> None:
    asha.sign_in()

    answer = asha.http.post("/admin/logout/")

    assert answer.headers["Location"] == "/accounts/login/"
    assert not asha.sees_the_queue()
    assert AuditEvent.objects.latest("id").verb == "account.logout"


def test_a_look_costs_no_more_queries_than_its_session(
    asha: Person, settings: Settings, django_assert_num_queries: object
) -> None:
    asha.sign_in()
    asha.http.get("/accounts/login/")

    with django_assert_num_queries(2):  # type: ignore[operator]
        asha.http.get("/admin/login/")


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36",
            "Chrome, Linux",
        ),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/142.0 Safari/537.36 Edg/142.0", "Edge, Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) Version/19.1 Mobile Safari/604.1", "Safari, iPhone"),
        ("Mozilla/5.0 (Android 16; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0", "Firefox, Android"),
        ("curl/8.17.0", "curl/8.17.0"),
        ("x" * 200, "x" * 60),
    ],
)
def test_a_browser_is_named_as_people_name_it(agent: str, said: str) -> None:
    assert program(agent) == said


# --- What nobody can use any more -------------------------------------------------------------------------------------
def test_sessions_that_are_over_are_forgotten_with_what_lists_them(staff: dict[str, Any]) -> None:
    over, ended, good = (signed_in(staff["pharmacist"]).session.session_key for _ in range(3))
    listed = {"user": staff["pharmacist"], "ip": "192.0.2.1", "created_at": timezone.now() - timedelta(hours=1)}
    UserSession.objects.all().delete()
    for key in (over, ended, good):
        UserSession.objects.create(session_key=key, **listed)
    Session.objects.filter(pk=over).update(expire_date=timezone.now() - timedelta(seconds=1))
    Session.objects.filter(pk=ended).delete()

    assert sessions.forget_expired() == 1

    assert list(Session.objects.values_list("pk", flat=True)) == [good]
    assert list(UserSession.objects.values_list("session_key", flat=True)) == [good]
