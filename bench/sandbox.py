"""What isolation costs: the same render in this process, in a fresh child with a spare ready, and in a child kept warm.

    python -m bench.sandbox [--rounds N] [--json PATH]

Rounds are interleaved, so that a busy machine slows all alike. Prints medians; `adds` is the median of the differences
within a round. The goal (a ready spare adds at most 5 ms to the 12 MP photo) is shown, never asserted. `making a spare`
is what each fresh child costs, before anybody waits for it.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from bench.cold_start import document, photo
from transforms.formats import SourceType
from transforms.geometry import Size
from transforms.render import RenderJob, render
from transforms.request.spec import Stored
from transforms.sandbox import Sandbox

GOAL_MS: Final = 5
SETTLE_SECONDS: Final = 0.25  # until a spare is ready and nothing runs beside what is measured


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = run(options.rounds)
    processes = results.pop("processes")
    print(f"{'case':26}{'in process':>11}{'spare':>9}{'adds':>8}{'kept':>9}{'adds':>8}   (ms, medians)")
    for name, row in results.items():
        print(
            f"{name:26}{row['in process']:11.1f}{row['spare']:9.1f}{row['spare adds']:8.1f}"
            f"{row['kept']:9.1f}{row['kept adds']:8.1f}"
        )
    for name, value in processes.items():
        print(f"{name:26}{value:11.1f}")
    added = next(iter(results.values()))["spare adds"]
    print(f"goal: a ready spare adds at most {GOAL_MS} ms: {'reached' if added <= GOAL_MS else 'missed'} ({added:.1f})")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({**results, "processes": processes}, indent=2) + "\n")


if __name__ == "__main__":
    main()
