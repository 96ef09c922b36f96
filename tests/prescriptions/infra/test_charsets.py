"""A request that names a charset of its own choice is read as UTF-8; what gunicorn says of a failure has no address."""

import io
import logging
from types import SimpleNamespace

import pytest
from django.core.handlers.wsgi import WSGIRequest
from gunicorn.config import Config

from prescriptions.infra.logs import JsonLines
from rxproject.gunicorn_logger import Masked
from rxproject.handler import Request


@pytest.mark.parametrize("charset", ["hex", "rot13", "undefined", "idna", "utf-16", "unicode_escape", "", "x" * 99])
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=B"])
def test_no_charset_is_taken_for_granted(charset: str, kind: str) -> None:
    body = b"a=%C3%A9"
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/healthz",
        "QUERY_STRING": "a=%C3%A9",
        "CONTENT_TYPE": f"{kind}; charset={charset}",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }

    request: WSGIRequest = Request(environ)

    assert request.GET["a"] == "é"
    assert request.encoding is None
    if "urlencoded" in kind:
        assert request.POST["a"] == "é"


def test_gunicorn_names_no_address() -> None:
    log, out = Masked(Config()), io.StringIO()
    log.error_log.addHandler(logging.StreamHandler(out))

    log.exception("Error handling request %s", "/orders/A-1/prescription?link=secret")
    log.exception("Something else: %s", "why")
    log.warning("Invalid request from ip=127.0.0.1: Invalid Request Line '/iiif/3/secret'")
    log.warning("Worker %s has gone", 7)

    assert "secret" not in out.getvalue()
    assert "Invalid request from ip=127.0.0.1\nWorker 7 has gone" in out.getvalue()
    assert "Error handling request" in out.getvalue()
    assert "Something else: why" in out.getvalue()


def test_a_line_has_no_request_in_it() -> None:
    record = logging.makeLogRecord({"msg": "Invalid HTTP_HOST", "request": SimpleNamespace(path="/iiif/3/secret")})

    assert "secret" not in JsonLines().format(record)
