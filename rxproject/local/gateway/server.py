"""The front: authorise, invoke, answer as API Gateway would. One line of log for each call, without bodies or keys.

Must never guess: what could be read in two ways is refused.
"""

import json
import logging
import re
import sys
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from rxproject.local.gateway import proxy, signature
from rxproject.local.gateway.pool import Pool
from rxproject.local.gateway.proxy import Refused, Request, Response, no_answer
from rxproject.local.gateway.settings import Settings
from transforms.function.sigv4 import Credentials

_EVENT_BYTES: Final = 6 * 1024 * 1024  # Lambda, synchronous invocation
_GRACE_SECONDS: Final = 5.0
_TOO_LARGE: Final = (413, "RequestTooLargeException", "Request Too Long", "event too large for Lambda")
_UNREADABLE: Final = (400, "BadRequestException", "Bad Request")
_TIMED_OUT: Final = (504, "InternalServerErrorException", "Endpoint request timed out", "integration timed out")
# What AWS answers for a resource that the API does not have, signed or not.
_NO_RESOURCE: Final = (403, "MissingAuthenticationTokenException", "Missing Authentication Token", "no such resource")

log = logging.getLogger("rx.gateway")


class _Front(BaseHTTPRequestHandler):
    server: "Gateway"
    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.1"  # or http.server would answer garbage without a status line
    disable_nagle_algorithm = True
    timeout = 75.0  # seconds of silence

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "0")
        twice = len(self.headers.get_all("Content-Length", [])) > 1 or "Transfer-Encoding" in self.headers
        if twice or self.headers.defects or not re.fullmatch("[0-9]{1,18}", length):
            self.send_error(400)
        elif (left := int(length)) > _EVENT_BYTES:
            # Read all the same: closing while the caller sends would reset the connection, and lose the answer.
            while left > 0 and (part := self.rfile.read1(65_536)):
                left -= len(part)
            self.send_error(413)
        elif len(body := self.rfile.read(left)) == left:
            path, _, query = self.path.partition("?")
            self._answer(Request(self.command, path, self.headers.items(), body, query))
        else:
            self.close_connection = True  # as the caller did

    do_GET = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_POST  # noqa: N815 - http.server's names

    def send_error(self, code: int, *_: Any) -> None:
        """http.server calls it too, for what it cannot read."""
        self.close_connection = True
        self._send(Refused(*(_TOO_LARGE if code == 413 else _UNREADABLE)).response())

    def log_message(self, *_: Any) -> None:
        """_answer has a line for each call."""

    def _answer(self, request: Request) -> None:
        request_id, started = str(uuid.uuid4()), time.monotonic()
        self.server.under_way.add(request_id)
        try:
            try:
                response, why = self._call(request, request_id), "answered"
            except Refused as refused:
                response, why = refused.response(), refused.why
            line = {
                "request_id": request_id,
                "call": f"{request.method} {request.path[:64]}",
                "status": response.status,
                "why": why,
                "ms": round((time.monotonic() - started) * 1000, 1),
            }
            log.info(json.dumps(line))
            self._send(response, ("x-amzn-RequestId", request_id))
        finally:
            self.server.under_way.discard(request_id)

    def _call(self, request: Request, request_id: str) -> Response:
        """What the function answers. Raises Refused."""
        settings, credentials = self.server.settings, self.server.credentials
        deadline = time.monotonic() + settings.integration_timeout
        if (request.method, request.path) != ("POST", "/render"):
            raise Refused(*_NO_RESOURCE)
        signature.verify(request, credentials, settings.region)
        ids = {"request_id": request_id, "access_key": credentials.access_key, "source_ip": self.client_address[0]}
        event = proxy.event(request, **ids)
        if len(event) > _EVENT_BYTES:
            raise Refused(*_TOO_LARGE)
        call = self.server.pool.invoke(event, request_id)
        try:
            return proxy.response(call.result(deadline - time.monotonic()))
        except TimeoutError:
            # The function is not stopped: on AWS, too, it goes on and its work counts.
            raise Refused(*_TIMED_OUT) from None
        except OSError as error:
            raise no_answer(f"the runtime could not be started: {error.strerror}") from None

    def _send(self, response: Response, *more: tuple[str, str]) -> None:
        self.send_response_only(response.status)
        for name, value in (*response.headers, ("Content-Length", str(len(response.body))), *more):
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(response.body)


class Gateway(ThreadingHTTPServer):
    """On loopback. A thread for each connection: one that hangs hangs alone."""

    request_queue_size = 512

    def __init__(self, settings: Settings) -> None:
        super().__init__(("127.0.0.1", settings.port), _Front)
        self.settings = settings
        self.credentials = Credentials(settings.access_key, settings.secret_key)
        self.pool = Pool(settings)
        self.under_way: set[str] = set()

    def handle_error(self, *who: Any) -> None:
        """Callers that hang up are no error."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(*who)

    def close(self) -> None:
        """Take no more calls, give those under way a moment, end the runtimes. Not in the thread of serve_forever."""
        self.shutdown()
        self.server_close()
        self.pool.close(_GRACE_SECONDS)
        deadline = time.monotonic() + 1
        while self.under_way and time.monotonic() < deadline:  # until the last answers are sent
            time.sleep(0.01)
