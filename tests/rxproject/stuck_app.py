"""A WSGI application whose threads wait for ever, at one address."""

from collections.abc import Callable, Iterable
from threading import Event
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/stuck":
        Event().wait()
    environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["PATH_INFO"].encode()]
