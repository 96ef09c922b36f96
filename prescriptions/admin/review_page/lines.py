"""The form's rows: order lines and reasons with what was typed about them and what was wrong with it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from prescriptions.admin.review_page.form_state import FormState, LineState
from prescriptions.infra.problems import Problem
from prescriptions.models import LineDecision, OrderLine, ReasonCode, ReasonGroup
from prescriptions.review.payload import SUPPLIED

# Short words: four of them stand side by side.
CHOICES: Final[tuple[tuple[str, Promise], ...]] = (
    (LineDecision.ACCEPTED.value, _("Accept")),
    (LineDecision.REDUCED.value, _("Less")),
    (LineDecision.REFUSED.value, _("Refuse")),
    (LineDecision.OWING.value, _("Owing")),
)
# Where the payload's word for a field is not the form's.
_ELSEWHERE: Final = {"pages_seen": "strip", "boxes": "viewer", "confirmed_lines": "lines"}
_PARTS: Final = {"decision": "decision", "quantity_allowed": "quantity", "reason": "reason"}


@dataclass(frozen=True, slots=True)
class Row:
    """An order line as the form shows it."""

    line: OrderLine
    state: LineState
    errors: Mapping[str, str]
    strict: bool

    @property
    def name(self) -> str:
        return f"line-{self.line.position}"

    @property
    def supplied(self) -> bool:
        return self.line.decision in SUPPLIED


@dataclass(frozen=True, slots=True)
class Wrong:
    """One entry of the error summary: the field's element, and what to do."""

    field: str
    text: str


def rows(lines: Sequence[OrderLine], form: FormState, wrong: Mapping[str, str], strict: Sequence[str]) -> list[Row]:
    """`strict`: schedules that need the registration number and a second check."""
    return [
        Row(
            line,
            form.lines.get(line.position, LineState()),
            {part: wrong.get(f"line-{line.position}-{part}", "") for part in _PARTS.values()},
            line.schedule in strict,
        )
        for line in lines
    ]


def reason_groups(reasons: Iterable[ReasonCode]) -> list[tuple[str, list[ReasonCode]]]:
    """Reasons that are offered, under their headings."""
    offered = sorted((r for r in reasons if r.offered), key=lambda r: (ReasonGroup.values.index(r.group), r.position))
    return [(str(ReasonGroup(group).label), list(items)) for group, items in groupby(offered, key=lambda r: r.group)]


def wrongs(problem: Problem | None, decided: Sequence[int]) -> list[Wrong]:
    """What a Problem complains about, field by field. `decided`: positions of the lines as they were sent."""
    if problem is None:
        return []
    return [Wrong(_field(str(error["pointer"]), decided), str(error["detail"])) for error in problem.errors or []]


def _field(pointer: str, decided: Sequence[int]) -> str:
    first, *rest = pointer.strip("/").split("/")
    if first == "lines" and rest and rest[0].isdigit() and int(rest[0]) < len(decided):
        part = _PARTS.get(rest[1], "decision") if len(rest) > 1 else "decision"
        return f"line-{decided[int(rest[0])]}-{part}"
    return _ELSEWHERE.get(first, first)
