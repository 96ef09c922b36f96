"""What is found out on the way, and what it comes to. The first thing that ends the way is the verdict.

Ids, codes, numbers and times only: no token, no reference that a person typed, nothing of a patient.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.utils import timezone

from prescriptions.infra.problems import Problem, documented


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was found out: of which part of the way, what, and its value in words."""

    part: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Ending:
    """How the way ends here. `status`: of the answer, 0 where nothing was asked for; `code`: of its problem, or in our
    own words; `why`: one sentence; `do`: what to do about it, empty where nothing is wrong.
    """

    status: int
    code: str
    why: str
    do: str = ""

    def __str__(self) -> str:
        return f"{self.status or ''} {self.code}: {self.why}".lstrip()

    @property
    def rule(self) -> str:
        """What the register of problems says of this code; empty where it is none."""
        return next((text for code, _statuses, text in documented() if code == self.code), "")


@dataclass(frozen=True, slots=True)
class Explanation:
    """`behind`: what would come next if the verdict's cause were gone. `rxs`: whose prescriptions this tells of."""

    verdict: Ending
    behind: tuple[Ending, ...]
    facts: tuple[Fact, ...]
    rxs: frozenset[str]

    def parts(self) -> dict[str, list[Fact]]:
        """The facts by part, in the order of the way."""
        found: dict[str, list[Fact]] = {}
        for fact in self.facts:
            found.setdefault(fact.part, []).append(fact)
        return found


NOTHING: Final = Ending(0, "nothing-wrong", "Nothing is wrong with it.")


@dataclass(slots=True)
class Notes:
    """`reviews`: may whoever asks know how reviews stand?"""

    reviews: bool = True
    facts: list[Fact] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)
    rxs: set[str] = field(default_factory=set)

    def say(self, part: str, name: str, value: object) -> None:
        fact = Fact(part, name, _words(value))
        if fact not in self.facts:
            self.facts.append(fact)

    def end(self, status: int, code: str, why: str, do: str = "") -> None:
        self.endings.append(Ending(status, code, why, do))

    def refuse(self, problem: Problem, why: str = "", do: str = "") -> None:
        """The answer is this problem."""
        self.end(problem.status, problem.code, why or problem.detail or problem.title, do)

    def explanation(self) -> Explanation:
        verdict, *behind = self.endings or [NOTHING]
        return Explanation(verdict, tuple(behind), tuple(self.facts), frozenset(self.rxs))


def moment(at: datetime) -> str:
    """With seconds and zone: what stands in logs has them, too."""
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M:%S %Z")


def size(count: int) -> str:
    return f"{count:,} bytes"


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return moment(value)
    return f"{value:,}" if isinstance(value, int) else str(value)
