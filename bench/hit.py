"""An authorised hit through the edge, against a static file of the same nginx and against the same hit by Django.

    python -m bench.hit [--rounds 5] [--seconds 2]

Rounds take the three in turn, so that a busy machine slows all alike. wrk where it is installed, else threads of this
process, which then are the bottleneck: trust the ratios to nginx only with wrk.
"""

import argparse
import http.client
import os
import random
import re
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from bench.served import Service, report, service
from rxproject.local import samples
from rxproject.local.stack import binaries, readiness
from rxproject.local.stack.ports import LOOPBACK, pick
from transforms.version import PIPELINE

SIZES = {"7 kB": 7 * 1024, "140 kB": 140 * 1024}
GOALS = {"7 kB": 0.5, "140 kB": 0.85}
DJANGO_GOAL = 20.0
CONNECTIONS = 16
# As many processes as our edge, the same log, the same socket options; the file comes from memory as our cache does.
STATIC = """
worker_processes auto; pid {home}/nginx.pid; error_log stderr error; daemon off; {user}
events {{ worker_connections 1024; }}
http {{
    access_log {home}/access.log; sendfile on; tcp_nopush on; keepalive_requests 10000; default_type image/webp;
    client_body_temp_path {home}; proxy_temp_path {home}; fastcgi_temp_path {home}; uwsgi_temp_path {home};
    scgi_temp_path {home};
    server {{ listen {listen} backlog=1024; root {home}/files; }}
}}
"""


@contextmanager
def static_nginx(files: dict[str, bytes]) -> Iterator[str]:
    """The plainest nginx with these files; its address."""
    memory = Path("/dev/shm")  # noqa: S108 - a private directory is made inside it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None, prefix="rx-bench-") as folder:
        home, port = Path(folder), pick(front=None).front
        (home / "files").mkdir()
        for name, data in files.items():
            (home / "files" / name).write_bytes(data)
        user = "user root;" if os.geteuid() == 0 else ""
        (home / "nginx.conf").write_text(STATIC.format(home=home, listen=f"{LOOPBACK}:{port}", user=user))
        process = subprocess.Popen([binaries.nginx(), f"-p{home}", f"-c{home}/nginx.conf", "-estderr"])
        try:
            while not readiness.http_answers(port, f"/{next(iter(files))}"):
                time.sleep(0.05)
                if process.poll() is not None:
                    raise RuntimeError("the static nginx did not start")
            yield f"http://{LOOPBACK}:{port}"
        finally:
            process.terminate()
            process.wait(10)


def by_wrk(url: str, seconds: float) -> float:
    done = subprocess.run(
        [str(shutil.which("wrk")), "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", url],
        capture_output=True,
        text=True,
        check=True,
    )
    if "Non-2xx" in done.stdout:
        raise RuntimeError(done.stdout)
    found = re.search(r"Requests/sec:\s*([\d.]+)", done.stdout)
    if found is None:
        raise RuntimeError(done.stdout)
    return float(found[1])


def by_threads(url: str, seconds: float) -> float:
    """The same with http.client: one process, one interpreter lock."""
    parts, done = urlsplit(url), []
    end = time.perf_counter() + seconds

    def ask() -> None:
        connection = http.client.HTTPConnection(parts.netloc, timeout=30)
        count = 0
        while time.perf_counter() < end:
            connection.request("GET", parts.path)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{answer.status} {url}")
            count += 1
        done.append(count)

    threads = [threading.Thread(target=ask) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(done) < CONNECTIONS:
        raise RuntimeError(f"a client failed at {url}")
    return sum(done) / seconds


def stored_objects(running: Service) -> dict[str, tuple[str, bytes]]:
    """For each size: the address of a variant whose object has exactly so many bytes, and the bytes."""
    body = running.upload(samples.phone_photo(seed=1, megapixels=1))
    page, client = body["pages"][0], running.stack.s3_client("bootstrap")
    made = {}
    for number, (name, size) in enumerate(SIZES.items(), 1):
        stored, data = f"0,0,{10 * number},10/{10 * number},10/0/default.webp", random.Random(size).randbytes(size)
        client.put_object(
            Bucket="rx-variants",
            Key=f"{body['id']}/1/{PIPELINE}/{stored}",
            Body=data,
            ContentType="image/webp",
            Metadata={"canonical": stored},
        )
        made[name] = (urlsplit(page["info"]).path.replace("info.json", stored), data)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    options = parser.parse_args()
    rate: Callable[[str, float], float] = by_wrk if shutil.which("wrk") else by_threads
    rows, goals = [], {}
    with service() as running:
        objects = stored_objects(running)
        files = {name.replace(" ", ""): data for name, (_, data) in objects.items()}
        with static_nginx(files) as static:
            for name, (path, _) in objects.items():
                urls = {
                    "static": f"{static}/{name.replace(' ', '')}",
                    "hit": running.stack.base_url + path,
                    "django": f"http://{LOOPBACK}:{running.stack.ports.web}{path}",
                }
                rates: dict[str, list[float]] = {who: [] for who in urls}
                python = 0
                for _ in range(options.rounds):
                    for who, url in urls.items():
                        before = len(running.log("web", "generate"))
                        rates[who].append(rate(url, options.seconds))
                        python += (len(running.log("web", "generate")) - before) * (who == "hit")
                ratios = {
                    peer: statistics.median(mine / other for mine, other in zip(rates["hit"], rates[peer], strict=True))
                    for peer in ("static", "django")
                }
                medians = {f"{who}/s": statistics.median(values) for who, values in rates.items()}
                rows.append(
                    {
                        "size": name,
                        **medians,
                        "of static": ratios["static"],
                        "of django": ratios["django"],
                        "python": python,
                    }
                )
                goals[f"{name}: of nginx static"] = (ratios["static"], ">=", GOALS[name])
                goals[f"{name}: of the same hit by Django"] = (ratios["django"], ">=", DJANGO_GOAL)
                goals[f"{name}: requests that reached Python"] = (float(python), "<=", 0.0)
    report("hit", rows, goals)


if __name__ == "__main__":
    main()
