"""Guessing ends soon, for an account and for an address; and nobody can keep somebody else out."""

import re
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from prescriptions.models import AuditEvent
from tests.prescriptions.accounts.conftest import LOGIN, Clock, Person

pytestmark = pytest.mark.django_db
STRANGER, PHARMACY = "203.0.113.9", "198.51.100.7"


def at(address: str, who: Person) -> Person:
    """The same person elsewhere."""
    return Person(who.user, who.secret, **{"X-Forwarded-For": address})


def guess(where: Person, times: int, text: str = "wrong") -> Any:
    return [where.password(text) for _ in range(times)][-1]


def test_after_five_wrong_ones_the_right_one_is_refused_until_the_pause_is_over(asha: Person) -> None:
    here = at(PHARMACY, asha)
    last = guess(here, 5)

    locked = here.password()

    assert (last.status_code, locked.status_code) == (429, 429)
    assert "Try again in 15 minutes" in locked.content.decode()
    assert locked.headers["Retry-After"] == "900"
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert here.password().headers["Location"] == "/accounts/factors/code/"


def test_a_name_that_nobody_has_is_locked_alike(asha: Person) -> None:
    http = Client(headers={"X-Forwarded-For": STRANGER})
    answers = [http.post(LOGIN, {"login": "nobody-here", "password": "x"}) for _ in range(6)]
    known = guess(at("203.0.113.10", asha), 6)

    assert [answer.status_code for answer in answers] == [200] * 4 + [429] * 2
    token = rb'name="csrfmiddlewaretoken" value="\w+"'  # of the choice of a language; never the same twice
    assert re.sub(token, b"", answers[-1].content) == re.sub(token, b"", known.content)


def test_a_stranger_locks_nobody_out_elsewhere(asha: Person) -> None:
    guess(at(STRANGER, asha), 8)

    assert at(PHARMACY, asha).password().headers["Location"] == "/accounts/factors/code/"


def test_nor_beside_a_browser_that_has_been_here_before(asha: Person, clock: Clock) -> None:
    """The same address, as in one pharmacy or behind one carrier."""
    here = at(PHARMACY, asha).sign_in()
    here.http.post("/admin/logout/")
    guess(at(PHARMACY, asha), 6)
    assert at(PHARMACY, asha).password().status_code == 429
    clock.forward(seconds=60)

    assert here.sign_in().sees_the_queue()


def test_nor_by_closing_the_address(asha: Person, clock: Clock, settings: Settings) -> None:
    settings.RX_LOGIN_PER_ADDRESS = 5
    here = at(PHARMACY, asha).sign_in()
    here.http.post("/admin/logout/")
    stranger = Client(headers={"X-Forwarded-For": PHARMACY})
    for number in range(6):
        told = stranger.post(LOGIN, {"login": f"name-{number}", "password": "x"})
    assert "Too many" in told.content.decode()
    clock.forward(seconds=60)

    assert here.sign_in().sees_the_queue()


def test_a_known_browser_is_no_way_to_guess_on(asha: Person) -> None:
    here = at(PHARMACY, asha).sign_in()
    here.http.post("/admin/logout/")

    assert guess(here, 5).status_code == 429
    assert here.password().status_code == 429


def test_many_names_from_one_address_end_too(asha: Person, settings: Settings) -> None:
    settings.RX_LOGIN_PER_ADDRESS = 10
    http = Client(headers={"X-Forwarded-For": STRANGER})
    for number in range(10):
        http.post(LOGIN, {"login": f"name-{number}", "password": "x"})

    told = http.post(LOGIN, {"login": "asha", "password": "p", "next": "/admin/"})

    assert "Too many" in told.content.decode()
    assert told.status_code == 200
    assert at(PHARMACY, asha).password().status_code == 302


@pytest.mark.parametrize("forged", ["198.51.100.1, 203.0.113.9", "nonsense, 203.0.113.9"])
def test_what_a_client_says_of_its_address_is_not_believed(forged: str, asha: Person) -> None:
    """The edge writes the header anew; should it ever append, the last one counts."""
    guess(at(forged, asha), 5)

    assert at(STRANGER, asha).password().status_code == 429


def test_a_network_of_ipv6_is_one_address(asha: Person) -> None:
    for number in range(5):
        at(f"2001:db8:1:2::{number}", asha).password("wrong")

    assert at("2001:db8:1:2:ffff::1", asha).password().status_code == 429


def test_what_was_typed_is_kept_nowhere(asha: Person, caplog: pytest.LogCaptureFixture) -> None:
    """In the field for the name stands a password more often than one would think."""
    Client().post(f"{LOGIN}?next=CANARY-3", {"login": "CANARY-1 \x00", "password": "CANARY-2"})
    guess(asha, 5, "CANARY-4")

    kept = str(list(AccessAttempt.objects.values())) + str(list(AuditEvent.objects.values())) + caplog.text

    assert "CANARY" not in kept


def test_the_log_knows_who_failed_and_from_where_and_does_not_grow_without_end(asha: Person) -> None:
    here = at(PHARMACY, asha)
    guess(here, 9)
    stranger = Client(headers={"X-Forwarded-For": STRANGER})
    for number in range(6):
        stranger.post(LOGIN, {"login": f"name-{number}", "password": "x"})

    told = AuditEvent.objects.order_by("id").values_list("rx", "verb", "actor", "data")
    mine = [(verb, data["address"]) for rx, verb, _, data in told if rx == f"user-{asha.user.pk}"]

    assert sorted(mine) == [("account.failed", PHARMACY)] * 5 + [("account.locked", PHARMACY)]
    assert [(verb, actor) for rx, verb, actor, _ in told if rx == "user-unknown"] == [("account.failed", "nobody")]


def test_a_closed_account_signs_nobody_in(asha: Person) -> None:
    asha.sign_in()
    get_user_model().objects.filter(pk=asha.user.pk).update(is_active=False)

    assert not asha.sees_the_queue()
    assert at(PHARMACY, asha).password().status_code == 200
