"""A decision as it was sent: what each field may be, then the rules across fields. Looks nothing up, writes nothing.

The API's serializer sits here and not in the API, because a form sends the same decision, and because `decisions` reads
its fields only when it knows that this person may decide: a refusal must not depend on what was typed.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers

from prescriptions.infra.problems import flattened
from prescriptions.models import LineDecision
from prescriptions.review import proof
from prescriptions.review.proof import Case, Wrong, incomplete
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
SUPPLIED: Final = (LineDecision.ACCEPTED, LineDecision.REDUCED, LineDecision.OWING)
_DECIDED: Final = tuple(value for value in LineDecision.values if value != LineDecision.PENDING)
_TEXTS: Final = ("customer_text", "internal_note", "prescriber", "registration_number", "override_reason")
_AGREEMENT: Final = ("pages_seen", "confirmed_lines", "confirmed_date")
_DECISION: Final = (*_TEXTS, *_AGREEMENT, "checklist", "prescribed_on", "reason", "reason_page", "lines")


# --- Fields -----------------------------------------------------------------------------------------------------------
_UNSEEN: Final = re.compile(  # controls, directions, no width; not the joiners, which Indian scripts need
    r"[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)
_MOST: Final = 2**31 - 1  # that a column holds
_BLANK: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters that show nothing


def clean(sent: Any) -> str:
    """What a person typed, without halves of surrogate pairs and what nobody can see; empty if nothing shows."""
    text = _UNSEEN.sub("", str(sent or "").encode(errors="ignore").decode()).strip()
    return text if any(sign.isprintable() and not sign.isspace() and sign not in _BLANK for sign in text) else ""


def _choose(choices: Iterable[str]) -> Any:
    return format_lazy(gettext_lazy("Choose one of: {allowed}."), allowed=", ".join(choices))


class _Text(serializers.CharField):
    default_error_messages = {"max_length": gettext_lazy("At most {max_length} characters.")}  # noqa: RUF012

    def to_internal_value(self, data: Any) -> str:
        return clean(super().to_internal_value(data))


class _Number(serializers.IntegerField):
    default_error_messages = dict.fromkeys(("invalid", "min_value", "max_value"), gettext_lazy("Write a whole number."))

    def __init__(self, **rest: Any) -> None:
        super().__init__(min_value=-_MOST, max_value=_MOST, **rest)


class _Date(serializers.DateField):
    default_error_messages = {"invalid": gettext_lazy("Write the date as YYYY-MM-DD.")}  # noqa: RUF012


class _Checklist(serializers.DictField):
    """Point -> ticked or not. A list is taken too: of the points that are ticked."""

    child = serializers.BooleanField()

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(dict.fromkeys(map(str, data), True) if isinstance(data, list) else data)


class LineVerdictSerializer(serializers.Serializer[Any]):
    line = _Number()
    decision = serializers.ChoiceField(choices=_DECIDED, error_messages={"invalid_choice": _choose(_DECIDED)})
    quantity_allowed = _Number(required=False, help_text="Where it is less than ordered.")
    reason = _Text(required=False, help_text="Code of the reason, where it is refused.")


class DecisionSerializer(serializers.Serializer[Any]):
    """What to send. A refusal names every field that is wrong."""

    outcome = serializers.ChoiceField(
        choices=(*OUTCOMES, "clarification", "confirmed", "returned", "reopened"),
        help_text="`confirmed` and `returned` are second checks.",
    )
    version = _Number(required=False, help_text="Of the review that was looked at; or If-Match.")
    prescribed_on = _Date(required=False)
    prescriber = _Text(required=False, max_length=120)
    registration_number = _Text(required=False, max_length=40)
    checklist = _Checklist(required=False, help_text=f"Points: {', '.join(CHECKLIST)}.")
    pages_seen = serializers.ListField(
        child=_Number(), required=False, help_text="Pages that you looked at; the audit log has it as declared."
    )
    override_reason = _Text(
        required=False, max_length=400, help_text="Why approve without all points; for seniors also: what has run out."
    )
    lines = LineVerdictSerializer(many=True, required=False)
    reason = _Text(required=False)
    reason_page = _Number(required=False)
    customer_text = _Text(required=False, max_length=1000)
    internal_note = _Text(required=False, max_length=2000)
    question = _Text(required=False, help_text="For `clarification`.")
    note = _Text(required=False, help_text="For `returned` and `reopened`: why.")
    confirmed_lines = serializers.ListField(
        child=_Number(), required=False, help_text="For `confirmed`: the lines that are supplied, each checked again."
    )
    confirmed_date = _Date(required=False, help_text="For `confirmed`: the date as you read it on the prescription.")


def fields(sent: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Some fields of what was sent, as values. Raises Problem 422 `decision-incomplete`."""
    wrong: list[Wrong] = []
    given = _read(DecisionSerializer(), sent, names, wrong)
    if wrong:
        raise incomplete(wrong)
    return given


