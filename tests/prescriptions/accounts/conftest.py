"""People who sign in as people do: by the forms, with a password and, where it is asked for, a second factor."""

import time
from typing import Any

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from tests.prescriptions.staff import Clock, person

PASSWORD = "p"  # as tests.prescriptions.staff gives it
LOGIN, QUEUE, FACTORS = "/accounts/login/", "/admin/prescriptions/review/", "/accounts/factors/"


@pytest.fixture(autouse=True)
def _policy(settings: Settings, db: None) -> None:
    """As shipped, and nobody has tried anything yet."""
    settings.RX_SECOND_FACTOR = ("pictures",)
    cache.clear()


class Person:
    """A member of staff and a browser of theirs."""

    def __init__(self, user: Any, secret: str = "", **headers: str) -> None:
        self.user, self.secret = user, secret
        self.http = Client(raise_request_exception=False, headers=headers)

    def with_app(self) -> "Person":
        """They have set up an app earlier."""
        self.secret = generate_totp_secret()
        TOTP.activate(self.user, self.secret)
        RecoveryCodes.activate(self.user)
        return self

    def code(self, ahead: int = 0) -> str:
        """What the app shows now, or that many steps of 30 s ahead."""
        return format_hotp_value(hotp_value(self.secret, int(time.time()) // 30 + ahead))

    def password(self, text: str = PASSWORD) -> Any:
        return self.http.post(LOGIN, {"login": self.user.username, "password": text, "next": QUEUE})

    def enter(self, code: str = "") -> Any:
        return self.http.post(f"{FACTORS}code/", {"code": code or self.code()})

    def sign_in(self) -> "Person":
        answer = self.password()
        if self.secret:
            assert answer.headers["Location"] == f"{FACTORS}code/"
            answer = self.enter()
        assert answer.status_code == 302, answer.content
        return self

    def sees_the_queue(self) -> bool:
        return bool(self.http.get(QUEUE).status_code == 200)


@pytest.fixture
def asha(seeded: None) -> Person:
    """A pharmacist with an app."""
    return Person(person("asha", "pharmacist")).with_app()


@pytest.fixture
def newcomer(seeded: None) -> Person:
    """A pharmacist on her first day."""
    return Person(person("nila", "pharmacist"))


@pytest.fixture
def chief(seeded: None) -> Person:
    """An administrator with an app."""
    return Person(person("chief", "ops", is_superuser=True)).with_app()


__all__ = ["Clock", "Person"]
