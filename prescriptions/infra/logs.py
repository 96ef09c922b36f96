"""JSON log lines with a request id that travels from the edge to the worker.

Never a name, a file name, a token or a query string.
"""

import json
import logging
import re
import time
from contextvars import ContextVar
from typing import Any

from django.conf import settings

_REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
_SANE = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_CARRIED = re.compile(r"[0-9a-f]{32}")
# Letters of any one text. What others have written may be quoted in it: Django, say, quotes a Host that it refuses.
_LONGEST = 500
# `request` is what Django adds: its text quotes the address, tokens and all.
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "request"}


def request_id() -> str:
    """The id of the request that this thread or task works for; empty outside of one."""
    return _REQUEST_ID.get()


def onward() -> str:
    """The id as a redirect's query carries it on; empty where it has another form than the edge takes."""
    return f"rid={request_id()}" if _CARRIED.fullmatch(request_id()) else ""


def set_request_id(value: str) -> None:
    """Adopt an id from the edge or a task message; anything odd is dropped, for it would be a way into the log."""
    _REQUEST_ID.set(value if _SANE.match(value) else "")


class JsonLines(logging.Formatter):
    """One JSON object per line: time, level, role, logger, message, request id and whatever `extra` was given."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "role": settings.RX_ROLE,
            "logger": record.name,
            "message": _bounded(record.getMessage()),
        }
        if current := request_id():
            line["request_id"] = current
        line.update({key: _bounded(value) for key, value in record.__dict__.items() if key not in _STANDARD})
        if record.exc_info:
            # Frames only: an exception's own text may quote input.
            kind, _, trace = record.exc_info
            frames = []
            while trace is not None:
                frames.append(f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}")
                trace = trace.tb_next
            line["exception"] = kind.__name__ if kind else ""
            line["frames"] = frames[-12:]
        return json.dumps(line, default=str)


def _bounded(value: Any) -> Any:
    return f"{value[:_LONGEST]}…" if isinstance(value, str) and len(value) > _LONGEST else value
