"""Two hundred clients at one cold address, on each backend: renders, puts, errors, and how far apart they are served.
And at each of two hosts, where hosts can be made of network namespaces (`make cluster-test`).

    python -m bench.stampede [--clients 200] [--backends celery,inline,lambda]

The clients are coroutines of one process with open connections, which wait for each other before they ask.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.rows import ROOT
from bench.served import Service, report, service
from rxproject.local import samples

GOAL_APART_MS, GOAL_SLOW_RATIO = 250.0, 1.3
# A render of well under a second, and one of more.
CASES = {"1080 px, webp": "full/810,1080/0/default.webp", "whole page, avif": "full/{width},{height}/0/default.avif"}


@dataclass(frozen=True, slots=True)
class Served:
    """One client's end: the status after all redirects, 0 without an answer, and seconds since the start."""

    status: int
    seconds: float


async def fetch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, path: str) -> tuple[int, str]:
    """Status and Location of one request on an open connection."""
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    if "content-length" in fields:
        await reader.readexactly(int(fields["content-length"]))
    elif "chunked" in fields.get("transfer-encoding", ""):
        while (size := int(await reader.readline(), 16)) or await reader.readline() != b"\r\n":
            await reader.readexactly(size + 2)
    location = next((line[10:] for line in head.split("\r\n") if line.lower().startswith("location: ")), "")
    return int(head[9:12]), location


async def client(host: str, path: str, ready: asyncio.Barrier, started: asyncio.Future[float]) -> Served:
    address, _, port = host.partition(":")
    reader, writer = await asyncio.open_connection(address, int(port))
    try:
        await ready.wait()
        if not started.done():
            started.set_result(time.perf_counter())
        for _ in range(5):
            status, location = await fetch(reader, writer, host, path)
            if not location:
                break
            parts = urlsplit(location)
            path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return Served(status, time.perf_counter() - started.result())
    except (OSError, EOFError, ValueError):
        return Served(0, time.perf_counter() - started.result())  # no answer, or half of one
    finally:
        writer.close()


async def stampede(url: str, clients: int) -> list[Served]:
    parts, ready = urlsplit(url), asyncio.Barrier(clients)
    started: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    return await asyncio.gather(*(client(parts.netloc, parts.path, ready, started) for _ in range(clients)))


def measure(running: Service, photo: bytes, spec: str, clients: int) -> dict[str, Any]:
    body = running.upload(photo)
    page = body["pages"][0]
    url = page["info"].replace("info.json", spec.format(**page))
    served = asyncio.run(stampede(url, clients))
    row = next(iter(running.rows(body["id"])), {"id": "", "state": "no row", "error_code": "", "milliseconds": None})
    told = [
        line for line in running.log("worker", "generate") if line.get("variant") == row["id"] and "timings" in line
    ]
    times = [one.seconds * 1000 for one in served]
    return {
        "renders": len(told),
        "puts": sum("put" in line["timings"] or "lambda.put" in line["timings"] for line in told),
        "errors": sum(one.status != 200 for one in served),
        "first ms": min(times),
        "last ms": max(times),
        "apart ms": max(times) - min(times),
        "last / first": max(times) / min(times),
        # None where nothing was made: that is a result, too, and the row's own words say why.
        "render ms": row["milliseconds"],
        "row": row["state"] if row["state"] == "ready" else f"{row['state']}: {row['error_code'] or 'not begun'}",
    }


def on_two_hosts() -> dict[str, dict[str, Any]]:
    """The same for each case with so many clients at each of two edges; nothing where there can be no hosts."""
    with tempfile.TemporaryDirectory(prefix="rx-bench-") as folder:
        figures = Path(folder) / "figures.json"
        command = [sys.executable, "-m", "tests.cluster", "--only", "stampede", "--figures", str(figures)]
        subprocess.run(command, cwd=ROOT, check=False)
        found: dict[str, dict[str, Any]] = json.loads(figures.read_text()) if figures.exists() else {}
    return found


def goals_of(name: str, result: dict[str, Any]) -> dict[str, tuple[float, str, float]]:
    """Which figures count; how far apart clients are served only where all were served."""
    goals = {
        f"{name}: {count}": (float(result[count]), "<=", bound)
        for count, bound in (("renders", 1.0), ("puts", 1.0), ("errors", 0.0))
    }
    if result["errors"] or result["render ms"] is None:
        return goals
    if result["render ms"] >= 1000:
        return goals | {f"{name}: last / first": (result["last / first"], "<=", GOAL_SLOW_RATIO)}
    return goals | {f"{name}: last - first, ms": (result["apart ms"], "<=", GOAL_APART_MS)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--backends", default="celery,inline,lambda")
    options = parser.parse_args()
    photo = samples.phone_photo(seed=1, megapixels=12)
    rows: list[dict[str, Any]] = []
    goals: dict[str, tuple[float, str, float]] = {}
    for backend in options.backends.split(","):
        with service(RX_BACKEND=backend) as running:
            measure(running, photo, CASES["1080 px, webp"], 4)  # starts what is started on first use
            for name, spec in CASES.items():
                result = measure(running, photo, spec, options.clients)
                rows.append({"backend": backend, "case": name, **result})
                goals |= goals_of(f"{backend}, {name}", result)
    for name, result in on_two_hosts().items():
        rows.append({"backend": "two hosts", "case": name, **result})
        goals |= goals_of(f"two hosts, {name}", result)
    report("stampede", rows, goals)


if __name__ == "__main__":
    main()
