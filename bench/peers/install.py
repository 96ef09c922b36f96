"""Installs peers by the ordinary clients of npm and PyPI, each into a folder of its own, once."""

import fcntl
import subprocess
import sys
from pathlib import Path

from bench.rows import RESULTS


def npm(name: str, *packages: str) -> Path:
    """The folder with these packages in its node_modules. Raises CalledProcessError, FileNotFoundError without npm."""
    folder = RESULTS / "peers" / name
    return _once(folder, packages, ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", *packages])


def pip(name: str, *packages: str) -> Path:
    """The folder to put on PYTHONPATH. Raises CalledProcessError."""
    folder = RESULTS / "peers" / name
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]
    return _once(folder, packages, [*command, "--target", str(folder), *packages])


def _once(folder: Path, packages: tuple[str, ...], command: list[str]) -> Path:
    stamp, wanted = folder / ".installed", "\n".join(packages)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two benchmarks may start at once
        if not stamp.exists() or stamp.read_text() != wanted:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=900)
            stamp.write_text(wanted)
    return folder
