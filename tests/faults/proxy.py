"""A TCP proxy in front of one HTTP server that spoils chosen requests, and counts all of them.

It never changes a request, so signatures stay valid, and it knows nothing about S3 but the form of its errors.
"""

import contextlib
import http.client
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Self

LOOPBACK = "127.0.0.1"
_CHUNK = 64 * 1024
_HANG_SECONDS = 30.0


class Kind(Enum):
    """What happens to a request instead of being answered as it should."""

    STATUS = "the proxy answers itself"
    RESET = "the connection is reset before the server sees anything"
    LOST = "the server does as asked, the connection is reset before its answer"
    TRUNCATE = "the connection ends after so many bytes of the body"
    DELAY = "the answer comes late"
    HANG = "no answer comes"


@dataclass(slots=True)
class Fault:
    """One rule: which requests, what happens, how often (None: always).

    `code` is the error code of the S3 error body, `after` counts body bytes, `seconds` the delay.
    """

    kind: Kind
    methods: frozenset[str] = frozenset({"GET", "HEAD", "PUT", "DELETE", "POST"})
    path: str = ""
    times: int | None = None
    status: int = 503
    code: str = "SlowDown"
    after: int = 0
    seconds: float = 0.0

    def matches(self, method: str, path: str) -> bool:
        return self.times != 0 and method in self.methods and self.path in path


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that arrived."""

    method: str
    path: str
    spoilt: bool


@dataclass
class FaultProxy:
    """Listens on a port of its own until the block ends. `faults` may change at any time; the first match counts."""

    upstream: str  # host:port
    faults: list[Fault] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._listener = socket.create_server((LOOPBACK, 0), backlog=256)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._listener.getsockname()[1]}"

    def count(self, method: str = "", path: str = "") -> int:
        """Requests that arrived, by method and part of the path."""
        with self._lock:
            return sum(method in ("", seen.method) and path in seen.path for seen in self.seen)

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="fault-proxy", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._listener.close()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), name="fault-proxy", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            while request := _read_request(client):
                if not self._answer(client, *request):
                    return

    def _answer(self, client: socket.socket, method: str, path: str, head: bytes, body: bytes) -> bool:
        """Whether the connection may be used again."""
        with self._lock:
            fault = next((fault for fault in self.faults if fault.matches(method, path)), None)
            self.seen.append(Seen(method, path, fault is not None))
            if fault and fault.times:
                fault.times -= 1
        match fault and fault.kind:
            case Kind.STATUS:
                assert fault is not None
                client.sendall(_error(method, fault))
                return True
            case Kind.RESET:
                _reset(client)
                return False
            case Kind.HANG:
                self._ended.wait(_HANG_SECONDS)
                return False
            case Kind.DELAY:
                assert fault is not None
                time.sleep(fault.seconds)
        after = fault.after if fault and fault.kind is Kind.TRUNCATE else None
        host, _, port = self.upstream.partition(":")
        with socket.create_connection((host, int(port)), timeout=_HANG_SECONDS) as server:
            server.sendall(head + body)
            answer = _read_head(server)
            if fault and fault.kind is Kind.LOST:
                _reset(client)
                return False
            client.sendall(answer)
            for part in _body(server, _length(method, answer), limit=after):
                client.sendall(part)
        return after is None


def _read_request(client: socket.socket) -> tuple[str, str, bytes, bytes] | None:
    """Method, path, head and body; None at the end. Who waits for permission to send the body gets it."""
    head = _read_head(client)
    if not head:
        return None
    method, path, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"expect:")]
    if len(lines) < head.count(b"\r\n") + 1:
        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = b"".join(_body(client, _length("PUT", head)))
    return method, path, b"\r\n".join(lines), body


def _read_head(connection: socket.socket) -> bytes:
    """Up to and with the empty line, byte by byte, so that no byte of the body is taken."""
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            return b""
        head += byte
    return bytes(head)


def _length(method: str, head: bytes) -> int:
    status = head[9:12]
    if method == "HEAD" or status in (b"204", b"304"):
        return 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    assert b"chunked" not in head.lower(), "neither botocore nor SeaweedFS sends chunks here"
    return 0


def _body(connection: socket.socket, length: int, *, limit: int | None = None) -> Iterator[bytes]:
    left = length if limit is None else min(length, limit)
    while left > 0 and (part := connection.recv(min(left, _CHUNK))):
        left -= len(part)
        yield part


def _error(method: str, fault: Fault) -> bytes:
    body = f"<Error><Code>{fault.code}</Code><Message>made up</Message></Error>".encode()
    head = (
        f"HTTP/1.1 {fault.status} {http.client.responses[fault.status]}\r\n"
        f"Content-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    return head if method == "HEAD" else head + body


def _reset(client: socket.socket) -> None:
    """RST instead of FIN when the socket closes."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
