"""Runs schemathesis against a stack, and counts what came of it."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Outcome:
    """`statuses`: how many requests were answered so; `deep`: operations that did once what they are for."""

    code: int
    output: str
    statuses: Counter[int] = field(default_factory=Counter)
    operations: set[str] = field(default_factory=set)
    deep: set[str] = field(default_factory=set)

    @property
    def summary(self) -> str:
        counted = ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items()))
        return f"{self.statuses.total()} cases, {len(self.deep)} of {len(self.operations)} operations deep ({counted})"


def fuzz(base_url: str, seeds: dict[str, Any], folder: Path, *, examples: int, phases: str, seed: int = 1) -> Outcome:
    schema = httpx.get(f"{base_url}/api/v1/schema", headers={"Accept": "application/json"}).raise_for_status()
    (folder / "openapi.json").write_bytes(schema.content)
    (folder / "seeds.json").write_text(json.dumps(seeds))
    report = folder / "report.har"
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(ROOT / "tests/contract/schemathesis.toml")),
        *("run", str(folder / "openapi.json"), "--url", base_url),
        *("--header", f"Authorization: Bearer {seeds['token']}"),
        *("--max-examples", str(examples), "--phases", phases, "--seed", str(seed), "--no-shrink", "--no-color"),
        *("--generation-allow-x00", "false", "--generation-database", "none", "--max-redirects", "0"),
        *("--exclude-deprecated", "--report-har-path", str(report)),
    ]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.contract.hooks", "PYTHONPATH": str(ROOT)}
    environment |= {"RX_CONTRACT_SEEDS": str(folder / "seeds.json"), "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    outcome = Outcome(done.returncode, done.stdout + done.stderr)
    document = json.loads((folder / "openapi.json").read_text())
    _count(outcome, json.loads(report.read_text())["log"]["entries"], document)
    return outcome


def _count(outcome: Outcome, entries: list[dict[str, Any]], document: dict[str, Any]) -> None:
    routes = [
        (method.upper(), re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), operation["operationId"])
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if "operationId" in operation and not operation.get("deprecated")
    ]
    outcome.operations = {name for _method, _path, name in routes}
    for entry in entries:
        status, request = entry["response"]["status"], entry["request"]
        outcome.statuses[status] += 1
        path = urlsplit(request["url"]).path
        if 200 <= status < 400:
            known = [(route, name) for method, route, name in routes if method == request["method"]]
            outcome.deep |= {name for route, name in known if route.fullmatch(path)}
