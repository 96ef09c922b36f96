"""Where Prometheus asks a process that has no web server: worker and beat.

One thread, which does nothing else, so that an answer never waits behind work. Beat's tells what the database knows,
too: only that of the beat which leads, or sums would count it as often as there are beats.
"""

import logging
import ssl
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, HTTPServer
from socket import socket
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError, connections
from django.http import HttpRequest
from prometheus_client.core import Metric

from prescriptions.infra import problems
from prescriptions.ops import edge_counts, scrape
from prescriptions.ops.metrics_view import Metrics
from prescriptions.upkeep import duties

log = logging.getLogger("rx.metrics")

# Longer than Prometheus leaves between two looks, or two beats would take turns.
_LEAD_SECONDS: Final = 90
# One who connects and says nothing keeps the next one waiting for so long.
_PATIENCE: Final = 3


class Port(HTTPServer):
    """Answers GET /metrics as /metrics of web does, to the same tokens. Over TLS where RX_METRICS_CERT names a file."""

    request_queue_size = 16

    def __init__(self, address: tuple[str, int], certificate: str = "") -> None:
        super().__init__(address, _Asked)
        self._tls: ssl.SSLContext | None = None
        if certificate:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificate)

    def server_bind(self) -> None:
        """Without the look-up of our own name that HTTPServer does."""
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        super(HTTPServer, self).server_bind()

    def get_request(self) -> tuple[socket, Any]:
        connection, address = super().get_request()
        connection.settimeout(_PATIENCE)
        if self._tls:  # the handshake takes place at the first reading, within the same patience
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke, or somebody without TLS: of no interest to anybody."""


class _Asked(BaseHTTPRequestHandler):
    server_version, sys_version = "rx", ""

    def do_GET(self) -> None:
        request = HttpRequest()
        request.method, request.path = "GET", "/metrics"
        request.META = {"REMOTE_ADDR": self.client_address[0], "SERVER_NAME": "localhost", "SERVER_PORT": "80"}
        if token := self.headers.get("Authorization"):
            request.META["HTTP_AUTHORIZATION"] = token
        try:
            answer = _view(request) if self.path == "/metrics" else problems.not_found().response()
        except DatabaseError:
            answer = problems.database_down().response()
        except Exception as error:  # noqa: BLE001 - the thread is the only one; it must live
            log.error("metrics not told", extra={"reason": type(error).__name__})
            answer = problems.Problem(500, "internal", "Something went wrong").response()
        finally:
            connections.close_all()
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *_: object) -> None:
        """Nothing for each time that Prometheus asks."""


class AtPort(Metrics):
    """As at web's /metrics, and what is told once: of the database, and of each edge."""

    def parts(self) -> Iterable[Callable[[], Iterable[Metric]]]:
        if settings.RX_ROLE == "beat" and duties.lead("metrics", seconds=_LEAD_SECONDS):
            yield scrape.database
        if settings.RX_ACCESS_LOGS:
            yield edge_counts.told


_view = AtPort.as_view()


def open_port() -> Port | None:
    """Opens RX_METRICS_LISTEN, if there is one. Numbers are worth less than work: one that cannot be had is told."""
    if not settings.RX_METRICS_LISTEN:
        return None
    host, _, number = settings.RX_METRICS_LISTEN.rpartition(":")
    try:
        port = Port((host, int(number)), settings.RX_METRICS_CERT)
    except OSError as error:
        log.error("the port of metrics cannot be opened", extra={"reason": str(error)})
        return None
    threading.Thread(target=port.serve_forever, name="metrics", daemon=True).start()
    return port
