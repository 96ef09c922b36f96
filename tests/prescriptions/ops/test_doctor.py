"""The doctor's screen: all well says so, and each thing that is wrong is named, with what to do."""

import contextlib
import json
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from prescriptions.infra import per_process
from prescriptions.infra import redis_client as broker
from prescriptions.ops.doctor import State, clocks, storage
from prescriptions.ops.doctor.finding import Findings
from prescriptions.upkeep import duties
from rxproject.local.stack.view import View
from tests.waiting import free_port

pytestmark = [pytest.mark.usefixtures("servers"), pytest.mark.django_db]
Told = dict[tuple[str, str], tuple[str, str, str]]


@pytest.fixture(autouse=True)
def whole(settings: Settings, stack: View) -> Iterator[None]:
    """An installation that lacks nothing; tests take away."""
    settings.RX_ROLE = "beat"
    settings.RX_AUDIT_KEYS, settings.RX_LINK_KEYS = (f"{kid}:{secrets.token_hex(32)}" for kid in ("a1", "k1"))
    settings.BASE_URL = stack.base_url
    with per_process.anew():
        broker.beat()
        for name in ("sweep", "erase"):
            duties.lead(name, seconds=30)
        yield


def told() -> Told:
    out = StringIO()
    with contextlib.suppress(CommandError):
        call_command("doctor", "--json", stdout=out)
    lines = map(json.loads, out.getvalue().splitlines())
    return {(line["area"], line["name"]): (line["state"], line["seen"], line["do"]) for line in lines}


def test_where_all_is_well_nothing_is_bad_and_every_area_is_told() -> None:
    out = StringIO()

    found = told()
    assert [line for line in found.items() if line[1][0] == "bad"] == []
    call_command("doctor", stdout=out)
    assert {state for state, _seen, _do in found.values()} <= {State.GOOD, State.WARN, State.UNKNOWN}
    assert {area for area, _name in found} == {
        "settings",
        "database",
        "storage",
        "broker",
        "work",
        "machine",
        "front door",
    }
    assert all(do for state, _seen, do in found.values() if state in (State.WARN, State.BAD))
    assert found["storage", "audit: read"][0] == "good"
    assert found["storage", "audit"][0] == "good"
    assert "Nothing is bad" in out.getvalue()


@pytest.mark.parametrize(
    ("role", "tried"),
    [
        ("web", {"originals: read", "originals: write", "variants: read"}),
        ("generate", {"variants: read"}),
        ("worker", {"originals: read", "variants: read", "variants: write"}),
        ("beat", {"originals: read", "variants: read", "audit: read"}),
    ],
)
def test_a_role_is_asked_for_the_rights_that_its_code_needs(role: str, tried: set[str], settings: Settings) -> None:
    """The table of tests/deploy/test_aws_calls.py, by which roles on AWS have them."""
    settings.RX_ROLE = role

    found = {one.name: one.state for one in storage.look() if one.name.endswith((": read", ": write"))}

    assert found == dict.fromkeys(tried, State.GOOD)


def without_s3(settings: Settings) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    settings.RX_S3_ENDPOINT = endpoint
    settings.RX_S3_CLIENT_CONFIG = settings.RX_S3_CLIENT_CONFIG.merge(
        type(settings.RX_S3_CLIENT_CONFIG)(retries={"total_max_attempts": 1})
    )


def with_a_wrong_key(settings: Settings) -> None:
    settings.RX_S3_SECRET_KEY = "0" * 64


def without_the_broker(settings: Settings) -> None:
    settings.RX_REDIS_URL = f"redis://:x@127.0.0.1:{free_port()}/0"


def with_a_wrong_password(settings: Settings) -> None:
    settings.RX_REDIS_URL = settings.RX_REDIS_URL.replace("redis://:", "redis://:not-")


def without_the_upload_folder(settings: Settings) -> None:
    settings.RX_UPLOAD_DIR = "/nowhere/at/all"


@pytest.mark.parametrize(
    ("take_away", "area", "name", "word"),
    [
        (without_s3, "storage", "originals", "RX_S3_ENDPOINT"),
        (with_a_wrong_key, "storage", "variants", "RX_S3_SECRET_KEY"),
        (without_the_broker, "broker", "answers", "RX_REDIS_URL"),
        (with_a_wrong_password, "broker", "answers", "requirepass"),
        (without_the_upload_folder, "machine", "uploads", "RX_UPLOAD_DIR"),
    ],
)
def test_what_is_taken_away_is_named_with_what_to_do(
    settings: Settings, take_away: Callable[[Settings], None], area: str, name: str, word: str
) -> None:
    take_away(settings)
    with per_process.anew():
        found = told()

    state, _seen, do = found[area, name]
    assert (state, word in do) == ("bad", True), found[area, name]
    # and the rest of the screen is there all the same
    assert {each for each, _name in found} >= {"settings", "database", "work", "machine"}


def test_whoever_is_told_of_something_bad_is_told_by_the_exit_status_too(settings: Settings) -> None:
    settings.RX_UPLOAD_DIR = "/nowhere/at/all"

    with pytest.raises(CommandError, match="1 bad"):
        call_command("doctor", stdout=StringIO())


@pytest.mark.parametrize(
    ("seconds", "state"), [(0.2, "good"), (-1.5, "good"), (5, "warn"), (-20, "warn"), (90, "bad"), (-90, "bad")]
)
def test_clocks_that_are_apart_are_told(seconds: float, state: str) -> None:
    ours = datetime(2026, 11, 29, tzinfo=UTC)

    found = clocks.compare(Findings("database"), ours + timedelta(seconds=seconds), ours, 0.1)

    assert found.state == state


def test_what_nobody_thought_of_is_told_without_its_words(settings: Settings) -> None:
    """A slash in a password: the library's complaint quotes a part of it."""
    settings.RX_REDIS_URL = "redis://:geheim/7@127.0.0.1:6379/0"

    with per_process.anew():
        found = told()

    state, seen, _do = found["broker", "look"]
    assert (state, "geheim" in str(found)) == (State.UNKNOWN, False)
    assert seen.startswith("ValueError in ")
