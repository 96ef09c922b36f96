"""Reviewing by API: tokens bound to people, versions, and the status that clients see."""

import json
import re
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from prescriptions.api import tokens
from prescriptions.models import AuditEvent, OrderLine, Review, ReviewStatus
from tests.prescriptions.conftest import assert_problem
from tests.prescriptions.reviewing import agreement, approval, claimed
from tests.prescriptions.staff import Make

JSON = "application/json"


class Caller:
    """A REST client with one token."""

    def __init__(self, token: str) -> None:
        self.http = Client(headers={"Authorization": f"Bearer {token}"})

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.http.post(f"/api/v1/{path}", body or {}, content_type=JSON, headers=headers)

    def get(self, path: str) -> Any:
        return self.http.get(f"/api/v1/{path}")


@pytest.fixture
def caller(staff: dict[str, Any]) -> Caller:
    """Reviews as the pharmacist."""
    scopes = ["rx:read", "rx:write", "rx:review"]
    return Caller(tokens.make(name="t", client="shop", scopes=scopes, user=staff["pharmacist"])[1])


def test_claim_look_and_decide(make: Make, caller: Caller, staff: dict[str, Any]) -> None:
    review = make(lines=1)

    claimed = caller.post("reviews/next")
    seen = caller.get(f"prescriptions/{review.pk}/decision")
    decided = caller.post(f"prescriptions/{review.pk}/decision", approval(version=seen.json()["version"]))

    assert (claimed.status_code, claimed.json()["id"]) == (200, review.pk)
    assert seen["ETag"] == '"2"'
    assert (decided.status_code, decided.json()["status"]) == (200, "approved")
    assert decided.json()["reviewer"] == "pharmacist"
    assert decided.json()["lines"][0]["decision"] == "accepted"
    assert caller.post("reviews/next").status_code == 204


def test_old_versions_are_409_or_412_and_no_version_is_428(make: Make, caller: Caller) -> None:
    review = make()
    path = f"prescriptions/{review.pk}/decision"
    caller.post(f"prescriptions/{review.pk}/claim")

    answers = [
        caller.post(path, approval()),
        caller.post(path, approval(version=1)),
        caller.post(path, approval(), **{"If-Match": '"1"'}),
        caller.post(path, approval(), **{"If-Match": "*"}),
    ]

    assert [answer.status_code for answer in answers] == [428, 409, 412, 428]
    review.refresh_from_db()
    assert (review.status, review.version) == (ReviewStatus.IN_REVIEW, 2)
    assert caller.post(path, approval(), **{"If-Match": '"2"'}).status_code == 200


def test_a_token_without_a_person_reviews_nothing(make: Make, staff: dict[str, Any]) -> None:
    review = make()
    nobody = Caller(tokens.make(name="n", client="shop", scopes=["rx:review"])[1])
    reader = Caller(tokens.make(name="r", client="shop", scopes=["rx:read"], user=staff["pharmacist"])[1])
    auditor = Caller(tokens.make(name="a", client="shop", scopes=["rx:review"], user=staff["auditor"])[1])
    stranger = Caller(tokens.make(name="s", client="else", scopes=["rx:review"], user=staff["pharmacist"])[1])

    statuses = {
        name: [
            who.post("reviews/next").status_code,
            who.post(f"prescriptions/{review.pk}/claim").status_code,
            who.get(f"prescriptions/{review.pk}/decision").status_code,
        ]
        for name, who in {"nobody": nobody, "reader": reader, "auditor": auditor, "stranger": stranger}.items()
    }

    assert statuses == {
        "nobody": [403, 403, 403],
        "reader": [403, 403, 403],
        "auditor": [403, 403, 200],
        "stranger": [204, 404, 404],
    }
    told = AuditEvent.objects.filter(rx=review.pk).values_list("verb", flat=True)
    assert sorted(set(told)) == ["access.refused", "decision.viewed", "received"]


