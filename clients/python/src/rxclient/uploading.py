"""Files on their way: at once, or in pieces (tus 1.0) where they are large, so that a broken line costs one piece."""

import base64
import hashlib
import os
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import httpx

from rxclient.errors import error_of
from rxclient.flows import Ask, Flow, Pause, Trouble, send
from rxclient.retries import Retries, retry_after

LARGE = 4 * 1024 * 1024
PIECE = 2 * 1024 * 1024
_TUS = {"Tus-Resumable": "1.0.0"}
_AGAIN = (409, 423, 460)  # another offset, another piece under way, a piece that was damaged: look, and go on

Source = Path | tuple[str, bytes]


def name_of(source: Source) -> str:
    return source.name if isinstance(source, Path) else source[0]


def size_of(source: Source) -> int:
    return source.stat().st_size if isinstance(source, Path) else len(source[1])


def bytes_of(source: Source) -> bytes:
    return source.read_bytes() if isinstance(source, Path) else source[1]


def reader(source: Source) -> Callable[[int, int], bytes]:
    """Reads so many bytes from an offset on; never the whole file at once."""
    if not isinstance(source, Path):
        content = source[1]
        return lambda offset, size: content[offset : offset + size]
    path = source

    def read(offset: int, size: int) -> bytes:
        file: BinaryIO
        with path.open("rb") as file:
            file.seek(offset, os.SEEK_SET)
            return file.read(size)

    return read


def in_pieces(source: Source, retries: Retries, *, collection: str, key: str) -> Flow[str]:
    """Sends a file by tus 1.0 (creation, checksum); returns its address once the server has all of it. The same `key`
    goes on with what was begun.

    Raises ApiError, httpx.TransportError: when the same offset fails too often; OSError.
    """
    size, read = size_of(source), reader(source)
    metadata = "filename " + base64.b64encode(name_of(source).encode()).decode()
    headers = {**_TUS, "Upload-Length": str(size), "Upload-Metadata": metadata, "Idempotency-Key": key}
    made = yield from send(Ask("POST", collection, headers=headers), retries)
    address = httpx.URL(str(made.url)).join(made.headers["Location"])
    path = urlsplit(str(address)).path
    offset, attempt = 0, 0
    while offset < size:
        content = read(offset, PIECE)
        if not content:
            raise OSError(f"{name_of(source)} has become shorter than its {size} bytes")
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        came = yield Ask(
            "PATCH",
            path,
            content=content,
            headers={
                **_TUS,
                "Upload-Offset": str(offset),
                "Upload-Checksum": f"sha256 {digest}",
                "Content-Type": "application/offset+octet-stream",
            },
        )
        if isinstance(came, httpx.Response) and came.is_success:
            offset, attempt = int(came.headers["Upload-Offset"]), 0
            continue
        answer = came if isinstance(came, httpx.Response) else None
        lost = answer is None or answer.status_code in _AGAIN
        seconds = retries.pause(attempt, None if lost else answer)
        if seconds is None:
            if isinstance(came, Trouble):
                raise came.error
            assert answer is not None
            raise error_of(answer, retry_after(answer))
        yield Pause(seconds)
        attempt += 1
        looked = yield from send(Ask("HEAD", path, headers=_TUS), retries)
        offset = int(looked.headers["Upload-Offset"])
    return path


def prescription(
    sources: Sequence[Source], references: dict[str, str], retries: Retries, *, key: str | None, large: int
) -> Flow[httpx.Response]:
    """One upload. Files of `large` bytes and more go in pieces first; if any does, all do."""
    headers = {"Idempotency-Key": key or str(uuid.uuid4())}
    if all(size_of(source) < large for source in sources):
        files = tuple(("files", (name_of(source), bytes_of(source))) for source in sources)
        ask = Ask("POST", "/api/v1/prescriptions", files=files, data=references, headers=headers)
        return (yield from send(ask, retries))
    ids = []
    for at, source in enumerate(sources):
        # Who sends all of it again with the same key finds the files that were begun.
        own = hashlib.sha256(f"{headers['Idempotency-Key']}:{at}".encode()).hexdigest()
        path = yield from in_pieces(source, retries, collection="/api/v1/uploads", key=own)
        ids.append(path.rpartition("/")[2])
    ask = Ask("POST", "/api/v1/prescriptions", json={"uploads": ids, **references}, headers=headers)
    return (yield from send(ask, retries))