def _read(
    serializer: serializers.Serializer[Any], sent: Any, names: Iterable[str], wrong: list[Wrong], at: str = ""
) -> dict[str, Any]:
    """Field by field, and not by `is_valid`, which gives nothing back where one field is wrong: the rules look at the
    others, so that one answer names everything. Empty is as good as not sent.
    """
    values: dict[str, Any] = {}
    for name in names if isinstance(sent, Mapping) else ():
        field, given, pointer = serializer.fields[name], sent.get(name), f"{at}/{name}"
        if given is None or given == "":
            continue
        if isinstance(field, serializers.ListSerializer) and isinstance(given, list):
            one: Any = field.child
            values[name] = [_read(one, x, one.fields, wrong, f"{pointer}/{n}") for n, x in enumerate(given)]
            continue
        try:
            values[name] = field.run_validation(given)
        except serializers.ValidationError as refused:
            wrong += flattened(refused.detail, pointer)
    return values


# --- Rules across fields ----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class LineVerdict:
    """What was decided about one order line; `allowed` is a quantity, `reason` a code."""

    position: int
    decision: str
    allowed: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision that can be written: columns of the review, and what it says of the order lines."""

    action: Action
    columns: Mapping[str, Any]
    lines: tuple[LineVerdict, ...]
    declared: tuple[int, ...] = ()  # pages that were seen, as the sender says

    @property
    def reasons(self) -> list[str]:
        """Codes, each once."""
        codes = (self.columns["reason_id"], *(line.reason for line in self.lines))
        return list(dict.fromkeys(filter(None, codes)))

    def supplies(self, position: int) -> bool:
        return any(line.position == position and line.decision in SUPPLIED for line in self.lines)


def parse(sent: Mapping[str, Any], case: Case) -> Decision:
    """Raises Problem 422 with one entry in `errors` for each field that is wrong: `prescription-date` or
    `prescription-expired` where the date forbids an approval, `decision-incomplete` otherwise.
    """
    action = OUTCOMES.get(str(sent.get("outcome", "")))
    if action is None:
        raise incomplete([("/outcome", str(_choose(OUTCOMES)))])
    wrong: list[Wrong] = []
    given = _read(DecisionSerializer(), sent, _DECISION, wrong)
    ticked = given.get("checklist", {})
    columns = {name: given.get(name, "") for name in _TEXTS} | {
        "checklist": {key: ticked.get(key, False) for key in CHECKLIST},
        "prescribed_on": given.get("prescribed_on"),
        "reason_id": given.get("reason") or None,
        "reason_page": given.get("reason_page"),
    }
    verdicts = _verdicts(given.get("lines", []), action, case)
    decision = Decision(action, columns, verdicts, tuple(given.get("pages_seen", ())))
    wrong += _wrong(decision, given, case)
    day = proof.Validity() if action is Action.REJECT else _validity(decision, given, case)
    if wrong or day.wrong:
        raise incomplete([*day.wrong, *wrong] if day.code else [*wrong, *day.wrong], day.code)
    overridden = _overridden(decision, day)
    columns |= {"valid_until": day.until, "overridden": overridden}
    if not overridden:
        columns["override_reason"] = ""
    return decision


def _validity(decision: Decision, given: Mapping[str, Any], case: Case) -> proof.Validity:
    supplied = [line.schedule for line in case.lines if decision.supplies(line.position)]
    return proof.validity(decision.columns["prescribed_on"], supplied, given, case)


def _overridden(decision: Decision, day: proof.Validity) -> list[str]:
    """What the reason that somebody wrote makes up for, as codes."""
    complete = decision.action is Action.REJECT or all(decision.columns["checklist"].values())
    return [code for code, yes in (("checklist", not complete), ("expired", day.overridden)) if yes]


def agree(sent: Mapping[str, Any], decided: date | None, over: date | None, case: Case) -> tuple[int, ...]:
    """What a second person confirms: every page, each line that is supplied, and the date; the pages they declare.

    `decided`: the date of the first decision; `over`: the last day of its validity, where that is past. Raises Problem
    422, as `parse` does.
    """
    wrong: list[Wrong] = []
    given = _read(DecisionSerializer(), sent, _AGREEMENT, wrong)
    wrong += proof.unseen(given, case)
    lines = [line.position for line in case.lines if line.decision in SUPPLIED]
    missing = [str(position) for position in lines if position not in given.get("confirmed_lines", [])]
    if missing:
        wrong.append(("/confirmed_lines", _("Confirm each line: %(lines)s.") % {"lines": ", ".join(missing)}))
    if over:
        wrong.insert(0, ("/confirmed_date", proof.ran_out(over)))
    elif given.get("confirmed_date") != decided:
        wrong.append(("/confirmed_date", _("Confirm the date. If it is not the one decided on, do not agree.")))
    if wrong:
        raise incomplete(wrong, "prescription-expired" if over else "")
    return tuple(given.get("pages_seen", ()))


def _verdicts(sent: Sequence[Mapping[str, Any]], action: Action, case: Case) -> tuple[LineVerdict, ...]:
    """One for each order line. A full approval or a rejection need not spell out what it says of every line."""
    if action is Action.REJECT:
        return tuple(LineVerdict(line.position, LineDecision.REFUSED, 0, None) for line in case.lines)
    ordered = {line.position: line.quantity_ordered for line in case.lines}
    verdicts = {
        position: LineVerdict(position, LineDecision.ACCEPTED, quantity, None)
        for position, quantity in ordered.items()
        if action is Action.APPROVE
    }
    for item in sent:
        position, decision = item.get("line", 0), item.get("decision", LineDecision.PENDING)
        if position in ordered:
            allowed = {LineDecision.REDUCED: item.get("quantity_allowed"), LineDecision.REFUSED: 0}
            quantity = allowed.get(decision, ordered[position])
            verdicts[position] = LineVerdict(position, decision, quantity, item.get("reason") or None)
    return tuple(verdicts.values())


def _wrong(decision: Decision, given: Mapping[str, Any], case: Case) -> Iterator[Wrong]:
    columns, code, page = decision.columns, decision.columns["reason_id"], decision.columns["reason_page"]
    if given.get("checklist", {}).keys() - CHECKLIST.keys():
        yield "/checklist", _("The points are: %(points)s.") % {"points": ", ".join(CHECKLIST)}
    yield from _wrong_reason("/reason", code, case)
    if page is not None and not 1 <= page <= case.pages:
        yield "/reason_page", _("There is no such page.")
    yield from _wrong_lines(given.get("lines", []), case)
    yield from _RULES[decision.action](decision, given, case)
    noted = columns["internal_note"] or columns["customer_text"]
    if code in case.reasons and case.reasons[code].needs_note and not noted:
        yield "/internal_note", _("This reason needs a note.")


def _wrong_reason(pointer: str, code: str | None, case: Case) -> Iterator[Wrong]:
    if code and (code not in case.reasons or not case.reasons[code].offered):
        yield pointer, _("There is no such reason to choose.")


def _wrong_lines(sent: Sequence[Mapping[str, Any]], case: Case) -> Iterator[Wrong]:
    left = {line.position: line for line in case.lines}
    for index, item in enumerate(sent):
        pointer, line = f"/lines/{index}", left.pop(item.get("line", 0), None)
        if line is None:
            yield pointer, _("There is no such order line, or it is listed twice.")
            continue
        yield from _wrong_reason(f"{pointer}/reason", item.get("reason"), case)
        match item.get("decision"):
            case LineDecision.REDUCED if not 0 < item.get("quantity_allowed", 0) < line.quantity_ordered:
                yield f"{pointer}/quantity_allowed", _("Allow at least 1, and less than was ordered.")
            case LineDecision.REFUSED if not item.get("reason"):
                yield f"{pointer}/reason", _("Say why this line is not accepted.")
            case None:
                yield f"{pointer}/decision", str(_choose(_DECIDED))


def _approve(decision: Decision, given: Mapping[str, Any], case: Case) -> Iterator[Wrong]:
    if any(line.decision != LineDecision.ACCEPTED for line in decision.lines):
        yield "/outcome", _("Not every line is accepted as ordered: this is a partial approval.")
    if decision.columns["reason_id"]:
        yield "/reason", _("An approval has no reason.")
    yield from _proof(decision, given, case)


def _approve_some(decision: Decision, given: Mapping[str, Any], case: Case) -> Iterator[Wrong]:
    decided = {line.position for line in decision.lines}
    missing = [str(line.position) for line in case.lines if line.position not in decided]
    if missing or not decided:
        listed = ", ".join(missing) or "-"
        yield "/lines", _("Decide on every order line. Missing: %(lines)s.") % {"lines": listed}
    if not any(line.decision in SUPPLIED for line in decision.lines):
        yield "/lines", _("A partial approval accepts something. To accept nothing, reject it.")
    if all(line.decision == LineDecision.ACCEPTED for line in decision.lines):
        yield "/lines", _("Every line is accepted as ordered: this is a full approval.")
    yield from _proof(decision, given, case)


def _reject(decision: Decision, given: Mapping[str, Any], case: Case) -> Iterator[Wrong]:
    if not decision.columns["reason_id"]:
        yield "/reason", _("Say why it is not accepted.")


_RULES: Final[Mapping[Action, Callable[[Decision, Mapping[str, Any], Case], Iterator[Wrong]]]] = {
    Action.APPROVE: _approve,
    Action.APPROVE_SOME: _approve_some,
    Action.REJECT: _reject,
}


def _proof(decision: Decision, given: Mapping[str, Any], case: Case) -> Iterator[Wrong]:
    """What an approval rests on, besides the date: prescriber, checklist, and that every page was looked at."""
    columns = decision.columns
    if not columns["prescriber"]:
        yield "/prescriber", _("Enter the prescriber's name.")
    strict = any(line.schedule in case.schedules and decision.supplies(line.position) for line in case.lines)
    if strict and not columns["registration_number"]:
        yield "/registration_number", _("These medicines need the prescriber's registration number.")
    if not all(columns["checklist"].values()) and not columns["override_reason"]:
        yield "/checklist", _("Tick all five points, or say why you approve it anyway.")
    yield from proof.unseen(given, case)
