"""What somebody typed into the decision form: read from a POST, shown again, turned into what `payload.parse` reads."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from django.http import QueryDict

from prescriptions.models import Review, ReviewStatus
from prescriptions.review.payload import CHECKLIST, clean
from prescriptions.review.undo import Verdict

# Fields of one value each; what they are called in the form is what the payload calls them.
TEXTS: Final = (
    "prescribed_on",
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


@dataclass(frozen=True, slots=True)
class TypedLine:
    """One order line's controls, as text."""

    decision: str = ""
    quantity: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Typed:
    """The form as it was left."""

    outcome: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    checklist: frozenset[str] = frozenset()
    lines: Mapping[int, TypedLine] = field(default_factory=dict)
    seen: frozenset[int] = frozenset()

    @classmethod
    def of(cls, post: QueryDict, outcome: str = "") -> Self:
        lines: dict[int, dict[str, str]] = {}
        for name in post:
            if match := _LINE.match(name):
                lines.setdefault(int(match[1]), {})[match[2]] = clean(post[name])[:80]
        return cls(
            outcome=outcome or clean(post.get("outcome"))[:40],
            texts={name: clean(post.get(name))[:_LONGEST] for name in TEXTS},
            checklist=frozenset(post.getlist("checklist")) & frozenset(CHECKLIST),
            lines={position: TypedLine(**typed) for position, typed in lines.items()},
            seen=numbers(post.get("pages_seen", "")),
        )

    @classmethod
    def undone(cls, review: Review, verdicts: Sequence[Verdict]) -> Self:
        """What the decision that was taken back had said. The outcome is to be chosen again."""
        texts = {
            "prescribed_on": review.prescribed_on.isoformat() if review.prescribed_on else "",
            "prescriber": review.prescriber,
            "registration_number": review.registration_number,
            "reason": review.reason_id or "",
            "reason_page": str(review.reason_page or ""),
            "customer_text": review.customer_text,
            "internal_note": review.internal_note,
            "override_reason": review.override_reason,
        }
        lines = {
            verdict.position: TypedLine(
                verdict.decision, str(verdict.quantity or "") if verdict.decision == "reduced" else "", verdict.reason
            )
            for verdict in verdicts
            if verdict.decision != "pending"
        }
        return cls(texts=texts, checklist=frozenset(k for k, ticked in review.checklist.items() if ticked), lines=lines)

    def __bool__(self) -> bool:
        return bool(
            self.outcome or self.checklist or any(self.texts.values()) or any(map(_touched, self.lines.values()))
        )

    def sent(self, positions: Sequence[int]) -> dict[str, Any]:
        """As `payload.parse` reads it; `positions` of the order lines give the order of `lines`."""
        return {
            "outcome": self.outcome,
            **self.texts,
            "checklist": sorted(self.checklist),
            "pages_seen": sorted(self.seen),
            "lines": [
                {
                    "line": position,
                    "decision": self.lines[position].decision,
                    "quantity_allowed": self.lines[position].quantity,
                    "reason": self.lines[position].reason,
                }
                for position in self.decided(positions)
            ],
        }

    def decided(self, positions: Sequence[int]) -> list[int]:
        """Order lines about which something was said, in the order in which they are sent. A rejection refuses all."""
        if self.outcome == ReviewStatus.REJECTED:
            return []
        return [position for position in positions if position in self.lines and self.lines[position].decision]


def numbers(text: str) -> frozenset[int]:
    """`1,2,5` as numbers; what is none is left out."""
    return frozenset(
        int(part) for part in text[:2000].split(",") if part.isascii() and part.isdigit() and len(part) < 6
    )


def _touched(line: TypedLine) -> bool:
    return bool(line.decision or line.quantity or line.reason)
