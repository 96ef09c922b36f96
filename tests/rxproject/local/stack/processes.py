"""What the tests of runstack share: tiny programs as servers, and a look into /proc."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rxproject.local.stack.process import Command

# Liveness bounds, not measurements.
PATIENCE_SECONDS = 60.0


def program(name: str, source: str, folder: Path) -> Command:
    """A server whose whole life is `source`."""
    return Command(
        name=name,
        argv=(sys.executable, "-c", source),
        env={"PATH": os.environ["PATH"]},
        cwd=folder,
        log=folder / f"{name}.log",
    )


def wait_for(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "this never came true"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def environment_of(pid: int) -> dict[str, str]:
    """What a running process was given. Of no use for nginx and Valkey, which write their titles over it."""
    entries = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)
