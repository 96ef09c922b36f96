"""Just enough HTTP/1.1 on asyncio streams for a gateway and a Runtime API: bodies with a length, kept-alive.

Must never guess: what could be read in two ways is refused.
"""

import asyncio
import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

HEAD_BYTES: Final = 10_240  # API Gateway: all headers together
_REQUEST_LINE: Final = re.compile(rb"([A-Z]{1,16}) (/[!-~]{0,8191}) HTTP/1\.1")
_HEADER: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}):[ \t]*([\t -~\x80-\xff]*?)[ \t]*")


class BadRequest(Exception):
    """`status` says what to answer; the connection must be closed afterwards."""

    def __init__(self, status: int) -> None:
        super().__init__(HTTPStatus(status).phrase)
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """`target` is as sent, percent-encoded. Header names are as sent, in order, repeated ones too."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def values(self, name: str) -> list[str]:
        return [value for found, value in self.headers if found.lower() == name]


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, limit: int) -> Request | None:
    """The next request of a connection, None at its end. Raises BadRequest, for a body above `limit` with 413."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError:
        raise BadRequest(431) from None
    if len(head) > HEAD_BYTES:
        raise BadRequest(431)
    line, *lines = head[:-4].split(b"\r\n")
    first = _REQUEST_LINE.fullmatch(line)
    headers = [_HEADER.fullmatch(text) for text in lines]
    if first is None or not all(headers):
        raise BadRequest(400)
    pairs = [(found[1].decode(), found[2].decode("latin-1")) for found in headers if found]
    request = Request(first[1].decode(), first[2].decode(), pairs, b"")
    length = _body_length(request)
    if length > limit:
        raise BadRequest(413)
    if "100-continue" in [value.lower() for value in request.values("expect")]:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    try:
        body = await reader.readexactly(length)
    except asyncio.IncompleteReadError:
        return None
    return Request(request.method, request.target, pairs, body)


def _body_length(request: Request) -> int:
    if request.values("transfer-encoding"):
        raise BadRequest(411)
    lengths = request.values("content-length")
    if len(lengths) > 1 or not all(re.fullmatch("[0-9]{1,18}", length) for length in lengths):
        raise BadRequest(400)
    return int(lengths[0]) if lengths else 0


async def discard(reader: asyncio.StreamReader, seconds: float = 2.0) -> None:
    """Read what a refused caller is still sending: closing at once would reset the connection and lose the answer."""
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(seconds):
            while await reader.read(65_536):
                pass


async def send(
    writer: asyncio.StreamWriter,
    status: int,
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
    *,
    close: bool = False,
) -> None:
    """One response. Headers must have been checked for line breaks by whoever took them from elsewhere."""
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Unknown"
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers)]
    lines += [f"Content-Length: {len(body)}", "Connection: close" if close else "Connection: keep-alive"]
    writer.write("\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body)
    await writer.drain()
