"""`make compose-test`: a Docker engine of its own, stand-ins for the upstream images, and on them exactly the product's
Dockerfile and docker-compose.yml. Each step prints what it saw; the first that fails ends the run with 1.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.deploy.composefile import ROOT
from tests.deploy.engine import encryption, events, images, journey, machine, operations, trees
from tests.deploy.engine.daemon import Engine, Failed, running
from tests.deploy.engine.journey import Journey, Lines
from tests.deploy.engine.product import Product, checkout

CACHE = ROOT / "build" / "engine"
Step = tuple[str, Callable[[], Lines]]


def steps(product: Product, seen: Journey) -> Iterator[Step]:
    yield "build", lambda: operations.build(product)
    yield "telemetry", lambda: operations.telemetry(product)
    yield "up", lambda: operations.up(product)
    yield "journey", seen.whole
    for check in (journey.confinement, journey.mounts, journey.reach, journey.checks, encryption.encryption):
        yield check.__name__, lambda check=check: check(product)  # type: ignore[misc]
    for operation in events.EVENTS:
        yield operation.__name__.replace("_", "-"), lambda operation=operation: operation(product, seen)  # type: ignore[misc]
    yield "down", lambda: operations.down(product)


def write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="make compose-test", description=__doc__)
    parser.add_argument("--to", metavar="STEP", help="stop after this step, such as journey, and take all down")
    until = parser.parse_args().to
    if reason := machine.why_not():
        write(f"\nSKIPPED: no container was started. {reason[0].upper()}{reason[1:]}.\n")
        return 0
    scratch = Path(tempfile.mkdtemp(prefix="rx-engine-", dir="/tmp"))
    began = time.monotonic()

    def say(step: str, line: str) -> None:
        write(f"{time.monotonic() - began:7.1f} s  {step:12}  {line}")

    try:
        say("trees", "Debian's Docker and the stand-ins' base, made once and kept in build/engine")
        with running(Engine(trees.root(CACHE), scratch, CACHE / "data")) as engine:
            say("engine", engine.run("docker", "version", "--format", "Docker Engine {{.Server.Version}}").strip())
            operations.forget_earlier(engine)
            for line in images.build(engine, CACHE):
                say("stand-in", line)
            # As careful people check it out.
            product = Product(engine, checkout(scratch / "checkout", umask=0o077))
            for name, step in steps(product, Journey(product)):
                for line in step():
                    say(name, line)
                if name == until:
                    say("down", "; ".join(operations.down(product)))
                    break
    except Failed as failed:
        write(f"FAILED: {failed}")
        return 1
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    write("Everything held.")
    return 0


if __name__ == "__main__":
    os.environ.pop("DOCKER_HOST", None)
    sys.exit(main())
