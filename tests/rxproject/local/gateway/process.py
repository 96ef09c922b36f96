"""A real gateway process for tests, and a caller that signs with AWS's own SDK."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.waiting import children_of, is_alive, until

ROOT = Path(__file__).parents[4]
ACCESS_KEY, SECRET_KEY, REGION = "caller", "caller-secret", "us-east-1"
FUNCTION = "tests.rxproject.local.gateway.function.handler"


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway; `lines()` are the JSON lines of its log, which has the function's output as well."""

    url: str
    pid: int
    log: Path

    def call(self, body: Mapping[str, Any] | bytes, *, timeout: float = 60, **changes: Any) -> httpx.Response:
        """A signed POST /render."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = signed(f"{self.url}/render", content, **changes)
        return httpx.post(f"{self.url}/render", content=content, headers=headers, timeout=timeout)

    def lines(self) -> list[dict[str, Any]]:
        found = []
        for line in self.log.read_text().splitlines():
            if line.startswith("{"):
                found.append(json.loads(line))
        return found

    def runtimes(self) -> list[int]:
        """Process ids of the gateway's children, each of which belongs to a thread."""
        return [pid for pid in children_of(self.pid) if is_alive(pid)]


def signed(
    url: str,
    content: bytes,
    *,
    secret_key: str = SECRET_KEY,
    access_key: str = ACCESS_KEY,
    service: str = "execute-api",
    region: str = REGION,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
) -> dict[str, str]:
    request = AWSRequest(
        method=method, url=url, data=content, headers={"Content-Type": "application/json", **(headers or {})}
    )
    SigV4Auth(Credentials(access_key, secret_key), service, region).add_auth(request)
    return dict(request.headers.items())


@contextmanager
def running(
    folder: Path, *, function_env: Mapping[str, str] | None = None, ends_with: int = 0, **settings: str
) -> Iterator[Gateway]:
    """`settings` are RX_GATEWAY_ variables without the prefix, in lower case."""
    log = folder / "gateway.log"
    env = {
        "PATH": os.environ["PATH"],
        "RX_GATEWAY_ACCESS_KEY": ACCESS_KEY,
        "RX_GATEWAY_SECRET_KEY": SECRET_KEY,
        "RX_GATEWAY_HANDLER": FUNCTION,
        **{f"RX_GATEWAY_{name.upper()}": value for name, value in settings.items()},
        **{f"RX_LAMBDA_{name}": value for name, value in (function_env or {}).items()},
    }
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "rxproject.local.gateway"], cwd=ROOT, env=env, stdout=sink, stderr=sink
        )
    try:
        gateway = Gateway(f"http://{_address(log, process)}", process.pid, log)
        yield gateway
    finally:
        process.terminate()
        assert process.wait(30) == ends_with, log.read_text()


def _address(log: Path, process: subprocess.Popen[bytes]) -> str:
    until(lambda: "\n" in log.read_text() or process.poll() is not None)
    address: str = json.loads(log.read_text().partition("\n")[0])["listening"]
    return address
