"""Six hundred variants that one client asks for ahead, and the first pictures of another: beside them, and alone.

    python -m bench.fairness [--flood 600] [--looks 40]

Half of the flood are presets, which wait in the same lane as what the other client looks at; the rest are other sizes.
Each look is at a photo that was uploaded a moment before, so nothing of it has been made.
"""

import argparse
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from threading import Event

import httpx

from bench.rows import ROOT, Row, against, record
from bench.served import Service, percentile, service
from rxproject.local import samples

PRESETS = ("thumb", "card", "preview", "review", "print")
GOAL = "<= 2"


def token(running: Service, name: str) -> dict[str, str]:
    """Headers of a client of its own."""
    create = ["rxtoken", "create", "--name", name, "--scopes", "rx:read,rx:write"]
    done = subprocess.run(
        [sys.executable, "manage.py", *create],
        cwd=ROOT,
        env=running.stack.env_for("web"),
        capture_output=True,
        text=True,
        check=True,
    )
    return {"Authorization": f"Bearer {done.stdout.strip()}"}


def upload(client: httpx.Client, photo: bytes) -> str:
    answer = client.post("/api/v1/prescriptions", files={"files": ("photo.jpg", photo)})
    answer.raise_for_status()
    return str(answer.json()["id"])


def look(client: httpx.Client, photo: bytes) -> tuple[float, int]:
    """Seconds until a cold preview is there, and the last status."""
    path = f"/api/v1/prescriptions/{upload(client, photo)}/pages/1/variants/preview"
    started = time.perf_counter()
    answer = client.get(path)
    return time.perf_counter() - started, answer.status_code


def flood(client: httpx.Client, photo: bytes, count: int, begun: Event) -> Counter[int]:
    """Ask for so many and wait for none; come back when told to."""
    rxs = [upload(client, photo) for _ in range(-(-count // (2 * len(PRESETS))))]
    presets = ((rx, preset) for preset in PRESETS for rx in rxs)
    sizes = ((rx, f"full/{100 + number},/0/gray.webp") for number in range(count) for rx in rxs)
    both = (one for pair in zip(cycle(presets), sizes, strict=False) for one in pair)

    def ask(one: tuple[str, str]) -> int:
        path = f"/api/v1/prescriptions/{one[0]}/pages/1/variants/{one[1]}"
        while (answer := client.get(path, headers={"Prefer": "respond-async"})).status_code in (429, 503):
            time.sleep(float(answer.headers["Retry-After"]))
        begun.set()
        return answer.status_code

    with ThreadPoolExecutor(8) as pool:
        return Counter(pool.map(ask, islice(both, count)))


def measure(running: Service, *, count: int, looks: int) -> list[Row]:
    photo, small = samples.phone_photo(seed=1, megapixels=2), samples.phone_photo(seed=2, megapixels=1)
    options = {"base_url": running.stack.base_url, "timeout": 60.0}
    with (
        httpx.Client(headers=token(running, "many"), **options) as many,  # type: ignore[arg-type] # two kinds of values
        httpx.Client(headers=token(running, "one"), **options) as one,  # type: ignore[arg-type]
        ThreadPoolExecutor(1) as pool,
    ):
        look(one, photo)
        alone = [look(one, photo)[0] for _ in range(looks)]
        begun = Event()
        flooding = pool.submit(flood, many, small, count, begun)
        begun.wait()
        beside = [look(one, photo) for _ in range(looks)]
        told = flooding.result() if flooding.done() else Counter[int]()
    times = [seconds for seconds, _ in beside]
    errors = sum(status != 303 for _, status in beside)
    words = ", ".join(f"{number} × {status}" for status, number in sorted(told.items())) or "still under way"
    return [
        against("a first picture beside 600 of another client, p95", percentile(times, 0.95) * 1000,
                percentile(alone, 0.95) * 1000, "the same, alone", unit="ms", goal=GOAL, note=f"the flood: {words}"),
        Row(name="errors of who looks beside the flood", ours=errors, unit="", goal="<= 0"),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flood", type=int, default=600)
    parser.add_argument("--looks", type=int, default=40)
    options = parser.parse_args()
    with service() as running:
        record("fairness", measure(running, count=options.flood, looks=options.looks))


if __name__ == "__main__":
    main()
