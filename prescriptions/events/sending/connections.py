"""Connections to receivers: the name is resolved, all that it leads to is checked, and one of exactly those addresses
is called. TLS still asks for the name, and checks the certificate against it.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

import httpcore
from django.conf import settings

from prescriptions.events.sending.addresses import Refused, is_public

Resolve = Callable[[str, int], Awaitable[list[str]]]
# Of one name; the rest would only take the time of others.
_TRIED: Final = 3


class Unknown(Exception):
    """The name leads nowhere."""


async def by_system(host: str, port: int) -> list[str]:
    """Addresses of a name, in the order in which they should be tried. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for _family, _kind, _protocol, _name, address in found))


class Guarded(httpcore.AsyncNetworkBackend):
    """Makes connections for httpcore. Whoever resolves twice could be told two things; this asks once."""

    def __init__(self, resolve: Resolve = by_system) -> None:
        self._resolve = resolve
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises Refused, Unknown, httpcore.ConnectError, httpcore.ConnectTimeout."""
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError):
            raise Unknown from None
        if not settings.RX_WEBHOOK_ALLOW_PRIVATE and not all(map(is_public, addresses)):
            raise Refused  # also where only one is not: no receiver needs that
        failed: Exception = Unknown()
        for address in addresses[:_TRIED]:
            try:
                return await self._inner.connect_tcp(address, port, timeout=timeout, socket_options=socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise Refused

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
