"""What a client can find out: every code with its words, and its own rights."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from prescriptions.api import tokens
from prescriptions.intake.customers import progress
from prescriptions.models import Client as RestClient
from prescriptions.models import ReasonCode, ReviewStatus
from tests.prescriptions.conftest import assert_problem
from tests.prescriptions.staff import person
from transforms.limits import LIMITS
from transforms.request.presets import PRESETS

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("seeded")]
Bearer = Callable[..., dict[str, str]]
CODES = Path(__file__).parents[4] / "docs" / "reference" / "problems.md"


def get(http: Client, headers: dict[str, str], what: str = "catalogue") -> Any:
    return http.get(f"/api/v1/{what}", headers=headers).json()


def test_the_catalogue_has_every_code_with_its_words(http: Client, bearer: Bearer) -> None:
    found = get(http, bearer("rx:read"))

    assert {row["code"]: row["stage"] for row in found["statuses"]} == {
        status.value: progress.STAGES.get(status) for status in ReviewStatus
    }
    assert {row["code"] for row in found["reasons"]} == set(ReasonCode.objects.values_list("code", flat=True))
    blurred = next(row for row in found["reasons"] if row["code"] == "image_blurry")
    assert (blurred["action"], blurred["offered"], found["languages"][:2]) == ("reupload", True, ["en", "hi"])
    assert blurred["texts"]["en"]["title"] == "The picture is blurred"
    assert blurred["texts"]["hi"]["title"] == "फ़ोटो धुंधली है"
    assert sorted(blurred["texts"]) == sorted(found["languages"])
    assert {row["name"]: row["request"] for row in found["presets"]} == PRESETS
    assert (found["limits"]["files"], found["limits"]["pdf_bytes"]) == (LIMITS.files, LIMITS.pdf_bytes)
    assert [row["code"] for row in found["scopes"]] == list(tokens.SCOPES)
    assert "prescription.question" in {row["code"] for row in found["events"]}
    assert all(row["text"] for name in ("statuses", "notices", "schedules", "line_decisions") for row in found[name])


def test_every_documented_problem_is_in_it(http: Client, bearer: Bearer) -> None:
    found = {row["code"]: row for row in get(http, bearer("rx:read"))["problems"]}

    rows = [line.split("|")[2] for line in CODES.read_text().splitlines() if re.match(r"\| [0-9]", line)]
    assert found.keys() == {code for row in rows for code in re.findall(r"`([^`]+)`", row)}
    assert found["stale-version"]["statuses"] == [409, 412]
    assert found["stale-version"]["type"] == "/docs/problems#stale-version"
    assert 400 in found["invalid"]["statuses"]
    assert 422 in found["invalid"]["statuses"]


def test_what_colleagues_call_a_reason_is_for_reviewers_alone(http: Client, bearer: Bearer) -> None:
    assert "suspected forgery" not in str(get(http, bearer("rx:read")))
    assert "suspected forgery" in str(get(http, bearer("rx:review")))


def test_a_token_learns_whom_it_speaks_for(http: Client, bearer: Bearer) -> None:
    RestClient.objects.create(name="shop", origins=["https://shop.example"])

    found = get(http, bearer("rx:read", "orders:write"), "me")

    assert (found["client"], found["scopes"]) == ("shop", ["rx:read", "orders:write"])
    assert (found["origins"], found["reviews_as"], found["limits"]["page_size"]) == (
        ["https://shop.example"],
        None,
        200,
    )
    assert re.fullmatch(r"[0-9a-f]{16}", found["token"])
    assert_problem(http.get("/api/v1/me"), 401)


def test_a_member_of_staff_learns_what_stands_for_their_role(http: Client) -> None:
    http.force_login(person("asha", "pharmacist"))

    found = get(http, {}, "me")

    assert (found["name"], found["token"], found["client"]) == ("asha", None, "staff")
    assert "rx:review" in found["scopes"]
    assert not {"rx:erase", "rx:all", "ops:read"} & set(found["scopes"])
