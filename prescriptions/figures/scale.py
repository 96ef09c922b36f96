"""Times on a scale of steps, four to each doubling: a median of millions out of a few dozen rows, within 9 %."""

from collections.abc import Mapping
from math import ceil, log2
from typing import Final

_STEPS: Final = 4


def step(value: float) -> str:
    """The step on which a time lies, in the unit that it was given in; less than 1 counts as 1."""
    return str(ceil(_STEPS * log2(max(value, 1.0))))


def percentile(counted: Mapping[str, int], share: float) -> float | None:
    """The time that `share` of those were done in: the middle of its step. None where nothing was counted."""
    rank, seen = share * sum(counted.values()), 0
    for name in sorted(counted, key=int):
        seen += counted[name]
        if seen >= rank and seen:
            return round(2 ** ((int(name) - 0.5) / _STEPS), 1) if int(name) else 1.0
    return None
