"""Installs a requirements file with pip and says every few seconds how far it is: python install.py REQUIREMENTS.

Needs nothing but the standard library: it runs before anything is installed.
"""

import re
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import Final

_EVERY_SECONDS: Final = 3.0
_PINNED: Final = re.compile(r"^[\w.\-]+(?:\[[\w,.\-]+\])?==", re.MULTILINE)
_SHOWN: Final = 15


class Progress:
    """What pip has said so far."""

    def __init__(self, packages: int) -> None:
        self._packages = packages
        self._looked_at = 0
        self._unpacking = False
        self.tail: deque[str] = deque(maxlen=_SHOWN)

    def hear(self, line: str) -> None:
        self.tail.append(line.rstrip())
        self._looked_at += line.startswith(("Collecting ", "Ignoring ", "Requirement already"))
        self._unpacking |= line.startswith("Installing collected")

    def __str__(self) -> str:
        if self._unpacking:
            return f"unpacking {self._packages} packages"
        return f"fetched {min(self._looked_at, self._packages)} of {self._packages} packages"


def main(requirements: Path) -> int:
    """Returns pip's exit code; what it last said is shown if it fails."""
    began, progress = time.monotonic(), Progress(len(_PINNED.findall(requirements.read_text())))
    options = ("--disable-pip-version-check", "--progress-bar=off", "--require-hashes", "--no-deps")  # all are named
    command = (sys.executable, "-m", "pip", "install", *options, "-r", str(requirements))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        assert pip.stdout is not None  # noqa: S101 - for the type checker
        reading = threading.Thread(target=lambda lines: [progress.hear(line) for line in lines], args=(pip.stdout,))
        reading.start()
        while reading.is_alive():
            reading.join(_EVERY_SECONDS)
            if reading.is_alive():
                say(f"{progress}, {time.monotonic() - began:.0f} s")
    if pip.returncode:
        say("\n  ".join(("pip failed:", *progress.tail)))
    else:
        say(f"installed in {time.monotonic() - began:.0f} s")
    return pip.returncode


def say(line: str) -> None:
    sys.stdout.write(f"  {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