def test_what_is_incomplete_is_named_field_by_field(make: Make, caller: Caller) -> None:
    review = make()
    caller.post(f"prescriptions/{review.pk}/claim")

    answer = caller.post(f"prescriptions/{review.pk}/decision", {"outcome": "rejected", "version": 2})

    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"pointer": "/reason", "detail": "Say why it is not accepted."}]


def test_clients_see_status_reason_and_what_to_do(make: Make, caller: Caller) -> None:
    review = make()
    first = caller.get(f"prescriptions/{review.pk}").json()
    caller.post(f"prescriptions/{review.pk}/claim")
    sent = {
        "outcome": "rejected",
        "version": 2,
        "reason": "image_blurry",
        "reason_page": 1,
        "customer_text": "Daylight helps.",
        "internal_note": "third time",
    }
    caller.post(f"prescriptions/{review.pk}/decision", sent)

    answer = caller.get(f"prescriptions/{review.pk}")
    body = answer.json()

    assert (first["status"], first["reason"], first["customer_action"]) == ("queued", None, "none")
    assert (body["status"], body["customer_action"]) == ("rejected", "reupload")
    assert body["reason"]["code"] == "image_blurry"
    assert (body["reason"]["page"], body["reason"]["note"]) == (1, "Daylight helps.")
    assert "third time" not in answer.content.decode()


def test_a_question_by_api_is_the_customers_to_answer(make: Make, caller: Caller) -> None:
    review = make()
    caller.post(f"prescriptions/{review.pk}/claim")

    asked = caller.post(
        f"prescriptions/{review.pk}/decision", {"outcome": "clarification", "version": 2, "question": "Which?"}
    )

    assert (asked.status_code, asked.json()["messages"][0]["text"]) == (200, "Which?")
    assert caller.get(f"prescriptions/{review.pk}").json()["customer_action"] == "answer"


@pytest.mark.parametrize(
    ("outcome", "pointer"), [("clarification", "/question"), ("returned", "/note"), ("reopened", "/note")]
)
def test_what_is_missing_is_named_as_it_should_have_been_sent(
    make: Make, caller: Caller, outcome: str, pointer: str
) -> None:
    review = make()
    caller.post(f"prescriptions/{review.pk}/claim")

    answer = caller.post(f"prescriptions/{review.pk}/decision", {"outcome": outcome, "version": 2})

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_a_second_check_by_api(make: Make, caller: Caller, staff: dict[str, Any]) -> None:
    senior = Caller(tokens.make(name="s", client="shop", scopes=["rx:review"], user=staff["senior"])[1])
    review = make(lines=1, schedule="X")
    path = f"prescriptions/{review.pk}/decision"
    caller.post(f"prescriptions/{review.pk}/claim")
    first = caller.post(path, approval(version=2)).json()

    own = caller.post(path, agreement(version=3))
    empty = senior.post(path, {"outcome": "confirmed", "version": 3})
    confirmed = senior.post(path, agreement(version=3))
    reopened = senior.post(path, {"outcome": "reopened", "version": 4, "note": "The doctor called back."})

    assert (first["status"], own.status_code, empty.status_code) == ("second_check", 403, 422)
    pointers = [error["pointer"] for error in empty.json()["errors"]]
    assert pointers == ["/pages_seen", "/confirmed_lines", "/confirmed_date"]
    assert (confirmed.json()["status"], confirmed.json()["second_checker"]) == ("approved", "senior")
    assert (reopened.json()["status"], reopened.json()["internal_note"]) == ("queued", "The doctor called back.")


@pytest.mark.parametrize(("day", "code"), [("2999-01-01", "prescription-date"), ("2024-03-14", "prescription-expired")])
def test_a_date_that_forbids_an_approval_has_a_problem_of_its_own(
    make: Make, caller: Caller, day: str, code: str
) -> None:
    review = make()
    caller.post(f"prescriptions/{review.pk}/claim")

    sent = approval(version=2, prescribed_on=day, prescriber="")
    answer = caller.post(f"prescriptions/{review.pk}/decision", sent)

    assert_problem(answer, 422, code)
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/prescribed_on", "/prescriber"]
    review.refresh_from_db()
    assert (review.status, review.version) == (ReviewStatus.IN_REVIEW, 2)


