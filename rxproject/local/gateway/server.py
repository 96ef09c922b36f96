"""The front: authorise, invoke, answer as API Gateway would. One line of log for each call, without bodies or keys."""

import asyncio
import json
import logging
import time
import uuid
from typing import Final

from rxproject.local.gateway import proxy, signature
from rxproject.local.gateway.http1 import Request, send
from rxproject.local.gateway.listener import Listener
from rxproject.local.gateway.pool import Pool, Throttled
from rxproject.local.gateway.proxy import Malformed, Response
from rxproject.local.gateway.runtime import End, Outcome
from rxproject.local.gateway.settings import Settings
from transforms.function.sigv4 import Credentials

_ROUTES: Final = {("POST", "/render")}
_IDLE_SECONDS: Final = 75.0
_GRACE_SECONDS: Final = 5.0

log = logging.getLogger("rx.gateway")


def _refusal(status: int, kind: str, message: str) -> Response:
    headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", kind)]
    return Response(status, headers, json.dumps({"message": message}).encode())


_BAD_GATEWAY: Final = _refusal(502, "InternalServerErrorException", "Internal server error")
_TIMED_OUT: Final = _refusal(504, "InternalServerErrorException", "Endpoint request timed out")
_THROTTLED: Final = _refusal(429, "TooManyRequestsException", "Too Many Requests")
_TOO_LARGE: Final = _refusal(413, "RequestTooLargeException", "Request Too Long")
_UNREADABLE: Final = _refusal(400, "BadRequestException", "Bad Request")
# What AWS answers for a resource that the API does not have, signed or not.
_NO_RESOURCE: Final = _refusal(403, "MissingAuthenticationTokenException", "Missing Authentication Token")


class Gateway:
    """Belongs to one event loop, whose thread must be the main one: runtimes end with the thread that starts them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._credentials = Credentials(settings.access_key, settings.secret_key)
        self._pool = Pool(settings)
        self._invocations: set[asyncio.Task[Outcome]] = set()
        self._front = Listener(self._respond, self._refuse, limit=settings.request_bytes, idle_seconds=_IDLE_SECONDS)

    async def listen(self) -> int:
        """Accept calls; returns the port."""
        return await self._front.listen(self._settings.host, self._settings.port)

    async def close(self) -> None:
        """Take no more calls, give those in flight a moment, end the runtimes."""
        self._front.stop_listening()
        if self._invocations:
            await asyncio.wait(self._invocations, timeout=_GRACE_SECONDS)
        await self._pool.close()
        self._front.close()

    async def _refuse(self, status: int, writer: asyncio.StreamWriter) -> None:
        answer = _TOO_LARGE if status == 413 else _UNREADABLE
        await send(writer, answer.status, answer.headers, answer.body, close=True)

    async def _respond(self, request: Request, writer: asyncio.StreamWriter) -> None:
        request_id, started, colds = str(uuid.uuid4()), time.perf_counter(), self._pool.cold_starts
        peer: tuple[str, int] = writer.get_extra_info("peername")
        answer, why = await self._answer(request, request_id, peer[0])
        await send(writer, answer.status, [*answer.headers, ("x-amzn-RequestId", request_id)], answer.body)
        line = {
            "request_id": request_id,
            "call": f"{request.method} {request.path[:64]}",
            "status": answer.status,
            "why": why,
            "ms": round((time.perf_counter() - started) * 1000, 1),
            "cold_starts": self._pool.cold_starts - colds,
        }
        log.info(json.dumps(line))

    async def _answer(self, request: Request, request_id: str, source_ip: str) -> tuple[Response, str]:
        """The response, and for the log why it is that one."""
        if (request.method, request.path) not in _ROUTES:
            return _NO_RESOURCE, "no such resource"
        try:
            signature.verify(request, self._credentials, self._settings.region)
        except signature.NotAuthorised as error:
            return _refusal(403, error.kind, error.message), error.kind
        event = proxy.event(
            request, request_id=request_id, access_key=self._credentials.access_key, source_ip=source_ip
        )
        if len(event) > self._settings.event_bytes:
            return _TOO_LARGE, "event too large for Lambda"
        invocation = asyncio.create_task(self._pool.invoke(event, request_id))
        self._invocations.add(invocation)
        invocation.add_done_callback(self._invocations.discard)
        done, _ = await asyncio.wait({invocation}, timeout=self._settings.integration_seconds)
        if not done:
            # The function is not stopped: on AWS, too, it goes on and its work counts.
            invocation.add_done_callback(lambda late: late.cancelled() or late.exception())
            return _TIMED_OUT, "integration timed out"
        try:
            outcome = invocation.result()
            if outcome.end is not End.ANSWERED:
                return _BAD_GATEWAY, outcome.end.value
            return proxy.response(outcome.body), "answered"
        except Throttled:
            return _THROTTLED, "throttled"
        except OSError as error:
            return _BAD_GATEWAY, f"the runtime could not be started: {error.strerror}"
        except Malformed as error:
            return _BAD_GATEWAY, f"malformed proxy response: {error}"
