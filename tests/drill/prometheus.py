"""A Prometheus of Debian's with the shipped rules, in a hurry: what they watch for minutes is watched for seconds."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from tests.waiting import free_port, kill_all, until

RULES: Final = Path(__file__).resolve().parents[2] / "deploy/prometheus/rules.yml"
_WINDOW, _FOR = "60s", "2s"


def in_a_hurry(text: str) -> dict[str, Any]:
    """The same expressions and thresholds over a shorter time."""
    rules: dict[str, Any] = yaml.safe_load(text)
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule["expr"] = re.sub(r"\[\d+[mh]\]", f"[{_WINDOW}]", rule["expr"])
            rule["for"] = _FOR
    return rules


@dataclass
class Prometheus:
    """`targets`: addresses (host:port) that it asks; a file, so that one may come later."""

    folder: Path
    token: str
    port: int = field(default_factory=free_port)

    def watch(self, *targets: str) -> None:
        (self.folder / "targets.json").write_text(json.dumps([{"targets": list(targets)}]))

    def firing(self) -> set[str]:
        alerts = httpx.get(f"http://127.0.0.1:{self.port}/api/v1/alerts", timeout=10).json()["data"]["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}

    def seconds_until(self, names: set[str], pause: Callable[[float], None], *, most: float) -> dict[str, float]:
        """How long each took; those that did not come are not in it."""
        began, seen = time.monotonic(), dict[str, float]()
        while names - set(seen) and time.monotonic() - began < most:
            for name in (self.firing() & names) - set(seen):
                seen[name] = time.monotonic() - began
            pause(0.5)
        return seen


@contextmanager
def prometheus(folder: Path, token: str, *targets: str) -> Iterator[Prometheus]:
    program = shutil.which("prometheus")
    if program is None:
        raise SystemExit("The alerts need a Prometheus: apt-get install --no-install-recommends prometheus")
    folder.mkdir()
    running = Prometheus(folder, token)
    running.watch(*targets)
    (folder / "rules.yml").write_text(yaml.safe_dump(in_a_hurry(RULES.read_text())))
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [
            {
                "job_name": "prescriptions",
                "authorization": {"credentials": token},
                "file_sd_configs": [{"files": ["targets.json"], "refresh_interval": "1s"}],
            }
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    options = [f"--web.listen-address=127.0.0.1:{running.port}", f"--storage.tsdb.path={folder / 'data'}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, f"--config.file={folder / 'prometheus.yml'}", *options], stdout=log, stderr=log
        )
    try:
        until(lambda: _answers(running.port), "prometheus")
        yield running
    finally:
        kill_all([process.pid])
        process.wait()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/-/ready", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False
