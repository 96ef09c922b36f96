"""An authorised hit through the edge, against a static file of the same nginx, a plain `proxy_cache` hit (the floor of
this way of building it) and the same hit by Django; and the last hop of a miss.

    python -m bench.hit [--rounds 5] [--seconds 2]

Rounds take them in turn, so that a busy machine slows all alike. wrk where it is installed, else threads of this
process, which then are the bottleneck: without wrk trust the processor time, not the ratios.
"""

import argparse
import http.client
import random
import shutil
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from bench.load import CONNECTIONS, Load, load
from bench.nginx import Server, plain_nginx
from bench.processes import cpu_seconds
from bench.rows import Row, attempt, record
from bench.served import Service, percentile, service
from rxproject.local import samples
from rxproject.local.stack.ports import LOOPBACK
from transforms.version import PIPELINE

GOALS = {"7 kB": 0.8, "140 kB": 0.85}
CPU_GOAL_US, DJANGO_GOAL, LAST_HOP_GOAL_MS = 25.0, 20.0, 20.0
COMMAND = "python -m bench --only hit"
# Bytes, and a stored form whose answer has about so many: a thumbnail and a preview.
CASES = {"7 kB": (7 * 1024, "full/150,200/0/default.webp"), "140 kB": (140 * 1024, "full/810,1080/0/default.webp")}


@dataclass(frozen=True, slots=True)
class Case:
    """Who is asked where, and whose processor time counts, by who: edge, static, proxy_cache, django."""

    urls: Mapping[str, str]
    pids: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """All rounds of one size: for each who, the loads and microseconds of nginx a hit; and what was asked behind us."""

    loads: Mapping[str, list[Load]]
    cpu: Mapping[str, list[float]]
    python: int
    hits: int
    asked: int

    def ratio(self, peer: str) -> float:
        rounds = zip(self.loads["edge"], self.loads[peer], strict=True)
        return statistics.median(ours.per_second / theirs.per_second for ours, theirs in rounds)

    def rate(self, who: str) -> float:
        return statistics.median(one.per_second for one in self.loads[who])

    def p95(self, who: str) -> float:
        return statistics.median(one.p95_ms for one in self.loads[who])


def store(running: Service, body: dict[str, object], stored: str, data: bytes) -> None:
    running.stack.s3_client("bootstrap").put_object(
        Bucket="rx-variants",
        Key=f"{body['id']}/1/{PIPELINE}/{stored}",
        Body=data,
        ContentType="image/webp",
        Metadata={"canonical": stored},
    )


def measure(running: Service, case: Case, rounds: int, seconds: float) -> Outcome:
    loads: dict[str, list[Load]] = {who: [] for who in case.urls}
    cpu: dict[str, list[float]] = {who: [] for who in case.pids}
    python = hits = asked = 0
    for _ in range(rounds):
        for who, url in case.urls.items():
            before = len(running.log("web", "generate"))
            used, logged = cpu_seconds([case.pids[who]]) if who in case.pids else 0.0, log_size(running)
            found = load(url, seconds)
            loads[who].append(found)
            if who in case.pids:
                cpu[who].append((cpu_seconds([case.pids[who]]) - used) / found.count * 1e6)
            if who == "edge":
                python += len(running.log("web", "generate")) - before
                lines = log_since(running, logged)
                hits, asked = hits + lines.count('"cache":"HIT"'), asked + lines.count('"cache":"MISS"')
    return Outcome(loads, cpu, python, hits, asked)


def log_size(running: Service) -> int:
    return running.stack.log_path("access").stat().st_size


def log_since(running: Service, size: int) -> str:
    with running.stack.log_path("access").open("rb") as file:
        file.seek(size)
        return file.read().decode()


