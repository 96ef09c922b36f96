"""The list of stolen passwords: what it is told, what its answers mean, and that nobody waits for one that is away."""

import hashlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import ClassVar

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from pytest_django import Settings

from prescriptions.infra.metrics import definitions
from tests.waiting import free_port

STOLEN, FRESH, PADDED = "correct horse battery", "three words of mine", "only padding here"


class List(BaseHTTPRequestHandler):
    """Answers as the range search does: suffixes and counts, a count of 0 being padding."""

    asked: ClassVar[list[str]] = []
    status: ClassVar[int] = 200

    def do_GET(self) -> None:
        self.asked.append(self.path)
        lines = [f"{'0' * 35}:3", f"{digest(STOLEN)[5:]}:12", f"{digest(PADDED)[5:]}:0"]
        body = "\r\n".join(lines).encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def digest(password: str) -> str:
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


@pytest.fixture
def stolen(settings: Settings) -> Iterator[None]:
    """A list that knows one password."""
    server = HTTPServer(("127.0.0.1", 0), List)
    List.asked, List.status = [], 200
    Thread(target=server.serve_forever, daemon=True).start()
    settings.RX_BREACHED_PASSWORDS_URL = f"http://127.0.0.1:{server.server_port}/range"
    yield
    server.shutdown()
    server.server_close()


def counted(outcome: str) -> float:
    found = definitions.REGISTRY.get_sample_value("rx_breached_password_checks_total", {"outcome": outcome})
    return found or 0.0


def test_a_stolen_one_is_refused_and_only_five_letters_of_it_leave(stolen: None) -> None:
    before = counted("breached")

    with pytest.raises(ValidationError, match="in a list of stolen ones"):
        validate_password(STOLEN)

    assert List.asked == [f"/range/{digest(STOLEN)[:5]}"]
    assert counted("breached") == before + 1


@pytest.mark.parametrize("password", [FRESH, PADDED])
def test_others_are_taken(password: str, stolen: None) -> None:
    before = counted("clean")

    validate_password(password)

    assert counted("clean") == before + 1


@pytest.mark.parametrize("away", ["nobody listens", "an error"])
def test_a_list_that_is_away_keeps_nobody_out_and_is_counted(away: str, stolen: None, settings: Settings) -> None:
    before = counted("unknown")
    if away == "an error":
        List.status = 503
    else:
        settings.RX_BREACHED_PASSWORDS_URL = f"http://127.0.0.1:{free_port()}"

    validate_password(STOLEN)

    assert counted("unknown") == before + 1


def test_nobody_is_asked_unless_it_is_set(stolen: None, settings: Settings) -> None:
    settings.RX_BREACHED_PASSWORDS_URL = ""

    validate_password(STOLEN)

    assert List.asked == []
