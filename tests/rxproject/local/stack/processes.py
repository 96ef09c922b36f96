"""What the tests of runstack share: tiny programs as servers, and a look into /proc."""

import os
import sys
from pathlib import Path

from rxproject.local.stack.processes.process import Command


def program(name: str, source: str, folder: Path) -> Command:
    """A server whose whole life is `source`."""
    return Command(
        name=name,
        argv=(sys.executable, "-c", source),
        env={"PATH": os.environ["PATH"]},
        cwd=folder,
        log=folder / f"{name}.log",
    )


def environment_of(pid: int) -> dict[str, str]:
    """What a running process was given. Of no use for nginx and Valkey, which write their titles over it."""
    entries = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)
