"""As many requests as one address answers: wrk where it is installed, else threads of this process."""

import http.client
import re
import shutil
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bench.served import percentile

CONNECTIONS: Final = 16
# wrk prints no p95 by itself.
_P95: Final = 'done = function(_, latency) io.write(string.format("p95us %d\\n", latency:percentile(95))) end\n'


@dataclass(frozen=True, slots=True)
class Load:
    """What so many connections got in so many seconds."""

    count: int
    per_second: float
    p95_ms: float


def load(url: str, seconds: float) -> Load:
    """RuntimeError if any answer is not 200."""
    return _by_wrk(url, seconds) if shutil.which("wrk") else _by_threads(url, seconds)


def _by_wrk(url: str, seconds: float) -> Load:
    with tempfile.TemporaryDirectory(prefix="rx-bench-") as folder:
        script = Path(folder) / "p95.lua"
        script.write_text(_P95)
        wrk = [str(shutil.which("wrk")), "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", f"-s{script}", url]
        said = subprocess.run(wrk, capture_output=True, text=True, check=True).stdout
    found = [
        re.search(pattern, said) for pattern in (r"(\d+) requests in", r"Requests/sec:\s*([\d.]+)", r"p95us (\d+)")
    ]
    if "Non-2xx" in said or None in found:
        raise RuntimeError(said)
    count, rate, p95 = (float(match[1]) for match in found if match)
    return Load(int(count), rate, p95 / 1000)


def _by_threads(url: str, seconds: float) -> Load:
    """The same with http.client: one process, one interpreter lock."""
    parts = urlsplit(url)
    times: list[float] = []
    failed: list[str] = []
    end = time.perf_counter() + seconds

    def ask() -> None:
        connection = http.client.HTTPConnection(parts.netloc, timeout=30)
        while (began := time.perf_counter()) < end and not failed:
            connection.request("GET", parts.path)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                failed.append(f"{answer.status} {url}")
            times.append((time.perf_counter() - began) * 1000)

    threads = [threading.Thread(target=ask) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed or not times:
        raise RuntimeError(failed[0] if failed else f"no answer from {url}")
    return Load(len(times), len(times) / seconds, percentile(times, 0.95))