def rows(name: str, found: Outcome) -> Iterator[Row]:
    cpu = {who: statistics.median(values) for who, values in found.cpu.items()}
    beside = f"static {cpu['static']:.1f}, proxy_cache {cpu['proxy_cache']:.1f}"
    for peer, said, goal in (
        ("static", "nginx static", f">= {GOALS[name]:g}"),
        ("proxy_cache", "plain proxy_cache", ""),
        ("django", "the same hit by Django", f">= {DJANGO_GOAL:g}"),
    ):
        yield Row(
            name=f"{name}: hits a second, {peer}",
            ours=found.rate("edge"),
            unit="/s",
            peer=found.rate(peer),
            peer_name=said,
            ratio=found.ratio(peer),
            goal=goal,
            command=COMMAND,
        )
    yield Row(
        name=f"{name}: p95 of a hit, {CONNECTIONS} connections",
        ours=found.p95("edge"),
        unit="ms",
        peer=found.p95("static"),
        peer_name="nginx static",
        ratio=found.p95("edge") / found.p95("static"),
        command=COMMAND,
    )
    yield Row(
        name=f"{name}: processor time of nginx a hit", ours=cpu["edge"], unit="µs", goal=f"<= {CPU_GOAL_US:g}",
        note=beside, command=COMMAND,
    )  # fmt: skip
    yield Row(
        name=f"{name}: hits that reached Python, so SQL",
        ours=float(found.python),
        unit="",
        goal="<= 0",
        command=COMMAND,
    )
    # Each kept answer ends after 30 s and is fetched again, by all who ask at that moment.
    every = found.hits + found.asked
    yield Row(
        name=f"{name}: share of hits that asked S3 nothing, no GET and no HEAD", ours=found.hits / every,
        unit="", goal=">= 0.999", note=f"{found.hits} of {every}", command=COMMAND,
    )  # fmt: skip


def last_hop(running: Service, body: dict[str, object], prefix: str, rounds: int = 14) -> Row:
    """From the request of a variant that has just been made to its last byte, on the connection that was told 307."""
    data, times = random.Random(1).randbytes(100_000), []
    parts = urlsplit(running.stack.base_url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    for number in range(rounds):
        stored = f"full/810,{1000 + number}/0/default.webp"
        if ask(connection, prefix + stored)[0] != 307:
            raise RuntimeError("what is not there must be a miss")
        store(running, body, stored, data)
        began = time.perf_counter()
        status, length = ask(connection, prefix + stored)
        times.append((time.perf_counter() - began) * 1000)
        if (status, length) != (200, len(data)):
            raise RuntimeError(f"{status} with {length} bytes")
    return Row(
        name="last hop of a miss, 100 kB, kept connection, slowest of 14", ours=max(times), unit="ms",
        goal=f"<= {LAST_HOP_GOAL_MS:g}", p95=percentile(times, 0.95), command=COMMAND,
        note=f"median {statistics.median(times):.1f}; a delayed ACK would be 40 or more",
    )  # fmt: skip


def ask(connection: http.client.HTTPConnection, path: str) -> tuple[int, int]:
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, len(answer.read())


@contextmanager
def peers(files: Mapping[str, bytes]) -> Iterator[dict[str, Server]]:
    """The plainest nginx with these files, and one that caches what that one serves."""
    with ExitStack() as stack:
        static = stack.enter_context(plain_nginx(files))
        cached = stack.enter_context(plain_nginx(files, behind=static.url))
        yield {"static": static, "proxy_cache": cached}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    options = parser.parse_args()
    found: list[Row] = []
    files = {name.replace(" ", ""): random.Random(size).randbytes(size) for name, (size, _) in CASES.items()}
    with service() as running, peers(files) as others:
        body = running.upload(samples.phone_photo(seed=1, megapixels=1))
        prefix = urlsplit(body["pages"][0]["info"]).path.removesuffix("info.json")
        for name, (_, stored) in CASES.items():
            file = name.replace(" ", "")
            store(running, body, stored, files[file])
            case = Case(
                {who: f"{server.url}/{file}" for who, server in others.items()}
                | {
                    "edge": running.stack.base_url + prefix + stored,
                    "django": f"http://{LOOPBACK}:{running.stack.ports.web}{prefix}{stored}",
                },
                {who: server.pid for who, server in others.items()} | {"edge": running.stack.pid_of("edge")},
            )
            outcome, why = attempt(partial(measure, running, case, options.rounds, options.seconds))
            found += rows(name, outcome) if outcome else [Row(name=name, ours=None, unit="", note=why, command=COMMAND)]
        hop, why = attempt(partial(last_hop, running, body, prefix))
        found.append(hop or Row(name="last hop of a miss", ours=None, unit="", note=why, command=COMMAND))
    record("hit", found, [{"load generator": "wrk" if shutil.which("wrk") else "threads of Python"}])


if __name__ == "__main__":
    main()
