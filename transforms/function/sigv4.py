"""AWS Signature Version 4: signs requests (S3, execute-api) and computes what a verifier must compare with.

Pure functions of their arguments; no I/O, no clock, no SDK: an SDK costs half a second of every cold start.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote

ALGORITHM: Final = "AWS4-HMAC-SHA256"
EMPTY_SHA256: Final = hashlib.sha256(b"").hexdigest()
DATE_FORMAT: Final = "%Y%m%dT%H%M%SZ"
_UNRESERVED: Final = "-_.~"  # quote() itself adds letters and digits


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """An access key, its secret and, for a role, the session token. Without repr, which ends up in logs."""

    access_key: str
    secret_key: str
    session_token: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a signature is good for: one day (YYYYMMDD), region and service."""

    date: str
    region: str
    service: str

    def __str__(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def canonical_path(path: str, service: str) -> str:
    """The path part of the canonical request. `path` is as sent, percent-encoded.

    S3 takes it as it is, since object keys may hold any dots and slashes. Every other service drops dot
    segments and repeated slashes, and encodes once more.
    """
    if service == "s3":
        return path or "/"
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            segments[-1:] = []
        elif segment not in ("", "."):
            segments.append(segment)
    tail = "/" if segments and path.endswith("/") else ""
    return quote("/" + "/".join(segments) + tail, safe="/~")


def canonical_query(query: str) -> str:
    """A query string as sent, without `?`, in canonical order and encoding."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    encoded = ((_encode(unquote(name)), _encode(unquote(value))) for name, _, value in pairs)
    return "&".join(f"{name}={value}" for name, value in sorted(encoded))


def canonical_headers(headers: Iterable[tuple[str, str]], signed: Iterable[str]) -> dict[str, str]:
    """The signed headers: names lower case and sorted, values trimmed, repeated ones joined by a comma."""
    values: dict[str, list[str]] = {name: [] for name in sorted(signed)}
    for name, value in headers:
        if name.lower() in values:
            values[name.lower()].append(" ".join(value.split()))
    return {name: ",".join(found) for name, found in values.items()}


def signature(
    *,
    secret_key: str,
    scope: Scope,
    amz_date: str,
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    payload_sha256: str,
) -> str:
    """The hex signature of a request. `headers`: from canonical_headers(); `path` and `query`: as sent."""
    canonical = "\n".join(
        [
            method,
            canonical_path(path, scope.service),
            canonical_query(query),
            *(f"{name}:{value}" for name, value in headers.items()),
            "",
            ";".join(headers),
            payload_sha256,
        ]
    )
    to_sign = "\n".join([ALGORITHM, amz_date, str(scope), hashlib.sha256(canonical.encode()).hexdigest()])
    return hmac.new(_signing_key(secret_key, scope), to_sign.encode(), hashlib.sha256).hexdigest()


def sign(
    *,
    credentials: Credentials,
    region: str,
    service: str,
    method: str,
    host: str,
    path: str,
    query: str = "",
    headers: Mapping[str, str] | None = None,
    payload_sha256: str = EMPTY_SHA256,
    now: datetime | None = None,
) -> dict[str, str]:
    """All headers to send: those given plus Host, X-Amz-Date, the token if any, and Authorization.

    Every header given is signed, so give only what no proxy on the way changes. Names come back lower case.
    """
    amz_date = (now or datetime.now(UTC)).strftime(DATE_FORMAT)
    sent = {name.lower(): value for name, value in (headers or {}).items()}
    sent |= {"host": host, "x-amz-date": amz_date}
    if service == "s3":
        sent["x-amz-content-sha256"] = payload_sha256
    if credentials.session_token:
        sent["x-amz-security-token"] = credentials.session_token
    scope = Scope(amz_date[:8], region, service)
    signed = canonical_headers(sent.items(), sent)
    proof = signature(
        secret_key=credentials.secret_key,
        scope=scope,
        amz_date=amz_date,
        method=method,
        path=path,
        query=query,
        headers=signed,
        payload_sha256=payload_sha256,
    )
    sent["authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={';'.join(signed)}, Signature={proof}"
    )
    return sent


@lru_cache(maxsize=16)
def _signing_key(secret_key: str, scope: Scope) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (scope.date, scope.region, scope.service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _encode(text: str) -> str:
    return quote(text, safe=_UNRESERVED)
