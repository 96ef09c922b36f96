"""What it saves to make a variant when somebody asks for it, against all presets of every page up front.

The arithmetic is told in docs/explanation/savings.md. What a preset that was never made would have cost is not known:
it is named, and left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings

from transforms.request.presets import PRESETS

_HOUR: Final = 3600
_GB: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Made:
    """Of one preset: how many were made, their bytes, and seconds of processor that rendering took."""

    count: int
    bytes: float
    seconds: float


def told(pages: int, made: Mapping[str, Made]) -> dict[str, Any]:
    """`pages`: received in the period; `made`: by preset, in the same period."""
    known = {name: made[name] for name in PRESETS if name in made and made[name].count}
    lazy = _sum(sum(one.count for one in known.values()), *_both(known, {name: m.count for name, m in known.items()}))
    eager = _sum(pages * len(known), *_both(known, dict.fromkeys(known, pages)))
    return {
        "pages": pages,
        "presets": len(PRESETS),
        "unknown": [name for name in PRESETS if name not in known],
        "currency": settings.RX_PRICES["currency"],
        "eager": eager,
        "made": lazy,
        "saved": {name: round(eager[name] - lazy[name], 4) for name in eager},
    }


def _both(known: Mapping[str, Made], counts: Mapping[str, int]) -> tuple[float, float]:
    """Bytes and seconds of so many of each, each as much as those that were made on average."""
    return (
        sum(one.bytes / one.count * counts[name] for name, one in known.items()),
        sum(one.seconds / one.count * counts[name] for name, one in known.items()),
    )


def _sum(variants: int, size: float, seconds: float) -> dict[str, float]:
    prices = settings.RX_PRICES
    money = (
        seconds / _HOUR * prices["cpu_hour"]
        + variants / 1000 * prices["put_thousand"]
        + size / _GB * prices["gb_month"]
    )
    return {"variants": variants, "bytes": round(size), "cpu_seconds": round(seconds, 1), "money": round(money, 4)}
