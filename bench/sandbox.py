"""What isolation costs: the same render in this process, in a fresh child with a spare ready, and in a child kept warm;
and what the first render of a new prescription costs while others wait.

    python -m bench.sandbox [--rounds N]

Rounds are interleaved, so that a busy machine slows all alike; `adds` is the median of the differences within a round.
`making a spare` is what each fresh child costs, before anybody waits for it. `while jobs wait` is CPU of all processes
of the sandbox for one new prescription after the other, without a pause, less that of the render in this process.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any, Final

from bench.cold_start import document, photo
from bench.processes import cpu_seconds
from bench.rows import Row, record
from transforms.formats import SourceType
from transforms.geometry import Size
from transforms.render import RenderJob, render
from transforms.request.spec import Stored
from transforms.sandbox import Sandbox

GOAL: Final = "<= 3"
NEW_GOAL: Final = "<= 15"
COMMAND: Final = "python -m bench.sandbox"
_TURNS: Final = 3
SETTLE_SECONDS: Final = 0.5  # until a spare is ready and nothing runs beside what is measured


def cases() -> dict[str, tuple[bytes, RenderJob]]:
    def job(kind: SourceType, size: Size, stored: str) -> RenderJob:
        return RenderJob(kind, 1, Stored.parse(stored), size)

    return {
        "12 MP JPEG -> 1080 jpg": (
            photo(3000, 4000),
            job(SourceType.JPEG, Size(3000, 4000), "full/810,1080/0/default.jpg"),
        ),
        "12 MP JPEG -> 200 webp": (
            photo(3000, 4000),
            job(SourceType.JPEG, Size(3000, 4000), "full/150,200/0/default.webp"),
        ),
        "vector PDF -> 1080 webp": (
            document(),
            job(SourceType.PDF, Size(2480, 3508), "full/764,1080/0/default.webp"),
        ),
    }


def milliseconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def measure(box: Sandbox, data: bytes, job: RenderJob, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each way in each round. The first round warms everything and is dropped."""
    taken: dict[str, list[float]] = {"in process": [], "spare": [], "kept": []}
    for number in range(rounds + 1):
        box.warm()
        time.sleep(SETTLE_SECONDS)
        owner = f"{id(job)} {number}"
        taken["in process"].append(milliseconds(lambda: render(data, job)))
        taken["spare"].append(milliseconds(lambda who=owner: box.render(data, job, owner=who)))  # type: ignore[misc]
        time.sleep(SETTLE_SECONDS)
        taken["kept"].append(milliseconds(lambda who=owner: box.render(data, job, owner=who)))  # type: ignore[misc]
    return {way: times[1:] for way, times in taken.items()}


def run(rounds: int) -> dict[str, dict[str, float]]:
    box = Sandbox(spares=1)
    start_ms = milliseconds(box.warm)
    results = {}
    for name, (data, job) in cases().items():
        taken = measure(box, data, job, rounds)
        results[name] = {
            **{way: statistics.median(times) for way, times in taken.items()},
            **{
                f"{way} adds": statistics.median(
                    mine - plain for mine, plain in zip(taken[way], taken["in process"], strict=True)
                )
                for way in ("spare", "kept")
            },
        }
    unready = Sandbox(spares=0)
    unready.capabilities()
    making_ms = milliseconds(unready.warm)
    unready.close()
    box.close()
    return {**results, "processes": {"zygote and first spare": start_ms, "making a spare": making_ms}}


def of_new_ones(rounds: int) -> float:
    """Milliseconds of CPU that each first render of another prescription adds, one right after the other."""
    data, job = next(iter(cases().values()))
    box = Sandbox(spares=1)
    box.warm()
    box.render(data, job, owner="none")
    box.render(data, job, owner="none")
    render(data, job)

    def measured(work: Callable[[int], Any]) -> float:
        before = cpu_seconds([os.getpid()])
        for number in range(rounds):
            work(number)
        return (cpu_seconds([os.getpid()]) - before) * 1000 / rounds

    added = []
    for turn in range(_TURNS):
        isolated = measured(lambda number, turn=turn: box.render(data, job, owner=f"{turn} {number}"))  # type: ignore[misc]
        added.append(isolated - measured(lambda _: render(data, job)))
    box.close()
    return statistics.median(added)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    results = run(rounds)
    processes = results.pop("processes")
    rows = [
        Row(
            name=f"{way} adds, {name}",
            ours=row[f"{way} adds"],
            unit="ms",
            goal=GOAL if way == "spare" and name.startswith("12 MP") else "",
            note=f"{row[way]:.1f} instead of {row['in process']:.1f} ms",
            command=COMMAND,
        )
        for name, row in results.items()
        for way in ("spare", "kept")
    ]
    rows.append(
        Row(
            name="a new prescription's first render adds, while jobs wait",
            ours=of_new_ones(rounds),
            unit="ms CPU",
            goal=NEW_GOAL,
            command=COMMAND,
        )
    )
    rows += [Row(name=name, ours=value, unit="ms", command=COMMAND) for name, value in processes.items()]
    record("sandbox", rows)


if __name__ == "__main__":
    main()
