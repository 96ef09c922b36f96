"""`make cluster-test`: the product on several hosts, which are network namespaces of this machine: two edges with web
and generate, two workers with a beat each, one host with PostgreSQL, Valkey and SeaweedFS. Each step prints what it
saw; the first that fails ends the run with 1.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rxproject.local.stack.errors import StackError
from tests.cluster import cuts, events, net, stampede, upgrade
from tests.cluster.clients import Clients
from tests.cluster.hosts import Cluster
from tests.deploy.engine.daemon import Failed
from tests.deploy.engine.journey import Lines

STEPS: tuple[Callable[[Clients], Lines], ...] = (
    events.journey, events.two_beats, cuts.in_mid_render, cuts.in_mid_upload, cuts.in_mid_decision,
    cuts.without_a_store, events.clocks, events.erasure, events.slow_lines, events.everything,
    upgrade.upgrade,
)  # fmt: skip


def steps(seen: Clients, figures: dict[str, Any]) -> Iterator[tuple[str, Lines]]:
    yield "stampede", stampede.stampede(seen, figures)
    for step in STEPS:
        yield step.__name__.replace("_", "-"), step(seen)


def write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="make cluster-test", description=__doc__)
    parser.add_argument("--to", metavar="STEP", help="stop after this step, such as stampede")
    parser.add_argument("--only", metavar="STEP", action="append", help="this step alone; may be given more than once")
    parser.add_argument("--figures", type=Path, metavar="FILE", help="write what the stampede measured, as JSON")
    parser.add_argument("--keep", action="store_true", help="leave logs and state where they are")
    options = parser.parse_args()
    if reason := net.why_not():
        write(f"\nSKIPPED: no host was started. {reason[0].upper()}{reason[1:]}.\n")
        return 0
    net.apart("tests.cluster")
    signal.signal(
        signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT)
    )  # a killed run leaves no server behind
    folder = Path(tempfile.mkdtemp(prefix="rxc-", dir="/tmp"))
    began, figures = time.monotonic(), dict[str, Any]()

    def say(step: str, line: str) -> None:
        write(f"{time.monotonic() - began:7.1f} s  {step:16}  {line}")

    try:
        with net.Net() as network, Cluster(network, folder) as cluster:
            seen = Clients(cluster)
            seen.all_ready()
            say("hosts", ", ".join(f"{name} {' '.join(net.HOSTS[name])}" for name in net.HOSTS))
            for name, step in steps(seen, figures):
                if options.only and name not in options.only:
                    continue
                for line in step:
                    say(name, line)
                if name == options.to:
                    break
    except (Failed, AssertionError, StackError) as failed:
        options.keep = True
        write(f"FAILED: {failed}\nLogs are in {folder}")
        return 1
    finally:
        if options.figures:
            options.figures.write_text(json.dumps(figures))
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    write("Everything held.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
