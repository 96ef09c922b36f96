"""Other origins: a page may call the API from where its client lists, and from nowhere else."""

from typing import Any

import pytest
from django.test import Client as Browser
from pytest_django import Settings

from prescriptions.api import tokens
from prescriptions.models import AuditEvent, Client, origins_of
from tests.prescriptions.accounts.conftest import Person
from tests.prescriptions.staff import person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("seeded")]
LIST, SHOP = "/api/v1/prescriptions", "https://shop.example"


@pytest.fixture
def till() -> str:
    """A token of a client that lists one origin, beside a client that lists another."""
    _token, text = tokens.make(name="Till", client="shop", scopes=["rx:read"])
    Client.objects.create(name="shop", origins=[SHOP])
    Client.objects.create(name="rival", origins=["https://rival.example"])
    return text


@pytest.fixture
def chief(settings: Settings) -> Person:
    """An administrator with an app, signed in."""
    settings.RX_SECOND_FACTOR = ("pictures",)
    return Person(person("chief", "ops", is_superuser=True)).with_app().sign_in()


def preflight(origin: str, method: str = "GET") -> Any:
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    return Browser().options(LIST, headers=headers)


def asked(origin: str, text: str = "", address: str = LIST) -> Any:
    return Browser().get(address, headers={"Origin": origin, **({"Authorization": f"Bearer {text}"} if text else {})})


def test_a_preflight_needs_no_token_and_is_allowed_where_any_client_lists_the_origin(till: str) -> None:
    listed, other = preflight(SHOP, "POST"), preflight("https://other.example")

    assert (listed.status_code, listed.headers["Access-Control-Allow-Origin"]) == (200, SHOP)
    assert {"Authorization", "Idempotency-Key"} <= set(listed.headers["Access-Control-Allow-Headers"].split(", "))
    assert "POST" in listed.headers["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Credentials" not in listed.headers
    assert "Access-Control-Allow-Origin" not in other.headers


def test_an_answer_may_be_read_where_the_tokens_own_client_lists_the_origin(till: str) -> None:
    own, rivals, strange = asked(SHOP, till), asked("https://rival.example", till), asked(SHOP)
    problem = asked(SHOP, till, f"{LIST}/{'0' * 32}")

    assert (own.status_code, own.headers["Access-Control-Allow-Origin"]) == (200, SHOP)
    assert {"Retry-After", "RateLimit"} <= set(own.headers["Access-Control-Expose-Headers"].split(", "))
    assert "origin" in own.headers["Vary"].lower()
    assert (problem.status_code, problem.headers["Access-Control-Allow-Origin"]) == (404, SHOP)
    assert (rivals.status_code, strange.status_code) == (200, 401)
    assert not any("Access-Control-Allow-Origin" in answer.headers for answer in (rivals, strange))


def test_no_page_of_people_may_be_read_from_a_listed_origin(till: str) -> None:
    assert "Access-Control-Allow-Origin" not in asked(SHOP, till, "/accounts/login/").headers


def test_an_administrator_sets_origins_and_it_is_recorded(till: str, chief: Person) -> None:
    fields = {"name": "shop", "origins": " https://a.example\r\n\r\nhttp://localhost:5173"}

    answer = chief.http.post("/admin/prescriptions/client/shop/change/", fields)

    assert answer.status_code == 302
    assert origins_of("shop") == {"https://a.example", "http://localhost:5173"}
    event = AuditEvent.objects.get(rx="clients")
    assert (event.verb, event.actor_name, event.data["client"]) == ("client.origins", "chief", "shop")


@pytest.mark.parametrize(
    ("name", "origins", "said"),
    [
        ("shop", "http://shop.example", "is no origin"),
        ("shop", "https://Shop.example", "is no origin"),
        ("shop", "https://shop.example/", "is no origin"),
        ("shop", "https://shop.example:443", "is no origin"),
        ("shop", "https://*.example", "is no origin"),
        ("shop", "null", "is no origin"),
        ("shop", "https://a.example\nhttps://a.example", "each of them once"),
        ("shop", "\n".join(f"https://a{n}.example" for n in range(21)), "At most 20"),
        ("nobody", SHOP, "No token is of a client by this name"),
    ],
)
def test_what_is_no_origin_is_said_and_sets_nothing(name: str, origins: str, said: str, chief: Person) -> None:
    tokens.make(name="Till", client="shop", scopes=["rx:read"])

    page = chief.http.post("/admin/prescriptions/client/add/", {"name": name, "origins": origins})

    assert said in page.content.decode()
    assert not Client.objects.exists()
