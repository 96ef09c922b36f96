"""One execution environment: an awslambdaric process and the Runtime API it polls. Serves one event at a time."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

from rxproject.local.gateway.http1 import Request, send
from rxproject.local.gateway.listener import Listener
from rxproject.local.gateway.settings import Settings

_LAUNCHER: Final = str(Path(__file__).with_name("launcher.py"))
_API: Final = "/2018-06-01/runtime"
_FUNCTION: Final = "rx-render"


class End(Enum):
    """How an invocation ended. Only the first is a result; API Gateway shows all the others as 502."""

    ANSWERED = "answered"
    FAILED = "function error"
    TOO_LARGE = "response too large"
    TIMED_OUT = "function timed out"
    INIT_TIMED_OUT = "initialisation timed out"
    EXITED = "runtime exited"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`body` is what the function returned or, for FAILED, its error object."""

    end: End
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class _Invocation:
    request_id: str
    event: bytes
    deadline_ms: int


class Runtime:
    """Made by `start`. After anything but ANSWERED and FAILED it is dead, like an environment that Lambda resets."""

    _process: asyncio.subprocess.Process
    _exited: asyncio.Future[int]

    def __init__(self, settings: Settings) -> None:
        loop = asyncio.get_running_loop()
        self._settings = settings
        self._api = Listener(self._respond, self._refuse, limit=settings.response_bytes, idle_seconds=None)
        self._inbox: asyncio.Queue[_Invocation] = asyncio.Queue(maxsize=1)
        self._initialised: asyncio.Future[None] = loop.create_future()
        self._outcome: asyncio.Future[Outcome] = loop.create_future()
        self._request_id = ""

    @classmethod
    async def start(cls, settings: Settings) -> "Runtime":
        """Returns once the process exists; `invoke` waits for it. In the main thread, whose end would end it."""
        self = cls(settings)
        port = await self._api.listen("127.0.0.1", 0)
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            _LAUNCHER,
            str(os.getpid()),
            str(settings.memory_mib),
            str(settings.task_root),
            settings.handler,
            stdin=asyncio.subprocess.DEVNULL,
            env=_environment(settings, f"127.0.0.1:{port}"),
            start_new_session=True,  # a group of its own, so that nothing it started outlives it
        )
        self._exited = asyncio.ensure_future(self._process.wait())
        return self

    @property
    def alive(self) -> bool:
        return not self._exited.done()

    async def invoke(self, event: bytes, request_id: str) -> Outcome:
        """One event. Starting up does not count against the function's time, as on AWS."""
        late = await self._until(self._initialised, self._settings.init_seconds, End.INIT_TIMED_OUT)
        if late is None:
            seconds = self._settings.function_seconds
            self._outcome = asyncio.get_running_loop().create_future()
            self._request_id = request_id
            self._inbox.put_nowait(_Invocation(request_id, event, int((time.time() + seconds) * 1000)))
            late = await self._until(self._outcome, seconds, End.TIMED_OUT)
        outcome = late or self._outcome.result()
        self._request_id = ""
        if outcome.end not in (End.ANSWERED, End.FAILED):
            await self.stop()
        return outcome

    async def stop(self) -> None:
        """End the process and everything it started. May be called twice."""
        if self.alive:  # once it is reaped, its number may be another group's
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._exited
        self._api.close()

    async def _until(self, future: asyncio.Future[Any], seconds: float, late: End) -> Outcome | None:
        """None when the future has come; otherwise why it will not."""
        both: set[asyncio.Future[Any]] = {future, self._exited}
        await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if future.done():
            return None
        return Outcome(End.EXITED if self._exited.done() else late)

    # --- Runtime API --------------------------------------------------------------------------------------------

    async def _refuse(self, status: int, writer: asyncio.StreamWriter) -> None:
        if status == 413:
            self._finish(Outcome(End.TOO_LARGE))
        await send(writer, status, close=True)

    async def _respond(self, request: Request, writer: asyncio.StreamWriter) -> None:
        call = (request.method, request.path)
        if call == ("GET", f"{_API}/invocation/next"):
            await self._next(writer)
        elif call == ("POST", f"{_API}/init/error"):
            await send(writer, 202)  # the process exits by itself now
        elif call == ("POST", f"{_API}/invocation/{self._request_id}/response"):
            self._finish(Outcome(End.ANSWERED, request.body))
            await send(writer, 202)
        elif call == ("POST", f"{_API}/invocation/{self._request_id}/error"):
            self._finish(Outcome(End.FAILED, request.body))
            await send(writer, 202)
        else:
            await send(writer, 404)

    async def _next(self, writer: asyncio.StreamWriter) -> None:
        if not self._initialised.done():
            self._initialised.set_result(None)
        invocation = await self._inbox.get()
        headers = [
            ("Content-Type", "application/json"),
            ("Lambda-Runtime-Aws-Request-Id", invocation.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(invocation.deadline_ms)),
            ("Lambda-Runtime-Invoked-Function-Arn", _arn(self._settings.region)),
        ]
        await send(writer, 200, headers, invocation.event)

    def _finish(self, outcome: Outcome) -> None:
        if not self._outcome.done():
            self._outcome.set_result(outcome)


def _arn(region: str) -> str:
    return f"arn:aws:lambda:{region}:000000000000:function:{_FUNCTION}"


def _environment(settings: Settings, api: str) -> dict[str, str]:
    """What Lambda sets, and the function's own variables. Nothing of the gateway's: its keys are not the function's."""
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "TZ": ":UTC",
        "AWS_LAMBDA_RUNTIME_API": api,
        "AWS_LAMBDA_FUNCTION_NAME": _FUNCTION,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(settings.memory_mib),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{_FUNCTION}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"local/[$LATEST]{os.getpid()}",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        "AWS_REGION": settings.region,
        "AWS_DEFAULT_REGION": settings.region,
        "LAMBDA_TASK_ROOT": str(settings.task_root),
        "_HANDLER": settings.handler,
        **settings.function_env,
    }
