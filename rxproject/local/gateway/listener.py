"""A listening socket whose connections are served request by request, and end with it."""

import asyncio
from collections.abc import Awaitable, Callable

from rxproject.local.gateway.http1 import BadRequest, Request, discard, read_request

Respond = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]
Refuse = Callable[[int, asyncio.StreamWriter], Awaitable[None]]


class Listener:
    """Calls `respond` for each request, in order; `refuse` with a status where one cannot be read.

    `limit` is the largest body in bytes. A connection may be silent for `idle_seconds`, None for ever.
    """

    def __init__(self, respond: Respond, refuse: Refuse, *, limit: int, idle_seconds: float | None) -> None:
        self._respond = respond
        self._refuse = refuse
        self._limit = limit
        self._idle_seconds = idle_seconds
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def listen(self, host: str, port: int) -> int:
        """Returns the port, which was chosen by the system where 0 was asked for."""
        self._server = await asyncio.start_server(self._accepted, host, port, backlog=512)
        chosen: int = self._server.sockets[0].getsockname()[1]
        return chosen

    def stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()

    def close(self) -> None:
        """Stop listening and hang up on everybody."""
        self.stop_listening()
        for connection in self._connections:
            connection.cancel()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                async with asyncio.timeout(self._idle_seconds):
                    request = await read_request(reader, writer, limit=self._limit)
                if request is None:
                    return
                await self._respond(request, writer)
        except BadRequest as error:
            await self._refuse(error.status, writer)
            await discard(reader)
        except (ConnectionError, TimeoutError):
            pass  # the other side went away, or is silent
        finally:
            writer.close()
