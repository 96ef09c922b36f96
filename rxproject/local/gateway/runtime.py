"""One execution environment: an awslambdaric process and the Runtime API it polls. Serves one event at a time.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Final

from rxproject.local.gateway.proxy import no_answer
from rxproject.local.gateway.settings import Settings

PROJECT: Final = Path(__file__).resolve().parents[3]
_LAUNCHER: Final = str(Path(__file__).with_name("launcher.py"))
_INVOCATION: Final = "/2018-06-01/runtime/invocation"
_FUNCTION: Final = "rx-render"
_RESPONSE_BYTES: Final = 6 * 1024 * 1024 + 100  # Lambda, synchronous response: 6,291,556
_ERROR: Final = "function error"


class _RuntimeApi(BaseHTTPRequestHandler):
    """A connection for each request. The next one of a runtime is accepted when there is an event for it."""

    server: "Runtime"
    timeout = 5.0  # seconds of silence in the middle of a request

    def do_GET(self) -> None:
        """The process takes the event, and its time begins."""
        seconds, region = self.server.settings.function_timeout, self.server.settings.region
        self.server.late, self.server.deadline = "function timed out", time.monotonic() + seconds
        self.send_response_only(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.server.event)))
        self.send_header("Lambda-Runtime-Aws-Request-Id", self.server.request_id)
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + seconds) * 1000)))
        arn = f"arn:aws:lambda:{region}:000000000000:function:{_FUNCTION}"
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", arn)
        self.end_headers()
        self.wfile.write(self.server.event)

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        match self.path.removeprefix(f"{_INVOCATION}/{self.server.request_id}"):
            case "/response" if length > _RESPONSE_BYTES:
                self.server.end = "response too large"
            case "/response":
                self.server.end = self.rfile.read(length)
            case "/error":
                self.server.end = _ERROR
        self.send_response_only(202)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """The front has a line for each call."""


class Runtime(HTTPServer):
    """Dead after an event that it neither answers nor reports as failed, like an environment that Lambda resets."""

    timeout = 0.05  # seconds between two looks at the process
    end: bytes | str | None  # of the event under way: the answer, or why there is none

    def __init__(self, settings: Settings) -> None:
        super().__init__(("127.0.0.1", 0), _RuntimeApi)
        self.settings = settings
        limits = (str(os.getpid()), str(settings.memory), str(PROJECT))
        self._process = subprocess.Popen(
            [sys.executable, "-I", _LAUNCHER, *limits, settings.handler],
            stdin=subprocess.DEVNULL,
            env=_environment(settings, f"127.0.0.1:{self.server_address[1]}"),
            start_new_session=True,  # a group of its own, so that nothing it started outlives it
        )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def invoke(self, event: bytes, request_id: str) -> bytes:
        """What the function returns. Raises Refused. Starting up does not count against its time, as on AWS."""
        self.event, self.request_id, self.end = event, request_id, None
        self.late, self.deadline = "initialisation timed out", time.monotonic() + self.settings.init_timeout
        end = self._serve_until_it_ends()
        if isinstance(end, bytes):
            return end
        if end != _ERROR:
            self.kill()
        raise no_answer(end)

    def _serve_until_it_ends(self) -> bytes | str:
        while self.end is None:
            self.handle_request()
            if self.end is None and not self.alive:
                return "runtime exited"
            if self.end is None and time.monotonic() > self.deadline:
                return self.late
        return self.end

    def kill(self) -> None:
        """End the process and everything it started; returns when it is gone."""
        if self.alive:  # once it is collected, its number may be another group's
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _environment(settings: Settings, api: str) -> dict[str, str]:
    """What Lambda sets, and the function's own variables. Nothing of the gateway's: its keys are not the function's."""
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "TZ": ":UTC",
        "AWS_LAMBDA_RUNTIME_API": api,
        "AWS_LAMBDA_FUNCTION_NAME": _FUNCTION,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(settings.memory),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{_FUNCTION}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"local/[$LATEST]{os.getpid()}",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        "AWS_REGION": settings.region,
        "AWS_DEFAULT_REGION": settings.region,
        "LAMBDA_TASK_ROOT": str(PROJECT),
        "_HANDLER": settings.handler,
        **settings.function_env,
    }
