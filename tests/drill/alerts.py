"""Each alert of the shipped rules, caused: which one fires, and how soon.

    make alerts [ARGS="--only RxLaneStuck"]

A staging stack, Debian's Prometheus and the shipped rules, whose minutes are seconds here; thresholds are as shipped.
Exits with 1 if an alert does not fire for what it is there for.
"""

import argparse
import io
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import yaml
from PIL import Image

from rxproject.local import samples
from rxproject.local.stack.ports import pick
from rxproject.local.stack.processes.supervisor import Patience
from rxproject.local.stack.stack import Stack
from tests.conftest import site_of
from tests.drill.causes import CAUSES, Stage
from tests.drill.faults import Scene, tending
from tests.drill.prometheus import RULES, Prometheus, prometheus
from tests.faults.proxy import FaultProxy

_GIVE_UP: Final = 200.0  # seconds; RxLaneStuck watches two minutes
_ROW: Final = "{:28} {:>8}  {}"
OVERRIDES: Final = {
    "RX_WRONG_TRIES": "10000",
    "RX_VARIANT_ATTEMPTS": "1",
    "RX_LARGE_MEGAPIXELS": "64",
    "RX_WAIT": "5",
    "RX_WEBHOOK_BACKOFF": "1",
    "RX_WEBHOOK_GIVE_UP": "60",
    # Nobody is there.
    "RX_BREACHED_PASSWORDS_URL": "https://127.0.0.1:9/range/",
}


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def named() -> set[str]:
    """The alerts of the rules."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"] for group in groups for rule in group["rules"]}


def large_photo() -> bytes:
    """64 megapixels of nothing."""
    buffer = io.BytesIO()
    Image.new("RGB", (8000, 8000), "white").save(buffer, "JPEG", quality=60)
    return buffer.getvalue()


def drill(stage: Stage, watcher: Prometheus, only: set[str]) -> int:
    missing = set[str]()
    say(_ROW.format("alert", "fires s", "cause"))
    for words, cause, names in CAUSES:
        wanted = names & only
        if not wanted:
            continue
        with cause(stage):
            fired = watcher.seconds_until(wanted, stage.scene.pause, most=_GIVE_UP)
        for name in sorted(wanted):
            say(_ROW.format(name, f"{fired[name]:.0f}" if name in fired else "never", words))
        missing |= wanted - set(fired)
        stage.scene.pause(5)
    return int(bool(missing))


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make alerts", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", action="append", choices=sorted(named()), metavar="ALERT")
    only = set(parser.parse_args().only or named())
    with ExitStack() as ends:
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="rx-alerts-")))
        port = folder / "run" / "s3.port"  # where the stack looks which one it had before
        port.parent.mkdir()
        port.write_text(str(pick(front=None).s3))
        s3 = ends.enter_context(FaultProxy(f"127.0.0.1:{port.read_text()}"))
        overrides = OVERRIDES | {"RX_S3_ENDPOINT": s3.url}
        stack = ends.enter_context(
            Stack(state_dir=folder, quick_stop=True, overrides=overrides, patience=Patience(deaths=1000))
        )
        site = ends.enter_context(site_of(stack))
        token = site.manage("rxtoken", "create", "--name", "prometheus", "--scopes", "ops:read")
        beat = f"127.0.0.1:{stack.ports.metrics}"
        watcher = ends.enter_context(prometheus(folder / "prometheus", token, beat))
        photos = [samples.phone_photo(seed=seed, megapixels=2) for seed in range(3)]
        stage = Stage(Scene(stack, s3, tending(stack)), site, watcher, photos, large_photo(), beat)
        return drill(stage, watcher, only)
