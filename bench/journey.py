"""The whole journey of a miss, as a client sees it: 307, made and stored, 303, the bytes; against image servers that
read the same file from their own disk, and store and isolate nothing.

    python -m bench.journey [--rounds 15] [--peers ipx,thumbor]

Each round is a prescription that nobody has asked for, on a connection that is kept, once everything is at rest. CPU is
that of all processes from the first byte to rest again: what is made ready for the next miss counts.
"""

import argparse
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from bench import photos
from bench.client import Client
from bench.peers.servers import SERVERS, Peer
from bench.processes import cpu_seconds, settle
from bench.rows import Row, against, attempt, record
from bench.served import Service, percentile, service

COMMAND: Final = "python -m bench.journey"
# Width, format, and the goal for ours / ipx.
CASES: Final = ((550, "jpg", "<= 1.4"), (1080, "webp", "<= 0.9"))


class Contender:
    """Milliseconds and CPU milliseconds of each round, or why there are none."""

    def __init__(self, base_url: str, pids: list[int]) -> None:
        self._client, self._pids = Client(base_url), pids
        self.milliseconds: list[float] = []
        self.cpu: list[float] = []
        self.trouble = ""

    def go(self, path: str, *, counts: bool) -> None:
        settle(self._pids)
        self._client.connect()
        before = cpu_seconds(self._pids)
        answer, trouble = attempt(lambda: self._client.get(path).must_be_ok())
        if answer is None:
            self.trouble = trouble
            self._client.close()
            return
        settle(self._pids)
        if counts:
            self.milliseconds.append(answer.milliseconds)
            self.cpu.append((cpu_seconds(self._pids) - before) * 1000)

    def median(self, values: list[float]) -> float | None:
        return statistics.median(values) if values else None


def measure(running: Service, peers: list[Peer], width: int, form: str, rounds: int) -> dict[str, Contender]:
    """Ours as "ours" and each peer by its name."""
    found = {"ours": Contender(running.stack.base_url, running.pids)}
    peers = [peer for peer in peers if form in peer.forms]
    found |= {peer.name: Contender(peer.base_url, [peer.pid]) for peer in peers}
    for turn in range(-2, rounds):  # two to warm all sides
        body, trouble = attempt(lambda number=turn: running.upload(photos.distinct(number)))  # type: ignore[misc]
        if body is None:
            found["ours"].trouble = trouble
        else:
            found["ours"].go(photos.address(body["pages"][0], width, form), counts=turn >= 0)
        for peer in peers:
            # Of another original each time: some of them keep what they make.
            found[peer.name].go(peer.path(f"{turn + 2}.jpg", width, form), counts=turn >= 0)
    return found


def rows(found: dict[str, Contender], width: int, form: str, goal: str) -> list[Row]:
    ours, made = found["ours"], []
    what = f"12 MP to {width} {form}"
    ms, cpu = ours.median(ours.milliseconds), ours.median(ours.cpu)
    if ms is None or cpu is None:
        return [Row(name=what, ours=None, unit="ms", goal=goal, command=COMMAND, note=ours.trouble)]
    p95 = percentile(ours.milliseconds, 0.95)
    for name, peer in found.items():
        if name == "ours":
            continue
        theirs = peer.median(peer.milliseconds), peer.median(peer.cpu)
        aim = goal if name == "ipx" else ""
        shared = {"peer_name": name, "command": COMMAND, "note": peer.trouble or ours.trouble}
        made.append(against(f"{what}, {name}", ms, theirs[0], unit="ms", p95=p95, goal=aim, **shared))
        made.append(against(f"{what}, {name}: CPU", cpu, theirs[1], unit="ms", **shared))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--peers", default=",".join(SERVERS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rx-bench-") as folder, ExitStack() as stack:
        photos.save(Path(folder), options.rounds + 2)
        missing, peers = [], []
        for name in filter(None, options.peers.split(",")):
            peer, trouble = attempt(lambda name=name: stack.enter_context(SERVERS[name](Path(folder))))  # type: ignore[misc]
            peers += [peer] if peer else []
            missing += [] if peer else [Row(name=name, ours=None, unit="ms", peer_name=name, note=trouble)]
        running = stack.enter_context(service())
        made = []
        for width, form, goal in CASES:
            made += rows(measure(running, peers, width, form, options.rounds), width, form, goal)
        record("journey", [*made, *missing])


if __name__ == "__main__":
    main()
