"""The whole stack at rest: processor time over a minute, and memory, by process.

    python -m bench.rest [--seconds 60]

Memory is proportional (PSS): what processes share counts once. A photo was uploaded and a variant of it made before, so
nothing is measured that only looks small because it was never used. Renderers' time is that of whoever started them.
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx

from bench.processes import cpu_seconds, settle
from bench.rows import Row, record
from bench.served import service
from rxproject.local import samples

COMMAND: Final = "python -m bench.rest"
_SERVERS: Final = ("s3", "redis", "web", "generate", "worker", "beat", "edge")
_IDLE_SECONDS: Final = 20  # renderers that have worked end after a while, as they do in any stack at rest
_SANDBOX: Final = "transforms/sandbox/boot.py"


def _tree(root: int) -> Iterator[int]:
    yield root
    for task in Path(f"/proc/{root}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _tree(int(child))


def memory_of(roots: dict[str, int]) -> tuple[Counter[str], Counter[str]]:
    """MiB and processes of each server; renderers, whoever started them, are one."""
    memory, count = Counter[str](), Counter[str]()
    for server, root in roots.items():
        for pid in _tree(root):
            name = "sandboxes" if _SANDBOX in Path(f"/proc/{pid}/cmdline").read_text() else server
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            pss = next(line for line in lines if line.startswith("Pss:"))
            memory[name] += int(pss.split()[1]) / 1024
            count[name] += 1
    return memory, count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    with service() as running:
        body = running.upload(samples.phone_photo(seed=1, megapixels=2))
        address = body["pages"][0]["variants"]["preview"]
        httpx.get(address, follow_redirects=True, timeout=60).raise_for_status()
        time.sleep(_IDLE_SECONDS)
        roots = {name: running.stack.pid_of(name) for name in _SERVERS}
        settle(roots.values())
        before = {name: cpu_seconds([root]) for name, root in roots.items()}
        time.sleep(options.seconds)
        share = {name: (cpu_seconds([root]) - before[name]) / options.seconds * 100 for name, root in roots.items()}
        memory, count = memory_of(roots)
    rows = [
        Row(name="processor", ours=sum(share.values()), unit="% of a core", goal="<= 0.7", command=COMMAND),
        Row(name="memory", ours=memory.total(), unit="MiB", goal="<= 900", command=COMMAND),
        *(Row(name=f"processor, {name}", ours=part, unit="% of a core") for name, part in share.items()),
        *(Row(name=f"memory, {name} ({count[name]})", ours=part, unit="MiB") for name, part in memory.most_common()),
    ]
    record("rest", rows)


if __name__ == "__main__":
    main()
