"""What the benchmarks of the running service share: a stack with a client's token, and results as table and JSON.

Uses the stack as it is shipped; nothing here may make it faster.
"""

import json
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from bench.rows import ROOT, Row, record
from rxproject.local.stack.stack import Stack

SERVERS: Final = ("s3", "redis", "web", "generate", "worker", "beat", "edge")


@dataclass(frozen=True, slots=True)
class Service:
    """A running stack and a token for its API."""

    stack: Stack
    token: str

    @property
    def pids(self) -> list[int]:
        """The masters of all servers: what works for a request is one of them or descends from one."""
        return [self.stack.pid_of(name) for name in SERVERS]

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def upload(self, data: bytes) -> dict[str, Any]:
        """A new prescription of one photo, as the API describes it."""
        answer = httpx.post(
            f"{self.stack.base_url}/api/v1/prescriptions",
            files={"files": ("photo.jpg", data)},
            headers=self.bearer,
            timeout=60,
        )
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        return body

    def rows(self, rx: str) -> list[dict[str, Any]]:
        """The variants of a prescription, from the database."""
        with sqlite3.connect(f"file:{self.stack.state.database}?mode=ro", uri=True, timeout=20) as database:
            database.row_factory = sqlite3.Row
            found = database.execute(
                "SELECT v.* FROM prescriptions_variant v JOIN prescriptions_page p ON p.id = v.page_id "
                "WHERE p.prescription_id = ?",
                (rx,),
            )
            return [{**row, "timings": json.loads(row["timings"])} for row in map(dict, found)]

    def log(self, *names: str) -> list[dict[str, Any]]:
        """The JSON lines of these servers' logs."""
        paths = [path for path in map(self.stack.log_path, names) if path.exists()]  # not every backend has a worker
        lines = [line for path in paths for line in path.read_text().splitlines()]
        return [json.loads(line) for line in lines if line.startswith("{")]


@contextmanager
def service(**overrides: str) -> Iterator[Service]:
    """A whole stack of its own, gone afterwards. `overrides` are RX_ settings."""
    with (
        tempfile.TemporaryDirectory(prefix="rx-bench-") as folder,
        Stack(state_dir=Path(folder) / "state", quick_stop=True, overrides=overrides) as stack,
    ):
        create = ["rxtoken", "create", "--name", "bench", "--scopes", "rx:read,rx:write"]
        done = subprocess.run(
            [sys.executable, "manage.py", *create],
            cwd=ROOT,
            env=stack.env_for("web"),
            capture_output=True,
            text=True,
            check=True,
        )
        yield Service(stack, done.stdout.strip())


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest value that at least `part` of all values do not exceed."""
    return sorted(values)[max(0, -(-int(part * 1000) * len(values) // 1000) - 1)]


def report(name: str, rows: Sequence[Mapping[str, Any]], goals: Mapping[str, tuple[float, str, float]]) -> None:
    """Print details as a table; keep each goal (value, "<=" or ">=", bound) as a row, for those that have no peer."""
    columns = list(rows[0]) if rows else []
    cells = [[_text(row.get(column, "")) for column in columns] for row in rows]
    widths = [max(len(column), *(len(line[i]) for line in cells)) for i, column in enumerate(columns)]
    for line in (columns, *cells):
        print("  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)))
    command = f"python -m bench.{name}"
    found = [
        Row(name=goal, ours=float(value), unit="", goal=f"{sign} {bound:g}", command=command)
        for goal, (value, sign, bound) in goals.items()
    ]
    record(name, found, rows)


def _text(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
