"""A decision as it was sent: read, checked for sense against the prescription, turned into values.

Pure but for what it is given; it looks nothing up and writes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from prescriptions.infra.problems import Problem
from prescriptions.models import LineDecision, OrderLine, ReasonCode
from prescriptions.review.rules import Action

# What makes a prescription valid: the keys are the contract, the words are for the screens.
CHECKLIST: Final = {
    "prescriber": gettext_lazy("Doctor's name and address"),
    "signature": gettext_lazy("Signature or stamp"),
    "patient": gettext_lazy("Patient's name"),
    "date": gettext_lazy("Date of issue"),
    "medicines": gettext_lazy("Medicines with strength, dose and duration"),
}
OUTCOMES: Final = {
    "approved": Action.APPROVE,
    "partially_approved": Action.APPROVE_SOME,
    "rejected": Action.REJECT,
}
_TEXTS: Final = {
    "customer_text": 1000,
    "internal_note": 2000,
    "prescriber": 120,
    "registration_number": 40,
    "override_reason": 400,
}
_SUPPLIED: Final = (LineDecision.ACCEPTED, LineDecision.REDUCED, LineDecision.OWING)


@dataclass(frozen=True, slots=True)
class LineVerdict:
    """What was decided about one order line; `allowed` is a quantity."""

    position: int
    decision: LineDecision
    allowed: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    """A checked decision, ready to be written."""

    action: Action
    columns: Mapping[str, Any]
    lines: tuple[LineVerdict, ...]
    reasons: tuple[str, ...]

    def supplies(self, position: int) -> bool:
        return any(line.position == position and line.decision in _SUPPLIED for line in self.lines)


@dataclass(frozen=True, slots=True)
class Case:
    """What a decision is checked against. `schedules`: lines of these need the prescriber's registration number."""

    pages: int
    lines: Sequence[OrderLine]
    reasons: Mapping[str, ReasonCode]
    schedules: Sequence[str]
    today: date


