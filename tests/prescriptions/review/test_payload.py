"""A decision as it is sent: its fields, the rules across them, and that one answer names everything."""

from datetime import date
from typing import Any

import pytest

from prescriptions.infra.problems import Problem
from prescriptions.models import OrderLine, ReasonCode
from prescriptions.review.payload import CHECKLIST, Case, fields, parse

TODAY = date(2026, 3, 14)
CASE = Case(
    pages=2,
    lines=[OrderLine(position=n, name="Telmisartan", schedule="H", quantity_ordered=30) for n in (1, 2)],
    reasons={
        "image_blurry": ReasonCode(code="image_blurry", active=True),
        "other": ReasonCode(code="other", active=True, needs_note=True),
        "old": ReasonCode(code="old", active=False),
    },
    schedules=("X",),
    today=TODAY,
)
APPROVAL = {
    "outcome": "approved",
    "prescribed_on": "2026-03-14",
    "prescriber": "Dr A. Rao",
    "checklist": dict.fromkeys(CHECKLIST, True),
    "pages_seen": [1, 2],
}


def wrong(sent: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(Problem) as refused:
        parse(sent, CASE)
    problem = refused.value
    assert (problem.status, problem.code) == (422, "decision-incomplete")
    errors = problem.errors or []
    assert problem.detail == errors[0]["detail"]
    named = {error["pointer"]: error["detail"] for error in errors}
    assert len(named) == len(errors), "each field once"
    return named


def test_one_answer_names_every_field_that_is_wrong_whatever_is_wrong_with_it() -> None:
    sent = {
        "outcome": "partially_approved",
        "prescribed_on": "14.3.2026",
        "registration_number": "x" * 41,
        "checklist": {"date": True, "colour": True},
        "pages_seen": [1],
        "reason": "old",
        "reason_page": 3,
        "lines": [
            {"line": 1, "decision": "reduced", "quantity_allowed": "some"},
            {"line": 2, "decision": "refused"},
            {"line": 2, "decision": "accepted"},
        ],
    }

    assert wrong(sent) == {
        "/registration_number": "At most 40 characters.",
        "/prescribed_on": "Write the date as YYYY-MM-DD.",
        "/lines/0/quantity_allowed": "Write a whole number.",
        "/checklist": "The points are: prescriber, signature, patient, date, medicines.",
        "/reason": "There is no such reason.",
        "/reason_page": "There is no such page.",
        "/lines/1/reason": "Say why this line is not accepted.",
        "/lines/2": "There is no such order line, or it is listed twice.",
        "/prescriber": "Enter the prescriber's name.",
        "/pages_seen": "Not viewed yet: page 2.",
    }


@pytest.mark.parametrize(
    ("sent", "pointer"),
    [
        ({"lines": {"1": "accepted"}}, "/lines"),
        ({"lines": [{"line": 1}]}, "/lines/0/decision"),
        ({"lines": ["accepted"]}, "/lines/0"),
        ({"checklist": ["date"]}, "/checklist"),
        ({"checklist": [["date"]]}, "/checklist"),
        ({"checklist": 5}, "/checklist"),
        ({"checklist": {**dict.fromkeys(CHECKLIST, True), "date": "perhaps"}}, "/checklist/date"),
        ({"pages_seen": [1, 2, "last"]}, "/pages_seen/2"),
        ({"prescriber": ["Dr A. Rao"]}, "/prescriber"),
        ({"reason_page": 1.5}, "/reason_page"),
        ({"prescribed_on": "2026-03-15"}, "/prescribed_on"),
        ({"outcome": "partially_approved"}, "/lines"),
        ({"outcome": "perhaps"}, "/outcome"),
    ],
)
def test_a_pointer_leads_to_the_field(sent: dict[str, Any], pointer: str) -> None:
    assert pointer in wrong({**APPROVAL, **sent})


@pytest.mark.parametrize("nothing", ["", None])
def test_an_empty_field_is_as_good_as_none(nothing: str | None) -> None:
    names = ("reason", "reason_page", "customer_text", "internal_note", "override_reason", "lines", "question")

    decision = parse({**APPROVAL, **dict.fromkeys(names, nothing)}, CASE)

    assert (decision.columns["reason_id"], decision.columns["reason_page"]) == (None, None)
    assert (decision.columns["customer_text"], decision.columns["override_reason"]) == ("", "")
    assert [(line.position, line.decision, line.allowed) for line in decision.lines] == [
        (1, "accepted", 30),
        (2, "accepted", 30),
    ]


def test_what_no_database_stores_is_left_out() -> None:
    decision = parse({**APPROVAL, "customer_text": " Take\x00 care\ud800. "}, CASE)

    assert decision.columns["customer_text"] == "Take care."


def test_numbers_may_come_as_text_as_forms_send_them() -> None:
    lines = [{"line": "1", "decision": "accepted"}, {"line": "2", "decision": "reduced", "quantity_allowed": "10"}]

    decision = parse({**APPROVAL, "outcome": "partially_approved", "pages_seen": ["1", "2"], "lines": lines}, CASE)

    assert [(line.position, line.decision, line.allowed) for line in decision.lines] == [
        (1, "accepted", 30),
        (2, "reduced", 10),
    ]


def test_the_checklist_may_be_a_list_of_what_is_ticked() -> None:
    decision = parse({**APPROVAL, "checklist": list(CHECKLIST)}, CASE)

    assert decision.columns["checklist"] == dict.fromkeys(CHECKLIST, True)


def test_a_rejection_refuses_every_line_and_names_each_reason_once() -> None:
    sent = {"outcome": "rejected", "reason": "other", "internal_note": "Torn.", "override_reason": "x", "lines": []}

    decision = parse(sent, CASE)

    assert {line.decision for line in decision.lines} == {"refused"}
    assert decision.reasons == ["other"]
    assert decision.columns["override_reason"] == ""


def test_only_the_fields_that_are_asked_for_are_read() -> None:
    sent = {"outcome": "returned", "note": " The date is wrong. ", "prescribed_on": "x"}

    assert fields(sent, "note") == {"note": "The date is wrong."}
    with pytest.raises(Problem):
        fields(sent, "prescribed_on")
