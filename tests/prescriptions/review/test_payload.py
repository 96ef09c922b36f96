"""A decision as it is sent: its fields, the rules across them, and that one answer names everything."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from prescriptions.infra.problems import Problem
from prescriptions.models import OrderLine, ReasonCode
from prescriptions.review.payload import CHECKLIST, agree, fields, parse
from prescriptions.review.proof import Calendar, Case

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
    calendar=Calendar(TODAY, {"*": 180, "X": 30}, 1826),
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
        "/reason": "There is no such reason to choose.",
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


DATES = {
    "today": ("2026-03-14", {}, "", ""),
    "tomorrow": ("2026-03-15", {}, "prescription-date", "/prescribed_on"),
    "long ago": ("1026-03-14", {}, "prescription-date", "/prescribed_on"),
    "the earliest": ("2021-03-14", {"may_override": True}, "", ""),
    "before the earliest": ("2021-03-13", {"may_override": True}, "prescription-date", "/prescribed_on"),
    "the last day": ("2025-09-15", {}, "", ""),
    "the day after": ("2025-09-14", {}, "prescription-expired", "/prescribed_on"),
    "for a senior": (
        "2025-09-14",
        {"may_override": True, "override_reason": ""},
        "prescription-expired",
        "/override_reason",
    ),
    "the last day of X": ("2026-02-12", {"schedule": "X"}, "", ""),
    "the day after, of X": ("2026-02-11", {"schedule": "X"}, "prescription-expired", "/prescribed_on"),
}


@pytest.mark.parametrize("name", DATES)
def test_an_approval_rests_on_a_date_that_can_be_and_has_not_run_out(name: str) -> None:
    day, changes, code, pointer = DATES[name]
    lines = [OrderLine(position=1, name="Telmisartan", schedule=changes.get("schedule", "H"), quantity_ordered=30)]
    case = replace(CASE, lines=lines, may_override=changes.get("may_override", False))
    sent = {
        **APPROVAL,
        "prescribed_on": day,
        "registration_number": "KMC 1",
        "override_reason": changes.get("override_reason", "The doctor was called."),
    }
    if code:
        with pytest.raises(Problem) as refused:
            parse(sent, case)
        assert (refused.value.status, refused.value.code) == (422, code)
        assert [error["pointer"] for error in refused.value.errors or []] == [pointer]
        assert refused.value.detail.startswith("It ran out on" if code == "prescription-expired" else "The date is")
    else:
        assert parse(sent, case).columns["valid_until"] >= TODAY


def test_what_a_senior_answers_for_holds_for_that_day() -> None:
    sent = {**APPROVAL, "prescribed_on": "2025-09-14", "override_reason": "The doctor was called."}

    columns = parse(sent, replace(CASE, may_override=True)).columns

    assert (columns["overridden"], columns["override_reason"]) == (["expired"], "The doctor was called.")
    assert columns["valid_until"] == TODAY


def test_a_refused_line_does_not_shorten_the_validity() -> None:
    lines = [OrderLine(position=n, name="x", schedule=s, quantity_ordered=9) for n, s in ((1, "H"), (2, "X"))]
    verdicts = [{"line": 1, "decision": "accepted"}, {"line": 2, "decision": "refused", "reason": "other"}]
    sent = {**APPROVAL, "outcome": "partially_approved", "prescribed_on": "2026-01-14", "lines": verdicts}
    sent["internal_note"] = "No."

    assert parse(sent, replace(CASE, lines=lines)).columns["valid_until"] == date(2026, 7, 13)


def test_a_rejection_may_name_any_date() -> None:
    sent = {"outcome": "rejected", "reason": "other", "internal_note": "x", "prescribed_on": "2999-01-01"}

    assert parse(sent, CASE).columns["valid_until"] is None


@pytest.mark.parametrize(
    ("typed", "meant", "asked"),
    [
        ("2026-03-12", "", False),  # 3 December has not been yet
        ("2026-02-01", "", True),
        ("2026-02-01", "2026-01-02", True),
        ("2026-02-01", "2026-02-01", False),
        ("2026-12-03", "", True),  # in the future, but 12 March was not
        ("2026-03-03", "", False),
        ("2026-02-13", "", False),
        ("2016-02-01", "", False),  # too long ago, whichever it is
    ],
)
def test_a_form_asks_back_where_day_and_month_could_be_swapped(typed: str, meant: str, asked: bool) -> None:
    sent = {**APPROVAL, "prescribed_on": typed, "confirmed_date": meant}

    def pointers(case: Case) -> list[str]:
        try:
            parse(sent, case)
        except Problem as refused:
            return [error["pointer"] for error in refused.errors or []]
        return []

    assert ("/confirmed_date" in pointers(replace(CASE, typed=True))) is asked
    assert "/confirmed_date" not in pointers(CASE), "a program means what it sends"


def test_a_second_person_confirms_every_page_line_and_the_date() -> None:
    lines = [
        OrderLine(position=n, name="x", schedule="X", quantity_ordered=9, decision=decision)
        for n, decision in ((1, "accepted"), (2, "refused"), (3, "owing"))
    ]
    case, decided = replace(CASE, lines=lines), date(2026, 3, 1)
    whole = {"pages_seen": [1, 2], "confirmed_lines": [1, 3], "confirmed_date": "2026-03-01"}

    assert agree(whole, decided, None, case) == (1, 2)
    assert agree({**whole, "pages_seen": []}, decided, None, replace(case, seen=frozenset({1, 2}))) == ()
    for change, pointer in (
        ({"pages_seen": [1]}, "/pages_seen"),
        ({"confirmed_lines": [1, 2]}, "/confirmed_lines"),
        ({"confirmed_date": "2026-01-03"}, "/confirmed_date"),
        ({"confirmed_date": ""}, "/confirmed_date"),
    ):
        with pytest.raises(Problem) as refused:
            agree({**whole, **change}, decided, None, case)
        assert refused.value.code == "decision-incomplete"
        assert [error["pointer"] for error in refused.value.errors or []] == [pointer]
    with pytest.raises(Problem) as late:
        agree(whole, decided, date(2026, 3, 13), case)
    assert late.value.code == "prescription-expired"


def test_no_reason_makes_up_for_a_page_that_nobody_looked_at() -> None:
    sent = {**APPROVAL, "pages_seen": [2], "override_reason": "Called the doctor."}

    assert wrong(sent) == {"/pages_seen": "Not viewed yet: page 1."}
    assert parse(sent, replace(CASE, seen=frozenset({1}))).declared == (2,)


@pytest.mark.parametrize("code", ["withdrawn", "old", "none"])
def test_a_person_gives_only_reasons_that_are_offered(code: str) -> None:
    reasons = {**CASE.reasons, "withdrawn": ReasonCode(code="withdrawn", group="system", active=True)}

    with pytest.raises(Problem) as refused:
        parse({"outcome": "rejected", "reason": code}, replace(CASE, reasons=reasons))

    assert [error["pointer"] for error in refused.value.errors or []] == ["/reason"]


def test_only_the_fields_that_are_asked_for_are_read() -> None:
    sent = {"outcome": "returned", "note": " The date is wrong. ", "prescribed_on": "x"}

    assert fields(sent, "note") == {"note": "The date is wrong."}
    with pytest.raises(Problem):
        fields(sent, "prescribed_on")
