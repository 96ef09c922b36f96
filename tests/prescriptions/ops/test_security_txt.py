"""Headers that every page has, and whom to tell of a weakness."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from pytest_django import Settings

PATH = "/.well-known/security.txt"


def test_a_contact_is_named_where_there_is_one(settings: Settings) -> None:
    assert Client().get(PATH).status_code == 404
    settings.RX_SECURITY_CONTACT = "mailto:security@rx.example"

    text = Client().get(PATH).content.decode()

    assert "Contact: mailto:security@rx.example\n" in text
    (until,) = re.findall(r"^Expires: (.+)$", text, re.MULTILINE)
    left = datetime.fromisoformat(until) - datetime.now(UTC)
    assert timedelta(days=100) < left < timedelta(days=365)  # RFC 9116: less than a year


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/accounts/login/", "/upload/", "/api/v1/docs"])
def test_pages_ask_for_nothing_that_they_do_not_need(path: str) -> None:
    policy = Client().get(path).headers["Permissions-Policy"]

    assert {"camera=()", "geolocation=()", "microphone=()", "payment=()"} <= set(policy.split(", "))