def test_reasons_are_listed_in_both_wordings_for_reviewers_and_in_one_for_clients(make: Make, caller: Caller) -> None:
    listed = {reason["code"]: reason for reason in caller.get("reasons").json()}
    review = make()
    caller.post(f"prescriptions/{review.pk}/claim")
    sent = {"outcome": "rejected", "version": 2, "reason": "altered_or_suspected_forgery", "internal_note": "x"}
    decided = caller.post(f"prescriptions/{review.pk}/decision", sent).json()

    assert listed["image_blurry"]["group"] == "image"
    assert (listed["image_blurry"]["staff"], listed["image_blurry"]["title"]) == ("Blurred", "The picture is blurred")
    assert not {"withdrawn_by_customer", "no_reply_from_customer"} & listed.keys()
    assert decided["reason"]["staff"] == "Altered, or suspected forgery"
    assert "suspected forgery" not in caller.get(f"prescriptions/{review.pk}").content.decode()


def test_order_lines_stand_once_somebody_has_decided(make: Make, caller: Caller, staff: dict[str, Any]) -> None:
    review = claimed(make, staff["pharmacist"])
    path = f"/api/v1/prescriptions/{review.pk}/order-lines"
    lines = [{"name": "Metformin", "strength": "500 mg", "schedule": "H", "quantity_ordered": 60}]

    written = caller.http.put(path, lines, content_type=JSON)
    stale = caller.post(f"prescriptions/{review.pk}/decision", approval(version=review.version))
    decided = caller.post(f"prescriptions/{review.pk}/decision", approval(version=review.version + 1))
    late = caller.http.put(path, [], content_type=JSON)

    assert (written.status_code, stale.status_code, decided.status_code, late.status_code) == (200, 409, 200, 409)
    assert written["Deprecation"].startswith("@")
    problem = stale.json()
    assert problem["type"].endswith("#order-lines-changed")
    assert problem["errors"] == [{"pointer": "/lines", "detail": "Line 1 is new: Metformin 500 mg × 60 (H)."}]
    assert [row["name"] for row in caller.http.get(path).json()] == ["Metformin"]


@pytest.mark.parametrize(
    ("lines", "pointers"),
    [
        ([{"name": "A", "quantity_ordered": 0}], ["/0/quantity_ordered"]),
        ([{"name": "A", "quantity_ordered": -1}], ["/0/quantity_ordered"]),
        ([{"name": "A", "quantity_ordered": 1_000_001}], ["/0/quantity_ordered"]),
        ([{"name": "A", "quantity_ordered": 10**17}], ["/0/quantity_ordered"]),
        ([{"name": "A", "quantity_ordered": 10**40}], ["/0/quantity_ordered"]),
        ([{"name": "A", "quantity_ordered": True}], ["/0/quantity_ordered"]),
        ([{"name": "A", "quantity_ordered": 1.5}], ["/0/quantity_ordered"]),
        ([{"name": "A", "quantity_ordered": None}], ["/0/quantity_ordered"]),
        ([{"name": "A", "quantity_ordered": [1]}], ["/0/quantity_ordered"]),
        ([{"name": "A", "quantity_ordered": {"a": 1}}], ["/0/quantity_ordered"]),
        ([{"name": "A", "quantity_ordered": 1}, {"quantity_ordered": 1}], ["/1/name"]),
        ([{"name": "A", "quantity_ordered": 1, "schedule": {"a": 1}}, 5, {}], None),
        ([{"name": "A", "quantity_ordered": 1, "schedule": True}], ["/0/schedule"]),
        ([{"name": "A\0", "quantity_ordered": 1, "strength": "\ud800"}], ["/0/name", "/0/strength"]),
        ([[]], ["/0"]),
        ([None], ["/0"]),
        ({}, [""]),
        ("x", [""]),
        (None, [""]),
    ],
    ids=repr,
)
def test_an_order_line_that_is_wrong_is_named(make: Make, caller: Caller, lines: Any, pointers: Any) -> None:
    review = make(lines=1)

    answer = caller.http.put(
        f"/api/v1/prescriptions/{review.pk}/order-lines", json.dumps(lines), content_type="application/json"
    )

    body = assert_problem(answer, 400, "invalid")
    found = [error["pointer"] for error in body["errors"]]
    assert sorted(found) == (pointers or ["/0/schedule", "/1", "/2/name", "/2/quantity_ordered"])
    for error in body["errors"]:
        assert not re.search(r"[{}\[\]'\"]|ErrorDetail|dict|NoneType|int\b|\bstr|list\b.*got", error["detail"]), error
    assert [line.quantity_ordered for line in OrderLine.objects.all()] == [30]