class _Errors:
    """Everything that is wrong, so that one answer names it all."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []

    def add(self, field: str, text: str) -> None:
        self.found.append({"pointer": f"/{field}", "detail": text})

    def raise_if_any(self) -> None:
        if self.found:
            raise Problem(
                422,
                "decision-incomplete",
                _("The decision is not complete"),
                self.found[0]["detail"],
                errors=self.found,
            )


def parse(sent: Mapping[str, Any], case: Case) -> Decision:
    """Raises Problem 422 `decision-incomplete` with one entry in `errors` per field that is wrong."""
    errors = _Errors()
    action = OUTCOMES.get(str(sent.get("outcome", "")))
    if action is None:
        errors.add("outcome", _("Choose one of: %(allowed)s.") % {"allowed": ", ".join(OUTCOMES)})
        errors.raise_if_any()
        raise AssertionError  # for the type checker: the line above always raises
    columns: dict[str, Any] = _texts(sent, errors)
    columns["checklist"] = _checklist(sent.get("checklist") or {}, errors)
    columns["prescribed_on"] = _day(sent.get("prescribed_on"), case.today, errors)
    reason = _reason(sent.get("reason"), "reason", case, errors)
    columns |= {"reason_id": reason, "reason_page": _page(sent.get("reason_page"), case, errors)}
    lines = _lines(sent.get("lines") or [], action, case, errors)
    _RULES[action](columns, lines, sent, case, errors)
    noted = columns["internal_note"] or columns["customer_text"]
    if reason and reason in case.reasons and case.reasons[reason].needs_note and not noted:
        errors.add("internal_note", _("This reason needs a note."))
    errors.raise_if_any()
    codes = dict.fromkeys(code for code in (reason, *(line.reason for line in lines)) if code)
    return Decision(action, columns, lines, tuple(codes))


def _approve(
    columns: dict[str, Any], lines: tuple[LineVerdict, ...], sent: Mapping[str, Any], case: Case, errors: _Errors
) -> None:
    if any(line.decision is not LineDecision.ACCEPTED for line in lines):
        errors.add("outcome", _("Not every line is accepted as ordered: this is a partial approval."))
    if columns["reason_id"]:
        errors.add("reason", _("An approval has no reason."))
    _proof(columns, lines, sent, case, errors)


def _approve_some(
    columns: dict[str, Any], lines: tuple[LineVerdict, ...], sent: Mapping[str, Any], case: Case, errors: _Errors
) -> None:
    if not any(line.decision in _SUPPLIED for line in lines):
        errors.add("lines", _("A partial approval accepts something. To accept nothing, reject it."))
    if all(line.decision is LineDecision.ACCEPTED for line in lines):
        errors.add("lines", _("Every line is accepted as ordered: this is a full approval."))
    _proof(columns, lines, sent, case, errors)


def _reject(
    columns: dict[str, Any], lines: tuple[LineVerdict, ...], sent: Mapping[str, Any], case: Case, errors: _Errors
) -> None:
    if not columns["reason_id"]:
        errors.add("reason", _("Say why it is not accepted."))
    columns["override_reason"] = ""


_RULES: Final[Mapping[Action, Callable[..., None]]] = {
    Action.APPROVE: _approve,
    Action.APPROVE_SOME: _approve_some,
    Action.REJECT: _reject,
}


def _proof(
    columns: dict[str, Any], lines: tuple[LineVerdict, ...], sent: Mapping[str, Any], case: Case, errors: _Errors
) -> None:
    """What an approval rests on: date, prescriber, checklist, and that every page was looked at."""
    if columns["prescribed_on"] is None and not any(e["pointer"] == "/prescribed_on" for e in errors.found):
        errors.add("prescribed_on", _("Enter the date of the prescription."))
    if not columns["prescriber"]:
        errors.add("prescriber", _("Enter the prescriber's name."))
    strict = {line.position for line in case.lines if line.schedule in case.schedules}
    if not columns["registration_number"] and any(x.position in strict and x.decision in _SUPPLIED for x in lines):
        errors.add("registration_number", _("These medicines need the prescriber's registration number."))
    if columns["override_reason"]:
        return
    if not all(columns["checklist"].values()):
        errors.add("checklist", _("Tick all five points, or say why you approve all the same."))
    seen = _whole_numbers(sent.get("pages_seen") or [])
    unseen = [number for number in range(1, case.pages + 1) if number not in seen]
    if unseen:
        listed = ", ".join(map(str, unseen))
        errors.add("pages_seen", _("Not looked at yet: page %(pages)s.") % {"pages": listed})


def clean(sent: Any) -> str:
    """What a person typed, without what no database stores: NUL and halves of surrogate pairs."""
    return str(sent or "").replace("\x00", "").encode(errors="ignore").decode().strip()


def _texts(sent: Mapping[str, Any], errors: _Errors) -> dict[str, Any]:
    texts = {}
    for field, longest in _TEXTS.items():
        text = clean(sent.get(field))
        if len(text) > longest:
            errors.add(field, _("At most %(longest)d characters.") % {"longest": longest})
        texts[field] = text
    return texts


def _checklist(sent: Any, errors: _Errors) -> dict[str, bool]:
    ticked = dict.fromkeys(map(str, sent), True) if isinstance(sent, list) else sent
    if not isinstance(ticked, Mapping):
        ticked = {}
    unknown = sorted(str(key) for key in ticked if key not in CHECKLIST)
    if unknown:
        errors.add("checklist", _("Known points are: %(points)s.") % {"points": ", ".join(CHECKLIST)})
    return {key: ticked.get(key) is True for key in CHECKLIST}


def _day(sent: Any, today: date, errors: _Errors) -> date | None:
    if not sent:
        return None
    try:
        day = sent if isinstance(sent, date) else date.fromisoformat(str(sent))
    except ValueError:
        errors.add("prescribed_on", _("Write the date as YYYY-MM-DD."))
        return None
    if day > today:
        errors.add("prescribed_on", _("The date lies in the future."))
    return day


def _reason(sent: Any, field: str, case: Case, errors: _Errors) -> str | None:
    code = str(sent or "")
    if code and (code not in case.reasons or not case.reasons[code].active):
        errors.add(field, _("There is no such reason."))
    return code or None


def _page(sent: Any, case: Case, errors: _Errors) -> int | None:
    if sent in (None, ""):
        return None
    number = _whole_number(sent)
    if number is None or not 1 <= number <= case.pages:
        errors.add("reason_page", _("There is no such page."))
    return number


def _lines(sent: Any, action: Action, case: Case, errors: _Errors) -> tuple[LineVerdict, ...]:
    """One verdict per order line. A full approval or a rejection need not spell out what it says of every line."""
    known = {line.position: line for line in case.lines}
    given: dict[int, LineVerdict] = {}
    for index, item in enumerate(sent if isinstance(sent, list) else []):
        pointer = f"lines/{index}"
        line = known.get(_whole_number(item.get("line")) or 0) if isinstance(item, Mapping) else None
        if line is None or line.position in given:
            errors.add(pointer, _("There is no such order line, or it is named twice."))
            continue
        given[line.position] = _verdict(item, line, pointer, case, errors)
    if action is Action.REJECT:
        return tuple(LineVerdict(position, LineDecision.REFUSED, 0, None) for position in known)
    if action is Action.APPROVE:
        return tuple(
            given.get(position, LineVerdict(position, LineDecision.ACCEPTED, line.quantity_ordered, None))
            for position, line in known.items()
        )
    errors_of_missing = [position for position in known if position not in given]
    if errors_of_missing or not known:
        listed = ", ".join(map(str, errors_of_missing)) or "-"
        errors.add("lines", _("Decide about every order line; missing: %(lines)s.") % {"lines": listed})
    return tuple(given.values())


def _verdict(item: Mapping[str, Any], line: OrderLine, pointer: str, case: Case, errors: _Errors) -> LineVerdict:
    text = str(item.get("decision", ""))
    if text not in LineDecision.values or text == LineDecision.PENDING:
        allowed = ", ".join(value for value in LineDecision.values if value != LineDecision.PENDING)
        errors.add(f"{pointer}/decision", _("Choose one of: %(allowed)s.") % {"allowed": allowed})
        return LineVerdict(line.position, LineDecision.PENDING, None, None)
    decision = LineDecision(text)
    reason = _reason(item.get("reason"), f"{pointer}/reason", case, errors)
    quantity = _whole_number(item.get("quantity_allowed"))
    match decision:
        case LineDecision.REDUCED:
            if quantity is None or not 0 < quantity < line.quantity_ordered:
                errors.add(f"{pointer}/quantity_allowed", _("Allow more than nothing and less than was ordered."))
        case LineDecision.REFUSED:
            quantity = 0
            if not reason:
                errors.add(f"{pointer}/reason", _("Say why this line is not accepted."))
        case _:
            quantity = line.quantity_ordered
    return LineVerdict(line.position, decision, quantity, reason)


def _whole_number(sent: Any) -> int | None:
    if isinstance(sent, bool) or not isinstance(sent, int | str):
        return None
    text = str(sent)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def _whole_numbers(sent: Any) -> set[int]:
    return {number for item in sent if (number := _whole_number(item)) is not None} if isinstance(sent, list) else set()
