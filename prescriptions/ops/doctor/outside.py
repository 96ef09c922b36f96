"""The service as people reach it: its address, its certificate, the edge in front of this process."""

import http.client
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

from prescriptions.ops.doctor.finding import Finding, Findings

_SAYS: Final = Findings("front door")
_SECONDS: Final = 5.0
_SOON_DAYS: Final = 14


def look() -> Iterator[Finding]:
    address = urlsplit(settings.BASE_URL)
    host = address.hostname or ""
    port = address.port or (443 if address.scheme == "https" else 80)
    do = "Look whether the edge runs, and at RX_BASE_URL. From inside a network the public name may not lead back."
    try:
        if address.scheme == "https":
            yield _certificate(host, port)
        yield _edge(address.scheme, host, port)
    except ssl.SSLCertVerificationError as error:
        yield _SAYS.bad("certificate", error.verify_message, "Renew it, with its whole chain.")
    except (OSError, http.client.HTTPException) as error:
        yield _SAYS.warn("answers", f"{settings.BASE_URL}: {type(error).__name__}", do)


def _certificate(host: str, port: int) -> Finding:
    context = ssl.create_default_context()
    with (
        socket.create_connection((host, port), _SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=host) as tls,
    ):
        told = tls.getpeercert() or {}
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(told["notAfter"])), UTC)
    days = (ends - datetime.now(UTC)).days
    seen = f"valid for {days} days, until {ends:%Y-%m-%d}"
    if days < _SOON_DAYS:
        return _SAYS.warn("certificate", seen, "Renew it; look why that did not happen by itself.")
    return _SAYS.good("certificate", seen)


def _edge(scheme: str, host: str, port: int) -> Finding:
    kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
    connection = kind(host, port, timeout=_SECONDS)
    try:
        connection.request("GET", "/edge-healthz")
        edge = connection.getresponse()
        edge.read()
        connection.request("GET", "/readyz")
        ready = connection.getresponse()
        told = ready.read().decode(errors="replace")[:200]
    finally:
        connection.close()
    if edge.status != 200:
        do = "Let the edge be the only way in: without it every picture goes through Python."
        return _SAYS.warn("edge", f"/edge-healthz answers {edge.status}: perhaps nginx is not in front", do)
    if ready.status != 200:
        return _SAYS.bad("ready", f"/readyz answers {ready.status}: {told}", "See the lines above.")
    return _SAYS.good("ready", settings.BASE_URL)
