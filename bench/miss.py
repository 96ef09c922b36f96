"""A miss, 12 MP photo to 1080 px: the whole of it against fetch + render + put alone, and what claim, dispatch and
wake-up cost.

    python -m bench.miss [--rounds 20]

Each round has a prescription of its own: first the miss through nginx, then the same three steps in this process.
"""

import argparse
import hashlib
import os
import statistics
import time
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import httpx

from bench.served import Service, percentile, report, service
from rxproject.local import samples
from transforms import sandbox
from transforms.formats import SourceType
from transforms.geometry import Size
from transforms.keys import parse_original_key
from transforms.make import VariantTask, make_variant
from transforms.render import RenderJob
from transforms.request.spec import Stored

GOAL_RATIO, GOAL_DISPATCH_MS, GOAL_WAKE_MS = 1.15, 5.0, 5.0
STEPS = ("fetch", "render", "put")


def miss(client: httpx.Client, url: str) -> tuple[float, float, float]:
    """Milliseconds of /generate and of the whole way (307, 303, 200), and when /generate had answered (unix time)."""
    began = time.perf_counter()
    detour = client.get(url)
    asked = time.perf_counter()
    made = client.get(detour.headers["location"])
    answered, at = time.perf_counter(), time.time()
    image = client.get(made.headers["location"])
    ended = time.perf_counter()
    if [detour.status_code, made.status_code, image.status_code] != [307, 303, 200]:
        raise RuntimeError(f"{detour.status_code} {made.status_code} {image.status_code} {url}")
    return (answered - asked) * 1000, (ended - began) * 1000, at


def alone(running: Service, body: dict[str, Any], stored: str) -> float:
    """Milliseconds of the same fetch, render and put, by the renderer's own identity and sandbox."""
    from prescriptions.infra import storage

    page, rx = body["pages"][0], body["id"]
    [original] = running.stack.s3_client("bootstrap").list_objects_v2(Bucket="rx-originals", Prefix=rx)["Contents"]
    key = parse_original_key(original["Key"])
    assert key is not None
    job = RenderJob(
        media_type=SourceType.JPEG,
        page=1,
        stored=Stored.parse(stored),
        page_size=Size(page["width"], page["height"]),
    )
    task = VariantTask(rx=rx, document=key.document, sha256=_sha256, number=1, pipeline="bench", job=job)
    box = sandbox.default()
    box.warm()
    began = time.perf_counter()
    make_variant(task, storage=storage, render=partial(box.render, owner=rx), timings={})
    return (time.perf_counter() - began) * 1000


_photo = samples.phone_photo(seed=1, megapixels=12)
_sha256 = hashlib.sha256(_photo).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    with service() as running:
        os.environ.update(running.stack.env_for("worker"))
        import django

        django.setup()
        rounds = []
        with httpx.Client(base_url=running.stack.base_url, timeout=60) as client:
            for _ in range(options.rounds + 2):
                body = running.upload(_photo)
                path = urlsplit(body["pages"][0]["variants"]["preview"]).path
                time.sleep(0.3)  # the renderer's spare child is made after the last job, not during this one
                generate_ms, way_ms, at = miss(client, path)
                [row] = running.rows(body["id"])
                ready = datetime.fromisoformat(row["ready_at"]).replace(tzinfo=UTC).timestamp()
                work = {step: row["timings"][step] for step in STEPS}
                rounds.append(
                    {
                        "generate": generate_ms,
                        "whole way": way_ms,
                        **work,
                        "steps": sum(work.values()),
                        "alone": alone(running, body, row["stored"]),
                        "dispatch": row["timings"]["queue"],
                        "wake-up": (at - ready) * 1000,
                    }
                )
        sandbox.default().close()
    rounds = rounds[2:]  # they warm both sides

    def ratio(over: str, under: str) -> float:
        return statistics.median(one[over] / one[under] for one in rounds)

    rows = [
        {
            "ms": name,
            "p50": percentile([one[name] for one in rounds], 0.5),
            "p95": percentile([one[name] for one in rounds], 0.95),
        }
        for name in rounds[0]
    ]
    report(
        "miss",
        rows,
        {
            "miss / (fetch + render + put) alone": (ratio("generate", "alone"), "<=", GOAL_RATIO),
            "miss / its own fetch + render + put": (ratio("generate", "steps"), "<=", GOAL_RATIO),
            "dispatch, p50 ms": (rows[-2]["p50"], "<=", GOAL_DISPATCH_MS),
            "wake-up, p50 ms": (rows[-1]["p50"], "<=", GOAL_WAKE_MS),
        },
    )


if __name__ == "__main__":
    main()
