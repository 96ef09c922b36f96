"""Sends: one loop in a thread of its own, so that a hundred receivers that do not answer cost no more than one.

No redirect is followed, and nothing that is answered is kept but its status.
"""

import asyncio
import ssl
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import certifi
import httpcore
from django.conf import settings

from prescriptions.events.sending.addresses import Refused
from prescriptions.events.sending.connections import Guarded, Resolve, Unknown, by_system
from prescriptions.infra.per_process import per_process

# Of an answer, to be able to use the connection again. What is longer, or slower, ends the connection instead.
_READ_BYTES: Final = 16_384
_READ_SECONDS: Final = 1.0
_CONNECTIONS: Final = 256
_IDLE_SECONDS: Final = 10.0
# Names are resolved in threads, which nobody can stop before the system gives up.
_RESOLVERS: Final = 32


@dataclass(frozen=True, slots=True)
class Message:
    url: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` of HTTP; without one `error` says in a word why there is none. `ms`: from beginning to end."""

    status: int | None
    error: str
    ms: int

    @property
    def is_good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Sender:
    """Sends messages side by side. Threads may share it."""

    def __init__(self, resolve: Resolve = by_system) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="resolve"))
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=_trust(),
            max_connections=_CONNECTIONS,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=Guarded(resolve),
        )
        self._thread = threading.Thread(target=self._loop.run_forever, name="sender", daemon=True)
        self._thread.start()

    def send(self, message: Message) -> "Future[Answer]":
        """Done after RX_WEBHOOK_TIMEOUT seconds at the latest, and never with an exception."""
        return asyncio.run_coroutine_threadsafe(self._send(message), self._loop)

    def close(self) -> None:
        """For tests: no connection stays open."""
        asyncio.run_coroutine_threadsafe(self._pool.aclose(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    async def _send(self, message: Message) -> Answer:
        began = time.monotonic()
        status, error = None, ""
        try:
            async with asyncio.timeout(settings.RX_WEBHOOK_TIMEOUT):
                status = await self._ask(message)
        except Exception as failed:  # noqa: BLE001 - whatever a stranger's server makes of it is one more failure
            error = _word(failed)
        return Answer(status, error, round((time.monotonic() - began) * 1000))

    async def _ask(self, message: Message) -> int:
        headers = [(name.encode(), value.encode()) for name, value in message.headers.items()]
        async with self._pool.stream("POST", message.url, headers=headers, content=message.body) as response:
            try:
                async with asyncio.timeout(_READ_SECONDS):
                    read = 0
                    async for chunk in response.aiter_stream():
                        read += len(chunk)
                        if read > _READ_BYTES:
                            break
            except (TimeoutError, httpcore.ProtocolError, httpcore.NetworkError):
                pass  # it has answered: the status is known
            status: int = response.status
        return status


@per_process
def sender() -> Sender:
    return Sender()


def _trust() -> ssl.SSLContext:
    """Whom the system trusts, and where an image has no list of its own, whom Mozilla does."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _word(error: Exception) -> str:
    """One of a few, for the log that its owner reads."""
    match error:
        case TimeoutError() | httpcore.TimeoutException():
            return "timeout"
        case Refused():
            return "address-refused"
        case Unknown():
            return "name-unknown"
        case httpcore.ConnectError():
            return "tls" if isinstance(error.__cause__, ssl.SSLError) or "CERTIFICATE" in str(error) else "connect"
        case ssl.SSLError():
            return "tls"
        case httpcore.ProtocolError() | httpcore.NetworkError():
            return "protocol"
        case _:
            return "trouble"
