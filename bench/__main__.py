"""All benchmarks, one after the other, each in a process of its own: `python -m bench [--only NAME]`.

Never runs two at once: on a small machine they would measure each other.
"""

import argparse
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

# In the order of the question they answer: pixels, isolation, legibility, cold start, then the whole stack.
NAMES: Final = ("transforms", "sandbox", "ocr", "cold_start", "hit", "miss", "stampede")
_ROOT: Final = Path(__file__).resolve().parents[1]


def machine() -> str:
    """What the numbers were measured on, in a line."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in _read("/proc/cpuinfo").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    software = f"Linux {platform.release()}, Python {platform.python_version()}"
    moment = f"{datetime.now(UTC):%Y-%m-%d}, load {os.getloadavg()[0]:.1f}"
    return f"{model}, {os.cpu_count()} cores, {software}, {moment}"


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def main() -> int:
    """Returns the number of benchmarks that failed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", choices=NAMES, action="append", help="this one; may be given more than once")
    failed = []
    for name in parser.parse_args().only or NAMES:
        print(f"\n== {name} ==  {machine()}", flush=True)
        if subprocess.run([sys.executable, "-m", f"bench.{name}"], cwd=_ROOT, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
