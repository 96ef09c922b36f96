"""The scoreboard: each fault while people use a staging stack, what they saw, what was lost, seconds until it is ready.

    make drill [ARGS="--only 'kill web' --only 'S3 hangs'"]

Exits with 1 if anything that was acknowledged is lost, a picture is wrong, an answer is a 500, or the service is not
ready again within a minute.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from uuid import uuid4

import httpx

from rxproject.local import samples
from rxproject.local.stack.ports import pick
from rxproject.local.stack.processes.supervisor import Patience
from rxproject.local.stack.stack import Stack
from tests.browser.staff import hire
from tests.conftest import CLIENT, Site, site_of
from tests.drill.faults import FAULTS, Scene, tending
from tests.drill.load import Counts, Load, lost, told
from tests.faults.proxy import FaultProxy

READY_SECONDS: Final = 60.0
_GIVE_UP: Final = 180.0
_WARM_UP: Final = 5.0
_ROW: Final = "{:26} {:>6} {:>6} {:>8} {:>8} {:>6} {:>10} {:>8} {:>7}  {}"
_HEAD: Final = ("fault", "asked", "later", "refused", "errors", "wrong", "truncated", "page s", "ready s", "")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def works(site: Site) -> bool:
    """A whole journey with nobody's patience: sent, made, shown."""
    try:
        with httpx.Client(base_url=site.stack.base_url, timeout=5) as http:
            if http.get("/readyz").status_code != 200:
                return False
            photo = {"files": ("photo.jpg", samples.phone_photo(seed=uuid4().int % 1000, megapixels=1))}
            sent = http.post("/api/v1/prescriptions", files=photo, headers=site.bearer)
            if sent.status_code != 201:
                return False
            url = sent.json()["pages"][0]["variants"]["thumb"]
            return http.get(url, follow_redirects=True).status_code == 200
    except httpx.HTTPError:
        return False


def seconds_until_ready(site: Site, pause: Callable[[float], None]) -> float:
    began = time.monotonic()
    while not works(site):
        if time.monotonic() - began > _GIVE_UP:
            return time.monotonic() - began
        pause(0.2)
    return time.monotonic() - began


def row(name: str, counts: Counts, ready: float, note: str = "") -> str:
    numbers = (counts.asked, counts.later, counts.refused, told(counts), counts.wrong, counts.truncated)
    return _ROW.format(name, *numbers, f"{counts.slowest:.1f}", f"{ready:.1f}", note).rstrip()


def is_bad(counts: Counts, ready: float) -> bool:
    server_errors = sum(count for status, count in counts.errors.items() if status >= 500)
    return bool(server_errors or counts.wrong or ready > READY_SECONDS)


def drill(stack: Stack, site: Site, s3: FaultProxy, names: list[str]) -> int:
    hire(site, {"drill": "pharmacist", "drill-senior": "senior"})
    token = ("rxtoken", "create", "--client", CLIENT, "--scopes")
    reviewer = site.manage(*token, "rx:read,rx:review", "--name", "drill-review", "--user", "drill")
    eraser = site.manage(*token, "rx:read,rx:erase,rx:override", "--name", "drill-erase", "--user", "drill-senior")
    load = Load(site, {"Authorization": f"Bearer {reviewer}"}, {"Authorization": f"Bearer {eraser}"})
    pause = tending(stack)
    scene, bad = Scene(stack, s3, pause), []
    load.start()
    pause(_WARM_UP)
    say(_ROW.format(*_HEAD))
    for name in names:
        load.fresh()
        FAULTS[name](scene)
        ready = seconds_until_ready(site, pause)
        counts = load.fresh()
        failed = is_bad(counts, ready)
        bad += [name] * failed
        say(row(name, counts, ready, "<-" if failed else ""))
    load.stop()
    missing = lost(site, load.promises)
    kept = load.promises
    say(
        f"acknowledged: {len(kept.uploads)} uploads, {len(kept.decisions)} decisions, {len(kept.erased)} erasures; "
        f"lost: {missing or 0}"
    )
    return int(bool(bad or missing))


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make drill", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", action="append", choices=FAULTS, metavar="FAULT", help="one of: " + ", ".join(FAULTS))
    names = parser.parse_args().only or list(FAULTS)
    patience = Patience(deaths=1000)
    with tempfile.TemporaryDirectory(prefix="rx-drill-") as folder:
        port = Path(folder) / "run" / "s3.port"  # where the stack looks which one it had before
        port.parent.mkdir()
        port.write_text(str(pick(front=None).s3))
        with FaultProxy(f"127.0.0.1:{port.read_text()}") as s3:
            overrides = {"RX_S3_ENDPOINT": s3.url, "RX_WRONG_TRIES": "10000", "RX_ORDER_UPLOADS": "10000"}
            with (
                Stack(state_dir=Path(folder), quick_stop=True, overrides=overrides, patience=patience) as stack,
                site_of(stack) as site,
            ):
                return drill(stack, site, s3, names)
