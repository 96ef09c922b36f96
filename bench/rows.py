"""What a benchmark hands back: rows, one for each figure that has a goal or a peer. Kept as JSON in build/bench/ until
`python -m bench --write` makes a page of all of them, so each may be run alone, whenever the machine is quiet.
"""

import json
import os
import platform
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata, util
from pathlib import Path
from typing import Any, Final, TypeVar

ROOT: Final = Path(__file__).resolve().parents[1]
RESULTS: Final = ROOT / "build" / "bench"
# What may make pixels. `requirements-stack.txt` says which of them everybody has.
ENGINES: Final = {"Pillow": "PIL", "cykooz-resizer": "cykooz_resizer", "pyvips": "pyvips", "pypdfium2": "pypdfium2"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure of ours beside that of a named peer, both medians of the same run. `ratio` is ours / peer.

    `goal` is "<=" or ">=" and a number: of the ratio where there is one, else of `ours`. `ours` is None where it could
    not be measured; then `note` says why.
    """

    name: str
    ours: float | None
    unit: str
    goal: str = ""
    peer: float | None = None
    peer_name: str = ""
    ratio: float | None = None
    p95: float | None = None
    command: str = ""
    note: str = ""

    @property
    def judged(self) -> float | None:
        return self.ours if self.ratio is None else self.ratio

    @property
    def verdict(self) -> str:
        """One of: met, not met, not measured; empty without a goal."""
        if self.ours is None:
            return "not measured"
        if not self.goal:
            return ""
        sign, bound = self.goal.split()
        if self.judged is None or (self.peer_name and self.peer is None and self.ratio is None):
            return "not measured"
        reached = self.judged <= float(bound) if sign == "<=" else self.judged >= float(bound)
        return "met" if reached else "not met"


def against(name: str, ours: float, peer: float | None, peer_name: str, **more: Any) -> Row:
    """A row with its ratio; a peer that could not be measured (None) leaves it open."""
    ratio = ours / peer if peer else None
    return Row(name=name, ours=ours, peer=peer, peer_name=peer_name, ratio=ratio, **more)


T = TypeVar("T")


def failure(error: BaseException) -> str:
    """An exception in a line, for a note."""
    text = error.stderr if isinstance(error, subprocess.CalledProcessError) and error.stderr else str(error)
    lines = [line.strip() for line in str(text).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1] if lines else ''}"[:300]


def attempt(work: Callable[[], T]) -> tuple[T | None, str]:
    """What `work` returns, or None and why it failed: neither we nor a peer may end a benchmark."""
    try:
        return work(), ""
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the result
        return None, failure(error)


# --- Kept -----------------------------------------------------------------------------------------------------------
def record(module: str, rows: Sequence[Row], details: Sequence[Mapping[str, Any]] = ()) -> None:
    """Print the rows with their verdicts and keep them, with when and where they were measured."""
    show(rows)
    RESULTS.mkdir(parents=True, exist_ok=True)
    content = {"measured": here(), "rows": [asdict(row) for row in rows], "details": list(details)}
    (RESULTS / f"{module}.json").write_text(json.dumps(content, indent=2) + "\n")


def kept(module: str) -> tuple[dict[str, Any], list[Row]]:
    """Where and when, and the rows; both empty before the module's first run."""
    path = RESULTS / f"{module}.json"
    content = json.loads(path.read_text()) if path.exists() else {}
    return content.get("measured", {}), [Row(**row) for row in content.get("rows", []) if "ours" in row]


def here() -> dict[str, str]:
    """Machine, day, commit, load and the engines of this process: what the numbers were measured with."""
    return {
        "day": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": _commit(),
        "load": f"{os.getloadavg()[0]:.1f}",
        "machine": f"{_processor()}, {os.cpu_count()} cores, Linux {platform.release()}",
        "python": platform.python_version(),
        "engines": ", ".join(_engines()),
    }


def _engines() -> Iterable[str]:
    for name, module in ENGINES.items():
        if util.find_spec(module):
            yield f"{name} {metadata.version(name)}"


def _commit() -> str:
    head, _ = attempt(lambda: _git("rev-parse", "--short", "HEAD"))
    changed, _ = attempt(lambda: _git("status", "--porcelain", "--untracked-files=no"))
    return (head or "unknown") + (", changed" if changed else "")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True)  # noqa: S607
    return done.stdout.strip()


def _processor() -> str:
    lines, _ = attempt(lambda: Path("/proc/cpuinfo").read_text().splitlines())
    names = (line.partition(":")[2].strip() for line in lines or () if line.startswith("model name"))
    return next(names, platform.machine())


# --- Shown ----------------------------------------------------------------------------------------------------------
HEADINGS: Final = ("what", "ours", "p95", "peer", "ratio", "goal", "")


def cells(row: Row) -> tuple[str, ...]:
    peer = f"{number(row.peer)} ({row.peer_name})" if row.peer_name else ""
    goal = row.goal.replace("<=", "≤").replace(">=", "≥") + ("×" if row.goal and row.peer_name else "")
    unit = f" {row.unit}" if row.ours is not None and row.unit else ""
    verdict = ": ".join(filter(None, [row.verdict, row.note]))
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}×"
    return row.name, number(row.ours) + unit, "" if row.p95 is None else number(row.p95), peer, ratio, goal, verdict


_DIGITS: Final = ((100, ",.0f"), (10, ".1f"), (1, ".3g"), (0, ".4g"))


def number(value: float | None) -> str:
    """Three digits that mean something."""
    if value is None:
        return "–"
    if value == round(value) and abs(value) < 1e6:
        return f"{value:.0f}"
    return format(value, next(digits for least, digits in _DIGITS if abs(value) >= least))


def show(rows: Sequence[Row]) -> None:
    table = [HEADINGS, *map(cells, rows)]
    widths = [max(len(line[at]) for line in table) for at in range(len(HEADINGS))]
    for line in table:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip(), flush=True)
