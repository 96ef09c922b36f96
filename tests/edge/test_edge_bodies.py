"""What is sent to the edge: nothing large of strangers, no more at one time than there is room for, and never at the
expense of whoever looks at a variant.
"""

import os
import select
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from itertools import cycle
from pathlib import Path
from shutil import which

import pytest

from tests.edge.servers import Address, Edge, StandIn, StartEdge, Store, mint
from tests.waiting import until

MEGABYTE = 2**20
TOKENS = [f"Bearer rxk_{number:016x}_{'s' * 43}" for number in range(8)]
SENDER = "X-Rx-Sender"  # of whom it lets in, Django says who that is


@contextmanager
def trickling(edge: Edge, path: str, size: int, **headers: str) -> Iterator[socket.socket]:
    """Somebody who says that much will come, and sends a little of it."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    host, port = edge.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(f"POST {path} HTTP/1.1\r\nHost: e\r\n{lines}Content-Length: {size}\r\n\r\n".encode())
        with suppress(OSError):
            client.sendall(b"x" * min(400_000, size - 1))
        yield client


def answer(client: socket.socket) -> bytes:
    """What it is told before its body is complete; b"" while it is listened to."""
    client.settimeout(0.5)
    try:
        return client.recv(65_536)
    except TimeoutError:
        return b""


def held(edge: Edge) -> int:
    """Bytes of bodies that are not in memory. nginx unlinks such a file when it makes it: only descriptors show it."""
    master, total = (edge.run_dir / "nginx.pid").read_text().strip(), 0
    for worker in Path(f"/proc/{master}/task/{master}/children").read_text().split():
        for descriptor in Path(f"/proc/{worker}/fd").iterdir():
            with suppress(FileNotFoundError):
                if str(descriptor.readlink()).startswith(str(edge.tmpfs_dir / "body")):
                    total += descriptor.stat().st_size
    return total


@pytest.mark.parametrize(
    ("path", "said", "status", "line"),
    [
        ("/api/v1/prescriptions", 401, b"HTTP/1.1 401 ", b"Nothing of the body was read"),
        ("/upload/", 403, b"HTTP/1.1 303 ", b"Location: /upload/"),
        ("/orders/A-1/prescription", 403, b"HTTP/1.1 303 ", b"Location: /orders/A-1/prescription"),
        ("/api/v1/uploads", 401, b"HTTP/1.1 401 ", b"Nothing of the body was read"),
        ("/orders/A-1/prescription/uploads/0", 403, b"HTTP/1.1 404 ", b"application/problem+json"),
        ("/api/v1/prescriptions", 503, b"HTTP/1.1 503 ", b"Retry-After: "),
    ],
)
def test_of_a_stranger_nothing_is_read(
    path: str, said: int, status: bytes, line: bytes, edge: Edge, django: StandIn
) -> None:
    django.status = said

    with trickling(edge, path, 200 * MEGABYTE) as client:
        told = answer(client)
        assert held(edge) == 0

    assert told.startswith(status)
    assert line in told
    assert [seen.target for seen in django.seen] == ["/-may-send"]


def test_django_is_told_who_sends_and_where_to_and_nothing_else(edge: Edge, django: StandIn) -> None:
    edge.http.post(
        "/orders/A-1/prescription/files?x=1",
        content=b"x" * MEGABYTE,
        headers={"Authorization": "Bearer t", "Cookie": "rx_order=c", "X-Rx-Address": "/api/v1/", "X-Other": "o"},
    )

    asked, sent = django.seen
    assert (asked.method, asked.target, asked.body) == ("GET", "/-may-send", 0)
    assert set(asked.headers) == {
        "host", "x-request-id", "traceparent", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto",
        "authorization", "cookie", "x-rx-address",
    }  # fmt: skip
    assert asked.headers["x-rx-address"] == ["/orders/A-1/prescription/files?x=1"]
    assert "x-rx-address" not in sent.headers


@pytest.mark.parametrize("page", ["/api/v1", "/upload", "/orders/A-1/prescription"])
def test_who_cannot_say_patch_may_say_so_of_a_file_in_pieces_alone(page: str, edge: Edge, django: StandIn) -> None:
    for path in (f"{page}/uploads/{'0' * 32}", f"{page}/uploads", f"{page}/files/{'0' * 32}"):
        edge.http.post(path, content=b"x", headers={"X-HTTP-Method-Override": "PATCH"})

    assert [seen.method for seen in django.seen] == ["PATCH", "POST", "POST"]


def test_nobody_outside_asks_that(edge: Edge, django: StandIn) -> None:
    assert edge.http.get("/-may-send").status_code == 404
    assert django.seen == []


def test_small_bodies_are_not_asked_about_and_never_become_files(edge: Edge, django: StandIn) -> None:
    for path, size in (("/api/v1/prescriptions", 99_999), ("/accounts/login/", 2**18)):
        with trickling(edge, path, size):
            assert edge.http.post(path, content=b"x" * size).status_code == 200
            assert held(edge) == 0

    assert [seen.target for seen in django.seen] == ["/api/v1/prescriptions", "/accounts/login/"]


def test_more_than_there_is_room_for_is_told_to_come_again(start_edge: StartEdge, django: StandIn) -> None:
    edge, senders_say = start_edge(), cycle(range(len(TOKENS)))
    with ExitStack() as senders:

        def send(sender: str, size: int) -> bytes:
            django.headers = {SENDER: sender}
            token = TOKENS[next(senders_say)]  # which says nothing of who it is
            return answer(senders.enter_context(trickling(edge, "/upload/", size, Authorization=token)))

        # two forms of one sender, four of all
        assert [send("a", 200 * MEGABYTE)[:12] for _ in range(3)] == [b"", b"", b"HTTP/1.1 503"]
        assert [send("b", 200 * MEGABYTE)[:12] for _ in range(2)] == [b"", b""]
        over = send("c", 200 * MEGABYTE)
        assert over.startswith(b"HTTP/1.1 503")
        assert b"\r\nRetry-After: " in over
        # single files have room of their own: eight of one sender
        assert [send("a", 20 * MEGABYTE)[:12] for _ in range(9)] == [b""] * 8 + [b"HTTP/1.1 503"]
        # and small requests are not touched by any of it
        assert edge.http.post("/api/v1/prescriptions", content=b"x").status_code == 200
    until(lambda: edge.http.post("/upload/", content=b"x" * MEGABYTE).status_code == 200, "room again")


@pytest.mark.parametrize(
    ("path", "length"),
    [
        ("/upload/", "Content-Length: 99"),
        ("/accounts/login/", "Content-Length: 99"),
        ("/accounts/login/", "Transfer-Encoding: chunked"),
    ],
)
def test_of_small_bodies_one_address_has_a_hundred_under_way(
    path: str, length: str, start_edge: StartEdge, django: StandIn
) -> None:
    edge = start_edge()
    host, port = edge.url.removeprefix("http://").split(":")
    with ExitStack() as senders:
        clients = [
            senders.enter_context(socket.create_connection((host, int(port)), timeout=10)) for _number in range(101)
        ]
        for client in clients:
            client.sendall(f"POST {path} HTTP/1.1\r\nHost: e\r\n{length}\r\n\r\n1".encode())
        [refused], *_ = select.select(clients, [], [], 10)
        assert answer(refused).startswith(b"HTTP/1.1 503 ")
        assert edge.http.get(path).status_code == 200


def test_a_body_without_a_length_counts_as_a_form(edge: Edge, django: StandIn) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"x" * 200_000

    assert edge.http.post("/upload/", content=chunks()).status_code == 200
    assert [seen.target for seen in django.seen] == ["/-may-send", "/upload/"]


def test_hits_do_not_notice_who_trickles(start_edge: StartEdge, store: Store, django: StandIn) -> None:
    edge, address, body = start_edge(), Address(), os.urandom(140_000)
    store.put(address.key, body)
    path = address.path(mint(address.rx))

    def hits(_: int) -> set[tuple[int, bool]]:
        return {(found.status_code, found.content == body) for found in (edge.http.get(path) for _ in range(250))}

    with ExitStack() as senders:
        for number in range(4):
            size, token, django.headers = 200 * MEGABYTE, TOKENS[number], {SENDER: str(number)}
            client = senders.enter_context(trickling(edge, "/api/v1/prescriptions", size, Authorization=token))
            assert answer(client) == b""
        with ThreadPoolExecutor(4) as pool:
            seen = set().union(*pool.map(hits, range(4)))
        kept = held(edge)

    assert seen == {(200, True)}
    assert 0 < kept <= 4 * MEGABYTE  # what was sent, and not what was announced


# --- Full -------------------------------------------------------------------------------------------------------------
@contextmanager
def mounted(folder: Path, size: str) -> Iterator[None]:
    """A tmpfs of its own, as in a deployment."""
    folder.mkdir(exist_ok=True)
    command = [which("mount") or "mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot mount a tmpfs here: {done.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run([which("umount") or "umount", "--lazy", str(folder)], check=True)


def test_a_full_tmpfs_is_a_503_for_who_sends_and_nothing_for_who_looks(
    start_edge: StartEdge, store: Store, django: StandIn
) -> None:
    edge, address, body = start_edge(), Address(), os.urandom(600_000)
    store.put(address.key, body)
    path = address.path(mint(address.rx))

    with mounted(edge.tmpfs_dir / "body", "1m"):
        told = edge.http.post("/upload/", content=b"x" * 3 * MEGABYTE)
        assert (told.status_code, told.headers["content-type"]) == (503, "application/problem+json")
        assert "retry-after" in told.headers
        for _ in range(3):
            assert edge.http.get(path).content == body


def test_the_cache_is_never_filled_to_its_rim(start_edge: StartEdge, store: Store) -> None:
    """nginx would cut an answer off that it can no longer write down; so it keeps less than there is room for."""
    edge, body = start_edge(), os.urandom(900_000)
    with mounted(edge.tmpfs_dir / "cache", "160m"):
        address = Address()
        store.put(address.key, body)
        for number in range(200):  # more than the tmpfs holds, all within two stretches of time
            found = edge.http.get(address.path(mint(address.rx, ttl=1000 + number)))
            assert (found.status_code, found.content == body) == (200, True)
        kept = sum(file.stat().st_size for file in (edge.tmpfs_dir / "cache").rglob("*") if file.is_file())

    assert 30 * MEGABYTE < kept < 130 * MEGABYTE
