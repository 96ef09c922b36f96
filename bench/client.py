"""A client that keeps its connection and follows redirects, and eight of them that share a list."""

import http.client
import select
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

REDIRECTS = (301, 302, 303, 307, 308)
_MOST_HOPS = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of one journey: the statuses on the way, the last body, milliseconds of all of it."""

    statuses: tuple[int, ...]
    body: bytes
    milliseconds: float

    def must_be_ok(self) -> Self:
        if self.statuses[-1] != 200:
            raise RuntimeError(f"answered {self.statuses}: {self.body[:200]!r}")
        return self


class Client:
    """One kept connection to one server."""

    def __init__(self, base_url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=60)

    def connect(self) -> None:
        """A fresh connection if there is none, or if the server has ended it: some end idle ones after five seconds."""
        if self._connection.sock is not None and not select.select([self._connection.sock], [], [], 0)[0]:
            return
        self._connection.close()
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self, path: str) -> Answer:
        self.connect()
        began, statuses = time.perf_counter(), []
        while True:
            self._connection.request("GET", path)
            answer = self._connection.getresponse()
            body = answer.read()
            statuses.append(answer.status)
            if answer.status not in REDIRECTS or len(statuses) > _MOST_HOPS:
                return Answer(tuple(statuses), body, (time.perf_counter() - began) * 1000)
            parts = urlsplit(answer.headers["Location"])
            path = f"{parts.path}?{parts.query}" if parts.query else parts.path

    def close(self) -> None:
        self._connection.close()


def share(base_url: str, paths: Sequence[str], clients: int) -> tuple[float, list[Answer]]:
    """Seconds that so many clients take to get all paths, each once, and the answers in no order.

    Raises what a client raised first.
    """
    todo, answers, errors = iter(paths), [], []
    lock = threading.Lock()

    def work() -> None:
        client = Client(base_url)
        try:
            while not errors:
                with lock:
                    path = next(todo, None)
                if path is None:
                    return
                answers.append(client.get(path))
        except Exception as error:  # noqa: BLE001 - told to whoever called
            errors.append(error)
        finally:
            client.close()

    threads = [threading.Thread(target=work) for _ in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    if errors:
        raise errors[0]
    return seconds, answers
