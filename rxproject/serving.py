"""gunicorn's threads, and two that wait for nobody: `--worker-class=rxproject.serving.Threads`.

Every thread may wait for S3 or the database, and what comes then waits in the pool's queue. A restart would help
nobody, so whoever asks whether this process is alive must not wait there. What is asked for is read at a desk of its
own, over TLS or not; life is answered there, and everything else goes to the pool.
"""

import selectors
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

from gunicorn.http.errors import NoMoreData
from gunicorn.workers.gthread import TConn, ThreadWorker

from prescriptions.infra.guards import bulkheads

_ALIVE: Final = ("/livez", "/healthz")
_AT_THE_DESK: Final = 2
_FIRST_BYTES_WITHIN: Final = 5.0  # seconds, as in gunicorn's own
# nginx sends a head at once. Two hosts that went away in the middle of one would keep both threads of the desk, and so
# everybody.
_NEXT_BYTES_WITHIN: Final = 2.0  # seconds


class Threads(ThreadWorker):  # type: ignore[misc]
    """A connection gets a thread of the pool when what it asks for has been read."""

    def init_process(self) -> None:
        bulkheads.share_out(self.cfg.threads)
        self._desk = ThreadPoolExecutor(max_workers=_AT_THE_DESK, thread_name_prefix="desk")
        super().init_process()

    def enqueue_req(self, conn: TConn) -> None:
        if conn.initialized or _has_begun(conn.sock):
            self._desk.submit(self._read, conn)
            return
        conn.timeout = time.monotonic() + _FIRST_BYTES_WITHIN
        self.pending_conns.append(conn)
        readable: Any = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, readable)

    def _read(self, conn: TConn) -> None:
        begun = _Begun(conn)
        conn.parser = begun
        pool = self._desk if begun.is_quick else self.tpool
        done = pool.submit(self.handle, conn)
        done.add_done_callback(lambda future: self.method_queue.defer(self.finish_request, conn, future))


class _Patient(socket.socket):
    """A socket that gunicorn makes block in order to shake hands, and that does not block for ever."""

    def setblocking(self, flag: bool) -> None:
        if flag != self.getblocking():
            super().setblocking(flag)


class _Begun:
    """A connection's parser that has read a request ahead, or has seen why there is none.

    `is_quick`: whoever handles it waits for nothing.
    """

    def __init__(self, conn: TConn) -> None:
        self.is_quick = True
        self._ahead: list[Callable[[], Any]] = []
        self.parser: Any
        try:
            if not conn.initialized:
                conn.sock = _Patient(conn.sock.family, conn.sock.type, conn.sock.proto, conn.sock.detach())
            conn.sock.settimeout(_NEXT_BYTES_WITHIN)
            conn.init()  # over TLS, the handshake
            self.parser = conn.parser.parser if isinstance(conn.parser, _Begun) else conn.parser
            request: Any = None if conn.is_http2 else next(self.parser)
            conn.sock.settimeout(None)
        except TimeoutError:
            conn.sock.close()  # without the farewell, which waits for an answer
            self._ahead = [partial(_throw, NoMoreData())]
            return
        except Exception as error:  # noqa: BLE001 - gunicorn knows what to do about each
            self._ahead = [partial(_throw, error)]
            return
        self._ahead = [] if conn.is_http2 else [lambda: request]
        self.is_quick = bool(request) and request.path in _ALIVE

    def __next__(self) -> Any:
        return self._ahead.pop()() if self._ahead else next(self.parser)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["parser"], name)


def _throw(error: Exception) -> None:
    raise error


def _has_begun(connection: socket.socket) -> bool:
    try:
        connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True  # it is gone, as gunicorn finds out
    return True
