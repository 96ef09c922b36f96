"""Clocks of one host that go ahead of the others'.

Of processes that take the time from the C library by Debian's libfaketime, which leaves the clock that only counts
(monotonic) alone, but not those who sleep by it: they sleep by `select` instead. nginx of the wheel is linked
statically and does not see it; what it asks of the time of day is asked in JavaScript (how long a link is good, when a
call to S3 is signed), so that host gets a copy of the scripts whose `Date` is ahead.
"""

import shutil
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

from rxproject.local.stack.ports import Place
from tests.cluster.clients import Clients
from tests.cluster.hosts import EDGES, Cluster
from tests.deploy.engine.product import checkout

# libfaketime takes the end of such a sleep for a time of day, and the kernel refuses it.
_SLEEP: Final = """
import select
import time

time.sleep = lambda seconds: select.select((), (), (), seconds) and None
"""
_LIBRARIES: Final = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1")


def _library() -> Path | None:
    found = [path for pattern in _LIBRARIES for path in Path("/").glob(pattern.lstrip("/"))]
    return found[0] if found else None


def why_not() -> str | None:
    return None if _library() else "clocks cannot be moved without libfaketime (Debian: libfaketime)"


def place(cluster: Cluster, name: str, seconds: int) -> Place:
    """Where that host is when its clock is so far ahead."""
    now = cluster[name].place
    env = shutil.which("env")
    assert env
    (cluster.folder / "sleep").mkdir(exist_ok=True)
    (cluster.folder / "sleep" / "sitecustomize.py").write_text(_SLEEP)
    python = f"PYTHONPATH={cluster.folder / 'sleep'}"
    fake = (f"LD_PRELOAD={_library()}", f"FAKETIME=+{seconds}s", "DONT_FAKE_MONOTONIC=1", python)
    tree = checkout(cluster.folder / f"{name}-ahead")
    for script in (tree / "deploy" / "nginx").glob("*.js"):
        script.write_text(script.read_text().replace("Date.now()", f"(Date.now() + {seconds * 1000})"))
    return Place(now.here, now.s3, now.redis, now.name, (*now.enter, env, *fake), tree)


def measured(seen: Clients) -> float:
    """So many seconds is edge1's Django ahead of edge2's, by the date of an answer."""
    ports = seen.cluster.ports
    told = [
        parsedate_to_datetime(
            seen.http.get(f"http://{seen.cluster[edge].place.here}:{ports.web}/healthz").headers["date"]
        )
        for edge in EDGES
    ]
    return (told[0] - told[1]).total_seconds()
