"""An HTTP server that answers from a script: S3 failing in every way it can, one answer after the other."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile

RESET = b"reset"
SILENCE = b"silence"
HANG_UP = b"hang up after the next answer"


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    """An HTTP answer; an underscore in a header's name stands for a hyphen."""
    lines = [f"HTTP/1.1 {status} X", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    if "Content_Length" not in headers:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass
class Scripted:
    """Answers requests from a script, one entry for each; counts them. When the script ends, it repeats the last."""

    script: list[bytes] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)  # request lines and headers
    connections: int = 0

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._stopped = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept(), which close() would leave waiting
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            while head := b"".join(takewhile(lambda line: line not in (b"\r\n", b""), lines)):
                if b"100-continue" in head.lower():
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
                lines.read(int(length[0].partition(b":")[2]) if length else 0)
                step = self.script[min(len(self.requests), len(self.script) - 1)]
                self.requests.append(head)
                if step == SILENCE:
                    self._stopped.wait()
                if step in (RESET, SILENCE):
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    return
                connection.sendall(step.removeprefix(HANG_UP))
                if step.startswith(HANG_UP):
                    return


@contextlib.contextmanager
def scripted(script: list[bytes]) -> Iterator[Scripted]:
    """The server, until the block ends."""
    server = Scripted(script)
    try:
        yield server
    finally:
        server.stop()
