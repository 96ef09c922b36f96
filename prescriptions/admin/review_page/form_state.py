"""What the decision form says: read from a POST, shown again, turned into what `decisions.act` is sent.

Also what the session keeps of it: order lines of an undone decision (codes and numbers only), and the wish for more.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final, Self

from django.http import HttpRequest, QueryDict

from prescriptions.models import LineDecision, Review, ReviewStatus
from prescriptions.review.payload import CHECKLIST, LineVerdict, clean
from prescriptions.review.proof import swapped

# Fields of one value each; what they are called in the form is what the payload calls them.
TEXTS: Final = (
    "prescribed_on",
    "confirmed_date",
    "prescriber",
    "registration_number",
    "reason",
    "reason_page",
    "customer_text",
    "internal_note",
    "override_reason",
    "question",
    "note",
)
# No field of ours is longer; what is sent beyond is cut where it is shown again.
_LONGEST: Final = 4000
_LINE: Final = re.compile(r"line-(\d{1,4})-(decision|quantity|reason)\Z")
# Keys of the session.
TAKE_NEXT: Final = "rx_take_next"  # does this person want the next item at once?
_UNDONE: Final = "rx_undone"


@dataclass(frozen=True, slots=True)
class LineState:
    """One order line's controls, as text."""

    decision: str = ""
    quantity: str = ""
    reason: str = ""

    def __bool__(self) -> bool:
        return bool(self.decision or self.quantity or self.reason)


@dataclass(frozen=True, slots=True)
class FormState:
    """The form as somebody left it. `lines`: by position; `confirmed`: positions that a second person has ticked;
    `version`: of the review that it was about, 0 where it is about the one as it is now.
    """

    outcome: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    checklist: frozenset[str] = frozenset()
    lines: Mapping[int, LineState] = field(default_factory=dict)
    confirmed: frozenset[int] = frozenset()
    version: int = 0

    @classmethod
    def of(cls, post: QueryDict, outcome: str = "") -> Self:
        lines: dict[int, dict[str, str]] = {}
        for name in post:
            if match := _LINE.match(name):
                lines.setdefault(int(match[1]), {})[match[2]] = clean(post[name])[:80]
        return cls(
            outcome=outcome or clean(post.get("outcome"))[:40],
            texts=_as_meant({name: clean(post.get(name))[:_LONGEST] for name in TEXTS}),
            checklist=frozenset(post.getlist("checklist")) & frozenset(CHECKLIST),
            lines={position: LineState(**parts) for position, parts in lines.items()},
            confirmed=numbers(",".join(post.getlist("confirmed_lines"))),
            version=next(iter(numbers(post.get("version", ""))), 0),
        )

    def about(self, review: Review) -> Self:
        """Without what was said of lines that are others now: nobody has said it of these."""
        changed = review.lines_since(self.version) if self.version else {}
        return replace(self, lines={at: line for at, line in self.lines.items() if at not in changed})

    @classmethod
    def undone(cls, review: Review, verdicts: Sequence[LineVerdict]) -> Self:
        """What the decision that was taken back had said. The outcome is to be chosen again."""
        day = review.prescribed_on.isoformat() if review.prescribed_on else ""
        texts = {
            "prescribed_on": day,
            "confirmed_date": day,
            "prescriber": review.prescriber,
            "registration_number": review.registration_number,
            "reason": review.reason_id or "",
            "reason_page": str(review.reason_page or ""),
            "customer_text": review.customer_text,
            "internal_note": review.internal_note,
            "override_reason": review.override_reason,
        }
        lines = {
            line.position: LineState(
                line.decision,
                str(line.allowed or "") if line.decision == LineDecision.REDUCED else "",
                line.reason or "",
            )
            for line in verdicts
            if line.decision != LineDecision.PENDING
        }
        return cls(texts=texts, checklist=frozenset(k for k, ticked in review.checklist.items() if ticked), lines=lines)

    def __bool__(self) -> bool:
        typed = any(self.texts.values()) or any(self.lines.values())
        return bool(self.outcome or self.checklist or self.confirmed or typed)

    def sent(self) -> dict[str, Any]:
        """As `payload.DecisionSerializer` has it."""
        return {
            "outcome": self.outcome,
            **self.texts,
            "checklist": sorted(self.checklist),
            "confirmed_lines": sorted(self.confirmed),
            "lines": [
                {
                    "line": position,
                    "decision": self.lines[position].decision,
                    "quantity_allowed": self.lines[position].quantity,
                    "reason": self.lines[position].reason,
                }
                for position in self.decided()
            ],
        }

    def decided(self) -> list[int]:
        """Order lines about which something is said, in the order in which they are sent. A rejection refuses all."""
        if self.outcome == ReviewStatus.REJECTED:
            return []
        return sorted(position for position, line in self.lines.items() if line.decision)


def _as_meant(texts: dict[str, str]) -> dict[str, str]:
    """Who was asked which of two dates they meant, and chose the other one, meant that."""
    try:
        typed, meant = (date.fromisoformat(texts[name]) for name in ("prescribed_on", "confirmed_date"))
        if swapped(typed) == meant:
            texts["prescribed_on"] = texts["confirmed_date"]
    except ValueError:
        pass  # not both are dates, or there is no such month
    return texts


def keep_undone(request: HttpRequest, review: Review, verdicts: Sequence[LineVerdict]) -> None:
    """What an undone decision had said about order lines, until the page shows it again. What was typed as text is in
    the review's own columns.
    """
    rows = [[line.position, line.decision, line.allowed, line.reason] for line in verdicts]
    request.session[_UNDONE] = {"rx": review.pk, "version": review.version, "lines": rows}


def take_undone(request: HttpRequest, rx: str) -> FormState | None:
    """The form as it was before the decision, as long as nothing else has happened to the review since."""
    kept = request.session.get(_UNDONE)
    if not kept or kept["rx"] != rx:
        return None
    review = Review.objects.filter(pk=rx, version=kept["version"]).first()
    if review is None:
        del request.session[_UNDONE]
        return None
    return FormState.undone(review, [LineVerdict(*row) for row in kept["lines"]])


def numbers(text: str) -> frozenset[int]:
    """`1,2,5` as numbers; what is none is left out."""
    return frozenset(
        int(part) for part in text[:2000].split(",") if part.isascii() and part.isdigit() and len(part) < 6
    )
