"""The S3 calls that a renderer needs, on kept-alive connections of the standard library.

A 404 means "missing" and nothing else does. A client belongs to one thread; it never lists and never deletes.
"""

import base64
import hashlib
import http.client
import os
import random
import select
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final, Self
from urllib.parse import quote, urlsplit

from transforms.function import sigv4
from transforms.function.sigv4 import Credentials
from transforms.objects import (
    NewObject,
    ObjectMissing,
    PreconditionFailed,
    PutConflict,
    StorageUnavailable,
    StoredObject,
)

CONNECT_SECONDS: Final = 2.0
READ_SECONDS: Final = 10.0
TRIES: Final = 4
BACKOFF_SECONDS: Final = 0.1
_LEAST_SECONDS: Final = 0.2  # a try with less time than this left only costs the server
_CHUNK: Final = 256 * 1024
_BUSY: Final = frozenset({408, 425, 429})  # and every 5xx
_META: Final = "x-amz-meta-"


class Refused(StorageUnavailable):
    """S3 answered, and would answer the same again: no rights, no such bucket."""


class ObjectTooLarge(Exception):
    """The object has more bytes than the caller accepts; none of them was read."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


@dataclass(slots=True)
class S3Client:
    """`endpoint` empty means AWS; `ca_file` says who may sign its certificate, if not those whom the system trusts.
    `deadline`, a time.monotonic() value, bounds all tries of all calls.

    Before a second try it waits up to twice `backoff_seconds`, before a third up to four times: with full jitter, for
    many renderers must not come back in step.
    """

    credentials: Credentials
    region: str
    endpoint: str = ""
    deadline: float | None = None
    backoff_seconds: float = BACKOFF_SECONDS
    connect_seconds: float = CONNECT_SECONDS
    read_seconds: float = READ_SECONDS
    tries: int = TRIES
    ca_file: str = ""
    _connections: dict[str, http.client.HTTPConnection] = field(default_factory=dict, repr=False)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """The identity that Lambda gives to a function, in the names that Lambda gives it. Raises KeyError."""
        key, secret = environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"]
        return cls(
            credentials=Credentials(key, secret, environ.get("AWS_SESSION_TOKEN", "")),
            region=environ["AWS_REGION"],
            endpoint=environ.get("RX_S3_ENDPOINT", ""),
        )

    def close(self) -> None:
        """Closes all connections; the next call opens new ones."""
        for host in list(self._connections):
            self._drop(host)

    # --- calls ----------------------------------------------------------------------------------------------

    def get(self, bucket: str, key: str, *, sha256: str = "", limit: int | None = None) -> bytes:
        """The object's bytes, at most `limit`, proved whole by their digest (SHA-256, hex) where it is given.

        Raises ObjectMissing, ObjectTooLarge, StorageUnavailable.
        """
        return self._request("GET", bucket, key, limit=limit, sha256=sha256).body

    def head(self, bucket: str, key: str) -> StoredObject:
        """What is there. Raises ObjectMissing, StorageUnavailable."""
        headers = {name.lower(): value for name, value in self._request("HEAD", bucket, key).headers.items()}
        return StoredObject(
            etag=headers.get("etag", ""),
            size=int(headers.get("content-length", 0)),
            media_type=headers.get("content-type", "application/octet-stream"),
            metadata={name[len(_META) :]: text for name, text in headers.items() if name.startswith(_META)},
        )

    def put(self, bucket: str, key: str, new: NewObject, *, replacing: str = "") -> str:
        """Store `new` if no object is there or, with `replacing`, if the one with this ETag is; the new ETag.

        Raises PutConflict, PreconditionFailed, StorageUnavailable.
        """
        headers = {
            "content-type": new.media_type,
            "x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(new.data).digest()).decode(),
            **{_META + name: value for name, value in new.metadata.items()},
            **({"content-disposition": new.disposition} if new.disposition else {}),
            **({"if-match": replacing} if replacing else {"if-none-match": "*"}),
        }
        answer = self._request("PUT", bucket, key, body=new.data, headers=headers)
        if answer.status == 409:
            raise PutConflict
        if answer.status in (404, 412):
            raise PreconditionFailed
        return answer.headers.get("ETag", "")

    # --- one request ----------------------------------------------------------------------------------------

    def _request(
        self,
        method: str,
        bucket: str,
        key: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        limit: int | None = None,
        sha256: str = "",
    ) -> _Answer:
        """A 2xx answer (for a PUT also 404, 409 or 412) within `tries` tries; raises as the callers say."""
        host, path = self.locate(bucket, key)
        digest = hashlib.sha256(body).hexdigest()
        trouble = ""
        for attempt in range(self.tries):
            if attempt:
                self._wait(attempt)
            signed = sigv4.sign(  # again for each try: the clock is part of it
                credentials=self.credentials,
                region=self.region,
                service="s3",
                method=method,
                host=host,
                path=path,
                headers=headers,
                payload_sha256=digest,
            )
            try:
                answer = self._send(method, host, path, body, signed, limit)
            except (OSError, http.client.HTTPException) as error:
                trouble = type(error).__name__
                continue
            if answer.status < 300:
                if not sha256 or hashlib.sha256(answer.body).hexdigest() == sha256:
                    return answer
                trouble = "the bytes differ from their digest"
                continue
            if b"<Code>NoSuchBucket</Code>" not in answer.body:
                if method == "PUT" and answer.status in (404, 409, 412):
                    return answer
                if answer.status == 404:
                    raise ObjectMissing(f"{method}: 404")
            trouble = str(answer.status)
            if not _may_pass(answer):
                raise Refused(f"{method}: {trouble}")
        raise StorageUnavailable(f"{method}: {trouble}")

    def _send(
        self, method: str, host: str, path: str, body: bytes, headers: Mapping[str, str], limit: int | None
    ) -> _Answer:
        try:
            connection = self._connection(host)
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            if method == "PUT":
                connection.putheader("content-length", str(len(body)))
            connection.endheaders(body or None)
            response = connection.getresponse()
            length = response.length or 0
            if limit is not None and response.status < 300 and length > limit:
                raise ObjectTooLarge(f"{method}: {length} bytes")  # hanging up is cheaper than reading it
            chunks = []
            while chunk := response.read(_CHUNK):
                chunks.append(chunk)
                self._remaining()
            read = b"".join(chunks)
            if len(read) < length:  # read(n), unlike read(), is silent about a short body
                raise http.client.IncompleteRead(b"", length - len(read))
        except BaseException:
            self._drop(host)  # nobody knows what is still to come on it
            raise
        if response.will_close:
            self._drop(host)
        return _Answer(response.status, response.headers, read)

    def locate(self, bucket: str, key: str) -> tuple[str, str]:
        """Host (with port) and encoded path. Own endpoints know buckets by path, AWS by host name."""
        name = quote(key, safe="/-_.~")
        if self.endpoint:
            return urlsplit(self.endpoint).netloc, f"/{bucket}/{name}"
        return f"{bucket}.s3.{self.region}.amazonaws.com", f"/{name}"

    # --- connections and time -------------------------------------------------------------------------------

    def _connection(self, host: str) -> http.client.HTTPConnection:
        connection = self._connections.get(host)
        if connection is not None and _is_stale(connection):
            self._drop(host)
            connection = None
        if connection is None:
            connection = self._connect(host, min(self.connect_seconds, self._remaining()))
            self._connections[host] = connection
        connection.sock.settimeout(min(self.read_seconds, self._remaining()))
        return connection

    def _connect(self, host: str, timeout: float) -> http.client.HTTPConnection:
        connection = (
            http.client.HTTPConnection(host, timeout=timeout)
            if self.endpoint.startswith("http://")
            else http.client.HTTPSConnection(host, timeout=timeout, context=tls_context(self.ca_file))
        )
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _drop(self, host: str) -> None:
        connection = self._connections.pop(host, None)
        if connection is not None:
            connection.close()

    def _remaining(self) -> float:
        """Seconds left, `inf` without a deadline. Raises StorageUnavailable where they are too few."""
        if self.deadline is None:
            return float("inf")
        left = self.deadline - time.monotonic()
        if left < _LEAST_SECONDS:
            raise StorageUnavailable("no time left")
        return left

    def _wait(self, attempt: int) -> None:
        pause = random.uniform(0, self.backoff_seconds * 2**attempt)  # noqa: S311 - jitter, not a secret
        time.sleep(min(pause, self._remaining()))


@cache
def tls_context(ca_file: str = "") -> ssl.SSLContext:
    """Verifies certificates and host names. One for all connections: reading the authorities takes long."""
    return ssl.create_default_context(cafile=ca_file or None)


def _may_pass(answer: _Answer) -> bool:
    # S3 reports an upload that stalled as a 400 with this code.
    return answer.status >= 500 or answer.status in _BUSY or b"<Code>RequestTimeout</Code>" in answer.body


def _is_stale(connection: http.client.HTTPConnection) -> bool:
    """An idle connection has nothing to read but its end. Lambda freezes processes between events."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))
