"""`manage.py runstack` as a process of its own, for tests, and a look at what it started."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rxproject.local.stack import ports
from rxproject.local.stack.processes.launch import START_SECONDS
from tests.rxproject.local.stack.processes import environment_of
from tests.waiting import children_of, descendants_of, is_alive, until

ROOT = Path(__file__).parents[4]


@dataclass(frozen=True)
class Run:
    """One running command."""

    process: subprocess.Popen[bytes]
    state: Path
    port: int

    @property
    def said(self) -> str:
        return (self.state / "stdout").read_text()

    @property
    def complained(self) -> str:
        return (self.state / "stderr").read_text()

    def servers(self) -> dict[str, int]:
        """The servers' process ids, by role where Django runs and by program elsewhere."""
        found = {}
        for pid in children_of(self.process.pid):
            with suppress(OSError):  # it died, and was not collected yet
                program = Path(f"/proc/{pid}/exe").readlink().name
                found[environment_of(pid).get("RX_ROLE", program)] = pid
        return found

    def family(self) -> list[int]:
        """Every process that runstack started, and all that these started."""
        return [pid for pid in descendants_of(self.process.pid) if is_alive(pid)]


@contextmanager
def runstack(state: Path, *options: str, **settings: str) -> Iterator[Run]:
    """Up and ready; killed at the end, if it still runs."""
    port = ports.pick(front=None).front
    with (state / "stdout").open("wb") as said, (state / "stderr").open("wb") as complained:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "runstack", *options],
            cwd=ROOT,
            env={**os.environ, "RX_STATE_DIR": str(state), "RX_PORT": str(port), **settings},
            stdout=said,
            stderr=complained,
        )
    run = Run(process, state, port)
    try:
        until(lambda: process.poll() is not None or "Ready in " in run.said, seconds=2 * START_SECONDS)
        assert process.poll() is None, run.said + run.complained
        yield run
    finally:
        process.kill()
        process.wait()
