"""Forty large renders beside two hundred tiles a second: how much slower tiles get, what memory it takes, what is said.

    python -m bench.busy [--seconds 20] [--renders 40] [--rate 200] [--tile 2048]

Tiles are hits, asked for at a steady rate whether or not the last ones were answered, first alone and then beside the
renders. The renders are sizes of pages of 64 MP that nobody advertises; their clients come back when they are told to.
"""

import argparse
import asyncio
import io
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Final

import httpx
from PIL import Image

from bench.rows import Row, against, record
from bench.served import Service, percentile, service
from bench.stampede import fetch
from rxproject.local import samples
from tests.waiting import descendants_of

MIB: Final = 1024 * 1024
PAGES: Final = 4
ALLOWED: Final = frozenset({200, 413, 429, 503})
CONNECTIONS: Final = 32
PATIENCE: Final = 180.0  # seconds for which a client of the renders comes back
# What docs/explanation/admission.md says of a worker with three threads, in MiB.
ENVELOPE: Final = 1536 + 2 * 288 + 300


def huge_photo(seed: int) -> bytes:
    """64 MP of a JPEG that is quickly made."""
    small = Image.effect_noise((433, 578), 40 + seed).convert("RGB")
    out = io.BytesIO()
    small.resize((6928, 9248), Image.Resampling.NEAREST).save(out, "JPEG", quality=80)
    return out.getvalue()


@dataclass
class Memory:
    """The most memory (PSS, MiB) that a process and all below it had together."""

    pid: int
    peak: float = 0.0
    ended: Event = field(default_factory=Event)

    def watch(self) -> None:
        while not self.ended.wait(0.25):
            self.peak = max(self.peak, sum(map(_pss, [self.pid, *descendants_of(self.pid)])) / 1024)


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def oom_kills() -> int:
    """Of this machine, since it started."""
    return next(int(line.split()[1]) for line in Path("/proc/vmstat").read_text().splitlines() if "oom_kill " in line)


def tile_paths(running: Service, side: int) -> list[str]:
    """Tiles of one page, made; each of `side` pixels of it, in its full size."""
    page = running.upload(samples.phone_photo(seed=1, megapixels=12))["pages"][0]
    width, height = page["width"], page["height"]
    corners = [(x, y) for y in range(0, height, side) for x in range(0, width, side)]
    boxes = [(x, y, min(side, width - x), min(side, height - y)) for x, y in corners]
    forms = [f"{x},{y},{w},{h}/{w},{h}/0/default.webp" for x, y, w, h in boxes]
    urls = [page["info"].replace("info.json", form) for form in forms]
    with httpx.Client(timeout=60, follow_redirects=True) as client:
        for url in urls:
            client.get(url).raise_for_status()
    return [httpx.URL(url).raw_path.decode() for url in urls]


async def steady(
    host: str, paths: list[str], *, rate: int, until: Event, seconds: float
) -> tuple[list[float], Counter[int]]:
    """Seconds of each request, from the moment at which it was due; at least `seconds`, then until the event."""
    due: asyncio.Queue[tuple[float, str] | None] = asyncio.Queue()
    took: list[float] = []
    statuses: Counter[int] = Counter()

    async def client() -> None:
        address, _, port = host.partition(":")
        reader, writer = await asyncio.open_connection(address, int(port))
        while (one := await due.get()) is not None:
            status, _ = await fetch(reader, writer, host, one[1])
            took.append(time.perf_counter() - one[0])
            statuses[status] += 1
        writer.close()

    clients = [asyncio.create_task(client()) for _ in range(CONNECTIONS)]
    began, number = time.perf_counter(), 0
    while (now := time.perf_counter()) - began < seconds or not until.is_set():
        if now - began >= number / rate:
            due.put_nowait((began + number / rate, paths[number % len(paths)]))
            number += 1
        else:
            await asyncio.sleep(number / rate - (now - began))
    for _ in clients:
        due.put_nowait(None)
    await asyncio.gather(*clients)
    return took, statuses


def large_urls(running: Service, renders: int) -> list[str]:
    """Sizes that nobody advertises, of pages of 64 MP."""
    pages = [running.upload(huge_photo(seed))["pages"][0] for seed in range(PAGES)]
    widths = (2984 - 8 * number for number in range(-(-renders // PAGES)))
    urls = [
        page["info"].replace("info.json", f"full/{width},{round(width * 9248 / 6928)}/0/default.webp")
        for width in widths
        for page in pages
    ]
    return urls[:renders]


def insist(url: str) -> list[int]:
    """What one client is told, until it is not "later" any more; redirects are followed and not noted."""
    told: list[int] = []
    deadline = time.monotonic() + PATIENCE
    with httpx.Client(timeout=60, follow_redirects=True, max_redirects=5) as client:
        while True:
            answer = client.get(url)
            told.append(answer.status_code)
            if answer.status_code not in (429, 503) or time.monotonic() > deadline:
                return told
            time.sleep(float(answer.headers["retry-after"]))


def measure(running: Service, *, seconds: float, renders: int, rate: int, tile: int) -> list[Row]:
    """The rows of one run."""
    host = httpx.URL(running.stack.base_url).netloc.decode()
    paths, urls = tile_paths(running, tile), large_urls(running, renders)
    over = Event()
    over.set()
    idle, _ = asyncio.run(steady(host, paths, rate=rate, until=over, seconds=seconds))

    memory, killed, done = Memory(running.stack.pid_of("worker")), oom_kills(), Event()
    Thread(target=memory.watch, daemon=True).start()
    with ThreadPoolExecutor(renders) as pool:
        told = [pool.submit(insist, url) for url in urls]
        Thread(target=lambda: ([one.exception() for one in told], done.set()), daemon=True).start()
        busy, tiles = asyncio.run(steady(host, paths, rate=rate, until=done, seconds=seconds))
    memory.ended.set()
    said = Counter(status for one in told for status in one.result())
    made = sum(one.result()[-1] == 200 for one in told)
    return [
        against("tiles beside large renders, p95", percentile(busy, 0.95) * 1000, percentile(idle, 0.95) * 1000,
                "the same, idle", unit="ms", goal="<= 3", note=f"{_words(tiles)}"),
        against("tiles beside large renders, p99", percentile(busy, 0.99) * 1000, percentile(idle, 0.99) * 1000,
                "the same, idle", unit="ms"),
        Row(name="memory of the worker at its peak", ours=memory.peak, unit="MiB", goal=f"<= {ENVELOPE}"),
        Row(name="large renders made", ours=made, unit=f"of {renders}", note=_words(said)),
        Row(name="answers other than 200, 413, 429, 503", ours=_others(said) + _others(tiles), unit="", goal="<= 0"),
        Row(name="processes that the kernel killed for memory", ours=oom_kills() - killed, unit="", goal="<= 0"),
    ]  # fmt: skip


def _others(statuses: Counter[int]) -> int:
    return sum(number for status, number in statuses.items() if status not in ALLOWED)


def _words(statuses: Counter[int]) -> str:
    pairs: Iterable[tuple[int, int]] = sorted(statuses.items())
    return ", ".join(f"{number} × {status}" for status, number in pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--renders", type=int, default=40)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--tile", type=int, default=2048)
    options = vars(parser.parse_args())
    with service() as running:
        record("busy", measure(running, **options))


if __name__ == "__main__":
    main()