def test_a_decision_is_an_object(make: Make, caller: Caller) -> None:
    path = f"/api/v1/prescriptions/{make().pk}/decision"

    for body in ("[]", "5", "null", '"x"'):
        answer = caller.http.post(path, body, content_type="application/json")
        assert assert_problem(answer, 400, "invalid")["errors"] == [{"pointer": "", "detail": "Send an object."}]


def test_the_command_binds_reviewing_tokens_to_people(staff: dict[str, Any], capsys: Any) -> None:
    with pytest.raises(CommandError, match="needs --user"):
        call_command("rxtoken", "create", "--name", "x", "--scopes", "rx:review")
    with pytest.raises(CommandError, match="not an active member"):
        call_command("rxtoken", "create", "--name", "x", "--scopes", "rx:review", "--user", "nobody")

    call_command("rxtoken", "create", "--name", "x", "--scopes", "rx:review", "--user", "pharmacist")

    assert Caller(capsys.readouterr().out.strip()).post("reviews/next").status_code == 204


def test_a_list_costs_the_same_however_long_it_is(make: Make, caller: Caller, django_assert_num_queries: Any) -> None:
    make()
    caller.get("prescriptions")
    with_one = _queries(caller)
    for _ in range(30):
        make()
    caller.get("prescriptions")

    assert _queries(caller) == with_one
    assert Review.objects.count() == 31


def _queries(caller: Caller) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert caller.get("prescriptions").status_code == 200
    return len(queries)


@pytest.mark.parametrize(
    ("change", "status", "pointer"),
    [
        ({"line": [{"line": 1, "decision": "refused"}]}, 400, "/line"),
        ({"lines": [{"line": 1, "decision": "accepted", "quantity_allowed": 5}]}, 400, "/lines/0/quantity_allowed"),
        ({"lines": [{"line": 1, "decision": "owing", "quantity_allowed": 0}]}, 400, "/lines/0/quantity_allowed"),
        ({"lines": [{"line": 1, "verdict": "refused"}]}, 400, "/lines/0/verdict"),
        ({"pages_seen": ["9" * 25, 1]}, 422, "/pages_seen"),
        ({"prescriber": "\u200b\u202e"}, 422, "/prescriber"),
        ({"prescriber": "\u3164"}, 422, "/prescriber"),
    ],
)
def test_what_is_not_known_or_not_seen_approves_nothing(
    caller: Caller, make: Make, staff: dict[str, Any], change: dict[str, Any], status: int, pointer: str
) -> None:
    review = claimed(make, staff["pharmacist"], lines=1)

    refused = caller.post(f"prescriptions/{review.pk}/decision", approval(version=review.version, **change))

    assert refused.status_code == status
    assert refused.json()["errors"][0]["pointer"].startswith(pointer)
    assert Review.objects.get(pk=review.pk).status == ReviewStatus.IN_REVIEW


def test_two_versions_in_one_request_are_refused(caller: Caller, make: Make, staff: dict[str, Any]) -> None:
    review = claimed(make, staff["pharmacist"])
    path, sent = f"prescriptions/{review.pk}/decision", approval(version=review.version)

    assert caller.post(path, sent, **{"If-Match": '"99"'}).status_code == 412
    assert caller.post(path, sent, **{"If-Match": f'"{review.version}"'}).status_code == 200
