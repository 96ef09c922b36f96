"""What browsers are told with every answer, so that what was shown to one person stays with them."""

import re
import runpy
from http.cookies import Morsel
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from prescriptions.intake import order_links
from tests.conftest import PROJECT
from tests.prescriptions.staff import person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("seeded")]
YEAR = 31_536_000
OF_TLS = re.compile(
    r"LANGUAGE_COOKIE_\w+|SESSION_COOKIE_\w+|CSRF_COOKIE_\w+|SECURE_\w+|RX_\w+_COOKIE|BASE_URL|ALLOWED_HOSTS"
)


@pytest.fixture
def over_tls(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the service is set up where people reach it by https."""
    monkeypatch.setenv("RX_BASE_URL", "https://rx.example")
    monkeypatch.setenv("RX_ALLOWED_HOSTS", "rx.example")
    for name, value in runpy.run_path(str(PROJECT / "rxproject" / "settings.py")).items():
        if OF_TLS.fullmatch(name):
            setattr(settings, name, value)


@pytest.fixture
def signed_in(settings: Settings) -> Client:
    """An administrator, who sees everything; no second factor is asked for."""
    settings.RX_SECOND_FACTOR = ("off",)
    http = Client(raise_request_exception=False)
    http.force_login(person("chief", "senior", is_superuser=True))
    return http


def cookies(http: Client) -> dict[str, Morsel[str]]:
    return dict(http.cookies)


@pytest.mark.usefixtures("over_tls")
def test_cookies_are_for_this_host_over_tls_and_not_for_scripts(settings: Settings) -> None:
    # given somebody who signs in, and a customer who opens a link
    settings.RX_SECOND_FACTOR = ("off",)
    http = Client(SERVER_NAME="rx.example", SERVER_PORT=443, **{"wsgi.url_scheme": "https"})
    person("asha", "pharmacist")
    http.get("/accounts/login/", secure=True)
    http.post("/accounts/login/", {"login": "asha", "password": "p"}, secure=True)
    link = order_links.mint(order_ref="A-1", client="shop", expires_in=60)
    http.get(order_links.page_path(link), secure=True)
    http.post("/language", {"language": "en"}, secure=True)

    # then
    found = cookies(http)
    hosts = {"__Host-sessionid", "__Host-csrftoken", "__Host-rx_language"}
    assert set(found) == {*hosts, "__Secure-rx_order", "__Secure-rx_known"}
    assert all(cookie["secure"] and cookie["samesite"] == "Lax" for cookie in found.values())
    assert {name for name, cookie in found.items() if not cookie["httponly"]} == {"__Host-csrftoken"}
    assert [(found[name]["path"], found[name]["domain"]) for name in found if name.startswith("__Host-")] == [
        ("/", ""),
        ("/", ""),
        ("/", ""),
    ]
    assert (found["__Secure-rx_order"]["path"], found["__Secure-rx_known"]["path"]) == ("/orders/A-1/", "/accounts/")


@pytest.mark.usefixtures("over_tls")
@pytest.mark.parametrize("path", ["/accounts/login/", "/healthz", "/api/v1/prescriptions", "/nowhere"])
def test_over_tls_browsers_are_told_to_come_by_nothing_else(path: str) -> None:
    told = Client(headers={"Host": "rx.example"}).get(path, secure=True).headers["Strict-Transport-Security"]

    assert told == f"max-age={YEAR}; includeSubDomains; preload"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/accounts/login/", 200),
        ("GET", "/admin/", 302),
        ("GET", "/nowhere", 404),
        ("POST", "/healthz", 405),
        ("GET", "/api/v1/prescriptions", 401),
        ("GET", "/api/v1/nowhere", 404),
        ("GET", "/orders/A-1/prescription", 404),
        ("GET", "/iiif/3/x/y/info.json", 404),
    ],
)
def test_every_answer_says_what_browsers_must_not_do_with_it(method: str, path: str, status: int) -> None:
    answer = Client(raise_request_exception=False).generic(method, path)

    told = answer.headers
    assert answer.status_code == status
    policy = told["Content-Security-Policy"]
    assert all(rule in policy for rule in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"))
    assert "unsafe" not in policy
    assert told["X-Content-Type-Options"] == "nosniff"
    assert told["Referrer-Policy"] in ("same-origin", "no-referrer")
    assert told["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "geolocation=()" in told["Permissions-Policy"]
    assert answer.content == b"" or "charset=utf-8" in told["Content-Type"] or "json" in told["Content-Type"]


@pytest.mark.parametrize(
    "path",
    [
        "/admin/",
        "/admin/prescriptions/review/",
        "/admin/prescriptions/prescription/",
        "/admin/prescriptions/auditevent/",
        "/admin/prescriptions/apitoken/",
        "/admin/auth/user/",
        "/admin/roles/",
        "/accounts/factors/",
        "/accounts/sessions/",
        "/accounts/password/",
        "/api/v1/prescriptions",
    ],
)
def test_what_is_for_one_person_is_kept_by_no_cache(path: str, signed_in: Client) -> None:
    answer = signed_in.get(path)

    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]


def test_nor_is_a_page_on_the_way_in() -> None:
    for path in ("/accounts/login/", "/accounts/password/MQ/x/", "/accounts/factors/"):
        assert "no-store" in Client().get(path).headers["Cache-Control"], path


@pytest.mark.parametrize("path", ["/orders/A-1/prescription", "/admin/prescriptions/review/", "/api/v1/reasons"])
def test_an_error_tells_nothing_of_the_inside(path: str, signed_in: Client) -> None:
    signed_in.cookies["rx_order"] = order_links.mint(order_ref="A-1", client="shop", expires_in=60).signed

    def refuse(*_: Any) -> None:
        raise RuntimeError("Jane Doe at /srv/secret")

    with connection.execute_wrapper(refuse):
        answer = signed_in.get(path)

    assert answer.status_code == 500
    said = answer.content.decode()
    assert not re.search(r"Jane|secret|RuntimeError|Traceback|\.py\b|django", said, re.IGNORECASE)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_a_session_has_a_new_key_once_somebody_is_signed_in_and_none_after_they_left(settings: Settings) -> None:
    # given a key from before, which somebody else may have put there
    settings.RX_SECOND_FACTOR = ("off",)
    person("asha", "pharmacist")
    http = Client()
    http.session["x"] = "y"
    http.session.save()
    planted = http.cookies["sessionid"].value

    # when she signs in, then it opens nothing
    http.post("/accounts/login/", {"login": "asha", "password": "p"})
    key = http.cookies["sessionid"].value
    assert (in_with(planted), in_with(key), len(key)) == (False, True, 32)

    # when she leaves by a look, nothing happens; by the button, the key is dead
    for path in ("/admin/logout/", "/accounts/logout/"):
        http.get(path)
    assert in_with(key)
    http.post("/admin/logout/")
    assert not in_with(key)


def in_with(key: str) -> bool:
    """Does this session's key open the queue?"""
    http = Client()
    http.cookies["sessionid"] = key
    return http.get("/admin/prescriptions/review/").status_code == 200


@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/sessions/", "/admin/logout/", "/admin/auth/user/add/"])
def test_a_form_from_elsewhere_is_refused(path: str, signed_in: Client) -> None:
    elsewhere = Client(enforce_csrf_checks=True)
    elsewhere.cookies = signed_in.cookies

    answer = elsewhere.post(path, {"login": "x", "password": "y"}, headers={"Origin": "https://evil.example"})

    assert answer.status_code == 403
    assert signed_in.get("/admin/").status_code == 200


def test_a_session_of_staff_calls_the_api_only_from_our_own_pages(signed_in: Client) -> None:
    elsewhere = Client(enforce_csrf_checks=True)
    elsewhere.cookies = signed_in.cookies

    answer = elsewhere.post("/api/v1/erasures", "{}", content_type="application/json")

    assert answer.status_code == 403
