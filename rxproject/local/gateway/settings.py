"""The gateway's configuration, from the environment alone."""

import os
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, Final, Self

_PREFIX: Final = "RX_GATEWAY_"
# RX_LAMBDA_AWS_ACCESS_KEY_ID is the function's AWS_ACCESS_KEY_ID, and so on.
_FUNCTION_PREFIX: Final = "RX_LAMBDA_"


class SettingsError(Exception):
    """A variable is missing or wrong; the text names it and what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Each field is the variable RX_GATEWAY_<FIELD>. Time-outs in seconds; the defaults are AWS's own limits."""

    access_key: str  # of the only caller
    secret_key: str = field(repr=False)
    region: str = "us-east-1"
    handler: str = "transforms.function.handler.handler"
    port: int = 0  # any free one
    concurrency: int = 2  # runtimes at most, as reserved concurrency
    burst: int = 2  # calls that may wait for a runtime
    burst_timeout: float = 1.0
    init_timeout: float = 10.0
    function_timeout: float = 20.0
    integration_timeout: float = 29.0  # API Gateway's default and, for most APIs, its limit
    memory: int = 2048  # MiB
    function_env: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Raises SettingsError."""
        given = {one.name: _value(one, environ) for one in fields(cls) if one.name != "function_env"}
        function_env = {
            name.removeprefix(_FUNCTION_PREFIX): value
            for name, value in environ.items()
            if name.startswith(_FUNCTION_PREFIX)
        }
        return cls(**given, function_env=function_env)


def _value(one: "Field[Any]", environ: Mapping[str, str]) -> Any:
    name = _PREFIX + one.name.upper()
    text = environ.get(name, "")
    if not text:
        if one.default is MISSING:
            raise SettingsError(f"{name} is missing; without the caller's keys every call would be refused.")
        return one.default
    if one.default is MISSING or isinstance(one.default, str):
        return text
    kind = type(one.default)
    try:
        number = kind(text)
    except ValueError:
        number = -1
    if not 0 <= number <= 65_535 or (number == 0 and one.default):
        raise SettingsError(f"{name} is {text!r}; it must be a positive {kind.__name__}.")
    return number
