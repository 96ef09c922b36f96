"""The gateway's configuration, from the environment alone."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[3]
FUNCTION_PREFIX: Final = "RX_LAMBDA_"
MIB: Final = 1024 * 1024


class SettingsError(Exception):
    """A variable is missing or wrong; the text names it and what is allowed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Seconds and bytes. The limits are AWS's own; tests shorten the times."""

    host: str
    port: int  # 0: any free one
    access_key: str
    secret_key: str = field(repr=False)
    region: str = "us-east-1"
    handler: str = "transforms.function.handler.handler"
    task_root: Path = PROJECT
    concurrency: int = 2  # runtimes at most, as reserved concurrency
    burst: int = 2  # calls that may wait for a runtime
    burst_seconds: float = 1.0
    function_seconds: float = 20.0
    integration_seconds: float = 29.0  # API Gateway's own default and, for most APIs, its limit
    init_seconds: float = 10.0
    memory_mib: int = 2048
    function_env: Mapping[str, str] = field(default_factory=dict, repr=False)

    request_bytes: int = 10 * MIB  # API Gateway, payload of a request
    event_bytes: int = 6 * MIB  # Lambda, synchronous invocation
    response_bytes: int = 6 * MIB + 100  # Lambda, synchronous response: 6,291,556

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Raises SettingsError."""
        host, port = _listen(environ.get("RX_GATEWAY_LISTEN", "127.0.0.1:0"))
        concurrency = _whole(environ, "RX_GATEWAY_CONCURRENCY", 2, least=1)
        return cls(
            host=host,
            port=port,
            access_key=_required(environ, "RX_GATEWAY_ACCESS_KEY"),
            secret_key=_required(environ, "RX_GATEWAY_SECRET_KEY"),
            region=environ.get("RX_GATEWAY_REGION", "us-east-1"),
            handler=environ.get("RX_GATEWAY_HANDLER", "transforms.function.handler.handler"),
            task_root=Path(environ.get("RX_GATEWAY_TASK_ROOT", PROJECT)).resolve(),
            concurrency=concurrency,
            burst=_whole(environ, "RX_GATEWAY_BURST", concurrency, least=0),
            function_seconds=_seconds(environ, "RX_GATEWAY_FUNCTION_TIMEOUT", 20.0),
            integration_seconds=_seconds(environ, "RX_GATEWAY_INTEGRATION_TIMEOUT", 29.0),
            memory_mib=_whole(environ, "RX_GATEWAY_MEMORY", 2048, least=128),
            # RX_LAMBDA_AWS_ACCESS_KEY_ID is the function's AWS_ACCESS_KEY_ID, and so on.
            function_env={
                name.removeprefix(FUNCTION_PREFIX): value
                for name, value in environ.items()
                if name.startswith(FUNCTION_PREFIX)
            },
        )


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise SettingsError(f"{name} is missing: without it every call would be refused. Set it to the caller's key.")
    return value


def _listen(text: str) -> tuple[str, int]:
    found = re.fullmatch(r"(127(?:\.[0-9]{1,3}){3}|localhost):([0-9]{1,5})", text)
    if found is None or int(found[2]) > 65_535:
        raise SettingsError(
            f"RX_GATEWAY_LISTEN is {text!r}; it must be 127.0.0.1:<port>, port 0 for any. "
            "The local gateway serves this machine alone."
        )
    return found[1], int(found[2])


def _whole(environ: Mapping[str, str], name: str, default: int, *, least: int) -> int:
    text = environ.get(name, "")
    if text and (not text.isdecimal() or int(text) < least):
        raise SettingsError(f"{name} is {text!r}; it must be a whole number of at least {least}.")
    return int(text) if text else default


def _seconds(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(name, "")
    try:
        value = float(text) if text else default
    except ValueError:
        value = 0.0
    if not 0 < value <= 900:
        raise SettingsError(f"{name} is {text!r}; it must be seconds, more than 0 and at most 900.")
    return value
