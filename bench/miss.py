"""A miss, 12 MP photo to 1080 px: the whole of /generate against fetch, render and put alone, and what claim, dispatch
and wake-up cost.

    python -m bench.miss [--rounds 20]

Each round has a prescription of its own: first the miss through nginx, then the same three steps in a process that does
nothing else, with a worker's identity.
"""

import argparse
import hashlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from bench import photos
from bench.processes import settle
from bench.rows import ROOT, Row, against, attempt, record
from bench.served import Service, percentile, service
from transforms.keys import parse_original_key

COMMAND: Final = "python -m bench.miss"
ALONE: Final = "fetch, render, put alone"
GOAL_RATIO, GOAL_DISPATCH, GOAL_WAKE = "<= 1.12", "<= 3", "<= 3"
STEPS: Final = ("fetch", "render", "put")


def miss(client: httpx.Client, url: str) -> tuple[float, float]:
    """Milliseconds of /generate, and when it had answered (unix time)."""
    detour = client.get(url)
    asked = time.perf_counter()
    made = client.get(detour.headers["location"])
    answered, at = time.perf_counter(), time.time()
    image = client.get(made.headers["location"])
    if [detour.status_code, made.status_code, image.status_code] != [307, 303, 200]:
        raise RuntimeError(f"{detour.status_code} {made.status_code} {image.status_code} {url}")
    return (answered - asked) * 1000, at


# --- The same three steps, in a process of their own ----------------------------------------------------------------
def alone() -> None:
    """For each task that is read, a JSON line, the milliseconds of its fetch, render and put."""
    # Lazy: only the child does this; settings read the environment that it was given.
    import django

    django.setup()
    from prescriptions.infra import storage
    from transforms import sandbox
    from transforms.formats import SourceType
    from transforms.geometry import Size
    from transforms.make import VariantTask, make_variant
    from transforms.render import RenderJob
    from transforms.request.spec import Stored

    box = sandbox.default()
    for line in sys.stdin:
        told = json.loads(line)
        size = Size(*told.pop("size"))
        job = RenderJob(media_type=SourceType.JPEG, page=1, stored=Stored.parse(told.pop("stored")), page_size=size)
        task = VariantTask(number=1, pipeline="bench", job=job, **told)
        box.warm()
        began = time.perf_counter()
        make_variant(task, storage=storage, render=partial(box.render, owner=task.rx), timings={})
        print((time.perf_counter() - began) * 1000, flush=True)
    box.close()


@contextmanager
def child(running: Service) -> Iterator["subprocess.Popen[str]"]:
    env = {**running.stack.env_for("worker"), "DJANGO_SETTINGS_MODULE": "rxproject.settings"}
    command = [sys.executable, "-m", "bench.miss", "--alone"]
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.communicate(timeout=30)


def ask(process: "subprocess.Popen[str]", running: Service, body: dict[str, Any], data: bytes, stored: str) -> float:
    page, rx = body["pages"][0], body["id"]
    listing = running.stack.s3_client("bootstrap").list_objects_v2(Bucket="rx-originals", Prefix=rx)["Contents"]
    [key] = filter(None, (parse_original_key(item["Key"]) for item in listing))
    assert process.stdin is not None
    assert process.stdout is not None
    sha256, size = hashlib.sha256(data).hexdigest(), (page["width"], page["height"])
    task = {"rx": rx, "document": key.document, "sha256": sha256, "stored": stored, "size": size}
    process.stdin.write(json.dumps(task) + "\n")
    process.stdin.flush()
    if not (line := process.stdout.readline()):
        raise RuntimeError("the process that does the steps alone has ended")
    return float(line)


# --- Rounds ---------------------------------------------------------------------------------------------------------
def one(running: Service, client: httpx.Client, process: "subprocess.Popen[str]", number: int) -> dict[str, float]:
    data = photos.distinct(number)
    body = running.upload(data)
    settle(running.pids)  # the renderer's spare child is made after the last job, not during this one
    generate_ms, at = miss(client, urlsplit(body["pages"][0]["variants"]["preview"]).path)
    [row] = running.rows(body["id"])
    ready = datetime.fromisoformat(row["ready_at"]).replace(tzinfo=UTC).timestamp()
    settle(running.pids)
    return {
        "generate": generate_ms,
        "steps": sum(row["timings"][step] for step in STEPS),
        "alone": ask(process, running, body, data, row["stored"]),
        "dispatch": row["timings"]["queue"],
        "wake-up": (at - ready) * 1000,
    }


def rows(rounds: Sequence[dict[str, float]]) -> list[Row]:
    def median(name: str) -> float:
        return statistics.median(each[name] for each in rounds)

    def p95(name: str) -> float:
        return percentile([each[name] for each in rounds], 0.95)

    shared: dict[str, Any] = {"unit": "ms", "command": COMMAND}
    generate = {**shared, "p95": p95("generate"), "goal": GOAL_RATIO}
    dispatch, wake = ({**shared, "ours": median(name), "p95": p95(name)} for name in ("dispatch", "wake-up"))
    return [
        against("miss / fetch, render, put alone", median("generate"), median("alone"), ALONE, **generate),
        against("miss / its own fetch, render, put", median("generate"), median("steps"), "its own steps", **generate),
        Row(name="dispatch: claimed to begun", goal=GOAL_DISPATCH, **dispatch),
        Row(name="wake-up: ready to answered", goal=GOAL_WAKE, **wake),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        alone()
        return
    rounds, trouble = [], ""
    with (
        service() as running,
        child(running) as process,
        httpx.Client(base_url=running.stack.base_url, timeout=60) as client,
    ):
        for number in range(options.rounds + 2):
            found, failed = attempt(lambda number=number: one(running, client, process, number))  # type: ignore[misc]
            trouble = failed or trouble
            if found and number > 1:  # the first two warm both sides
                rounds.append(found)
    if rounds:
        record("miss", rows(rounds), rounds)
    else:
        record("miss", [Row(name="miss / fetch, render, put alone", ours=None, unit="ms", note=trouble)])


if __name__ == "__main__":
    main()
