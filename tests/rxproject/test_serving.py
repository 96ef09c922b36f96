"""The web processes' threads: whoever asks for life is answered although all others wait."""

import contextlib
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.deploy.certificates import PROGRAM, certificates
from tests.waiting import descendants_of, free_port, kill_all, until

ROOT, THREADS = Path(__file__).resolve().parents[2], 2
APP = "tests.rxproject.stuck_app:application"


@dataclass(frozen=True)
class Server:
    """`tls`: whom its clients trust; None: it speaks plain HTTP."""

    port: int
    tls: ssl.SSLContext | None

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def say(self, connection: socket.socket, text: str) -> socket.socket:
        if self.tls:
            connection = self.tls.wrap_socket(connection, server_hostname="127.0.0.1")
        connection.sendall(text.encode())
        return connection

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=60, verify=self.tls or True)

    def lives(self) -> bool:
        with contextlib.suppress(httpx.HTTPError), self.client() as client:
            return client.get("/livez").status_code == 200
        return False


@pytest.fixture(params=["plain", "tls"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A gunicorn with two threads."""
    server, options = Server(free_port(), None), []
    if request.param == "tls":
        folder = certificates(tmp_path / "tls")
        server = Server(server.port, ssl.create_default_context(cafile=folder / PROGRAM.TRUST))
        options = [f"--certfile={folder / 'web' / PROGRAM.SERVER}"]
    options += [f"--bind=127.0.0.1:{server.port}", f"--threads={THREADS}", f"--worker-tmp-dir={tmp_path}"]
    quiet = ["--no-control-socket", "--log-level=warning", "--keep-alive=60"]
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", APP, "--worker-class=rxproject.serving.Threads", *options, *quiet],
        cwd=ROOT,
    )
    try:
        until(lambda: process.poll() is not None or server.lives(), "gunicorn")
        yield server
    finally:
        kill_all([*descendants_of(process.pid), process.pid])
        process.wait()


def test_whoever_asks_for_life_waits_behind_nobody(server: Server) -> None:
    # given a connection that is kept, and one that has said nothing yet
    with server.client() as kept, ExitStack() as open_ones:
        assert kept.get("/page").text == "/page"
        late = open_ones.enter_context(server.connect())
        # when every thread waits, and more requests than that
        for _ in range(2 * THREADS):
            stuck = open_ones.enter_context(server.connect())
            open_ones.enter_context(server.say(stuck, "GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n"))

        # then life is answered, on each of them
        for path in ("/livez", "/healthz", "/livez?probe"):
            assert kept.get(path).status_code == 200
            assert kept.options(path).status_code == 200
            with server.client() as fresh:
                assert fresh.get(path).status_code == 200
        late = open_ones.enter_context(server.say(late, "GET /livez HTTP/1.0\r\n\r\n"))
        assert late.recv(12) == b"HTTP/1.0 200"
        # and who says what nobody understands, or goes away, is done with
        odd = open_ones.enter_context(server.say(server.connect(), "nonsense\r\n\r\n"))
        assert odd.recv(12) == b"HTTP/1.1 400"
        server.connect().close()
        assert kept.get("/livez").status_code == 200


def test_connections_that_say_nothing_take_no_thread(server: Server) -> None:
    with ExitStack() as silent:
        for _ in range(2 * THREADS):
            silent.enter_context(server.connect())
        with server.client() as client:
            asked = ("/page", "/livez", "/page")
            assert [client.post(path, content=b"x" * 100_000).text for path in asked] == list(asked)


def test_whoever_goes_away_in_the_middle_of_a_head_keeps_nobody_waiting(server: Server) -> None:
    with ExitStack() as halves:
        for begun in ("GET /page HTTP/1.1\r\nHo", "GET /pa"):
            halves.enter_context(server.say(server.connect(), begun))
        # Over TLS, a handshake that does not go on.
        halves.enter_context(server.connect()).sendall(b"\x16\x03\x01")

        with server.client() as client:
            assert client.get("/livez").status_code == 200
            assert client.get("/page").text == "/page"


def test_a_body_may_take_its_time(server: Server) -> None:
    with server.say(server.connect(), "POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab") as slow:
        time.sleep(2.5)  # longer than a head may pause
        slow.sendall(b"cd")
        assert slow.recv(12) == b"HTTP/1.1 200"
