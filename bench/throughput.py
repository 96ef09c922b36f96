"""A hundred originals that nobody has asked for, eight clients: images a second and CPU an image, against image servers
that read the same files from their own disk, and store and isolate nothing.

    python -m bench.throughput [--originals 100] [--peers ipx,thumbor]

Portions of a quarter, in turn, so that a busy machine slows all alike. The uploads come before and are not counted.
"""

import argparse
import json
import statistics
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from bench import photos
from bench.client import share
from bench.peers.servers import SERVERS, Peer
from bench.processes import cpu_seconds, settle
from bench.rows import Row, against, attempt, record
from bench.served import Service, service

COMMAND: Final = "python -m bench.throughput"
WIDTH, FORM, CLIENTS, PORTIONS = 550, "jpg", 8, 4
GOAL_RATE, GOAL_CPU_MS = ">= 1.0", "<= 85"


class Tally:
    """Images, seconds and CPU seconds over all portions of one contender."""

    def __init__(self, base_url: str, pids: list[int]) -> None:
        self._base_url, self._pids = base_url, pids
        self.images = 0
        self.seconds = self.cpu = 0.0
        self.trouble = ""

    def portion(self, paths: list[str]) -> None:
        settle(self._pids)
        before = cpu_seconds(self._pids)
        done, trouble = attempt(lambda: share(self._base_url, paths, CLIENTS))
        if done is None:
            self.trouble = trouble
            return
        seconds, answers = done
        settle(self._pids)  # what is made ready for the next ones counts
        self.cpu += cpu_seconds(self._pids) - before
        self.seconds += seconds
        self.images += sum(answer.statuses[-1] == 200 for answer in answers)
        bad = [answer.statuses for answer in answers if answer.statuses[-1] != 200]
        self.trouble = self.trouble or (f"{len(bad)} of {len(answers)} failed, as in {bad[0]}" if bad else "")

    @property
    def rate(self) -> float | None:
        return self.images / self.seconds if self.images else None

    @property
    def cpu_ms(self) -> float | None:
        return self.cpu / self.images * 1000 if self.images else None


def stages(running: Service, ids: set[str]) -> dict[str, float]:
    """Median milliseconds of each stage of these prescriptions' renders, as their rows tell."""
    spent: dict[str, list[float]] = defaultdict(list)
    for rx in ids:
        for row in running.rows(rx):
            for stage, ms in row["timings"].items():
                spent[stage].append(ms)
    return {stage: round(statistics.median(values), 1) for stage, values in spent.items()}


def measure(
    running: Service, peers: list[Peer], folder: Path, names: list[str]
) -> tuple[dict[str, Tally], dict[str, float]]:
    bodies = [running.upload((folder / name).read_bytes()) for name in names]
    ours = [photos.address(body["pages"][0], WIDTH, FORM) for body in bodies]
    tallies = {"ours": Tally(running.stack.base_url, running.pids)}
    tallies |= {peer.name: Tally(peer.base_url, [peer.pid]) for peer in peers}
    paths = {"ours": ours, **{peer.name: [peer.path(name, WIDTH, FORM) for name in names] for peer in peers}}
    settle(running.pids, most=120)
    for start in range(PORTIONS):
        for name, tally in tallies.items():
            tally.portion(paths[name][start::PORTIONS])
    return tallies, stages(running, {body["id"] for body in bodies})


def rows(tallies: dict[str, Tally]) -> list[Row]:
    ours, made = tallies["ours"], []
    if ours.rate is None or ours.cpu_ms is None:
        return [Row(name="images a second", ours=None, unit="/s", command=COMMAND, note=ours.trouble)]
    cpu = "CPU an image, all processes"
    made.append(Row(name=cpu, ours=ours.cpu_ms, unit="ms", goal=GOAL_CPU_MS, command=COMMAND, note=ours.trouble))
    for name, peer in tallies.items():
        if name != "ours":
            goal = GOAL_RATE if name == "ipx" else ""
            shared: dict[str, Any] = {"peer_name": name, "command": COMMAND, "note": peer.trouble or ours.trouble}
            made.append(against(f"images a second, {name}", ours.rate, peer.rate, unit="/s", goal=goal, **shared))
            made.append(against(f"CPU an image, {name}", ours.cpu_ms, peer.cpu_ms, unit="ms", **shared))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--originals", type=int, default=100)
    parser.add_argument("--peers", default=",".join(SERVERS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rx-bench-") as folder, ExitStack() as stack:
        names = photos.save(Path(folder), options.originals)
        peers, missing = [], []
        for name in filter(None, options.peers.split(",")):
            peer, trouble = attempt(lambda name=name: stack.enter_context(SERVERS[name](Path(folder))))  # type: ignore[misc]
            peers += [peer] if peer else []
            missing += [] if peer else [Row(name=name, ours=None, unit="/s", peer_name=name, note=trouble)]
        running = stack.enter_context(service())
        tallies, spent = measure(running, peers, Path(folder), names)
        print("stages, median ms:", json.dumps(spent))
        record("throughput", [*rows(tallies), *missing], [spent])


if __name__ == "__main__":
    main()
