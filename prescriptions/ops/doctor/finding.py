"""What the doctor says of one thing."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How it is. Only `BAD` stops the service, now or soon."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    UNKNOWN = "unknown"  # cannot be seen from here


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the screen. `area` groups lines; `seen`: what was found; `do`: what to do, empty if all is well."""

    area: str
    name: str
    state: State
    seen: str
    do: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """Makes the lines of one area."""

    area: str

    def good(self, name: str, seen: str) -> Finding:
        return Finding(self.area, name, State.GOOD, seen)

    def warn(self, name: str, seen: str, do: str) -> Finding:
        return Finding(self.area, name, State.WARN, seen, do)

    def bad(self, name: str, seen: str, do: str) -> Finding:
        return Finding(self.area, name, State.BAD, seen, do)

    def unknown(self, name: str, seen: str, do: str = "") -> Finding:
        return Finding(self.area, name, State.UNKNOWN, seen, do)
