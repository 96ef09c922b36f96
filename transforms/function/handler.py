"""The Lambda function behind API Gateway: one call makes one variant and stores it in S3.

Answers small JSON or application/problem+json, never an image. Any call may be the first of a new process: nothing
heavy is imported, and nothing but connections is kept between two calls.
"""

import json
import logging
import os
import re
import time
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Final, Protocol

from transforms import version
from transforms.errors import RenderMemory, SourceTooLarge, TransformError
from transforms.formats import OutputFormat, SourceType
from transforms.function.event import RenderCall
from transforms.function.s3 import ObjectTooLarge, S3Client
from transforms.limits import LIMITS
from transforms.objects import NewObject, ObjectMissing, Put, StorageUnavailable, put_once
from transforms.render import Rendered, render

# Left of Lambda's time when S3 is given up: the caller then gets a reason instead of a 502.
ANSWER_SECONDS: Final = 1.0
# Left of it when rendering must have ended: one put on top of the answer.
PUT_SECONDS: Final = 4.0
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")  # as the callers' logs take it
# A page of a PDF is shown by browsers' own viewers, which the CSP of the edge switches off: it is a download.
_DISPOSITION: Final = {OutputFormat.PDF: 'attachment; filename="prescription.pdf"'}

log = logging.getLogger("transforms.function.handler")
log.setLevel(logging.INFO)  # Lambda's own default is WARNING


class Context(Protocol):
    """What Lambda tells about a call."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int: ...


class SourceMissing(TransformError):
    code: ClassVar[str] = "source-missing"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "The original is missing in the storage."
    permanent: ClassVar[bool] = False


class StorageTrouble(TransformError):
    code: ClassVar[str] = "storage-unavailable"
    status: ClassVar[int] = 503
    title: ClassVar[str] = "The file storage did not answer."
    permanent: ClassVar[bool] = False


def handler(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """An API Gateway proxy event (POST /render) to a proxy response.

    A bug raises: Lambda counts it as an error and the gateway answers 502, as it does when the process dies.
    """
    timings = _Timings()
    try:
        call = RenderCall.from_proxy_event(event)
        rendered, put = _make(call, _s3(), timings, context.get_remaining_time_in_millis() / 1000)
    except TransformError as error:
        _log(event, context, error.code, timings)
        return _problem(error, context.aws_request_id)
    except MemoryError:
        _log(event, context, RenderMemory.code, timings)
        return _problem(RenderMemory(), context.aws_request_id)
    _log(event, context, "created" if put.created else "present", timings)
    answer = {
        "key": call.target,
        "bytes": put.size,
        "width": rendered.width,
        "height": rendered.height,
        "etag": put.etag,
        "created": put.created,
        "ms": timings.finished(),
    }
    return _response(200, "application/json", answer)


def _make(call: RenderCall, s3: S3Client, timings: "_Timings", seconds: float) -> tuple[Rendered, Put]:
    end = time.monotonic() + seconds
    s3.deadline = end - ANSWER_SECONDS
    pdf = call.job.media_type is SourceType.PDF
    try:
        data = s3.get(
            os.environ["RX_ORIGINALS_BUCKET"],
            call.source,
            sha256=call.source_sha256,
            limit=LIMITS.pdf_bytes if pdf else LIMITS.image_bytes,
        )
        timings.lap("fetch")
        rendered = render(
            data,
            call.job,
            deadline=min(time.monotonic() + LIMITS.child_wall_seconds, end - PUT_SECONDS),
        )
        timings.lap("render", rendered.timings)
        new = NewObject(
            data=rendered.data,
            media_type=rendered.media_type,
            metadata={
                "stored": str(call.job.stored),
                "pipeline": version.PIPELINE,
                "source": call.source_sha256,
                "canonical": call.canonical,
            },
            disposition=_DISPOSITION.get(call.job.stored.format, ""),
        )
        put = put_once(s3, os.environ["RX_VARIANTS_BUCKET"], call.target, new)
        timings.lap("put")
    except ObjectMissing:
        raise SourceMissing from None
    except ObjectTooLarge:
        raise SourceTooLarge from None
    except StorageUnavailable as error:
        log.warning("s3: %s", error)
        raise StorageTrouble from None
    return rendered, put


@cache
def _s3() -> S3Client:
    """Kept between calls for its connections. Lambda serves one call at a time, in one thread."""
    return S3Client.from_environ()


class _Timings:
    """Milliseconds of each phase, in the names that a worker's log uses as well."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()
        self.ms: dict[str, float] = {}

    def lap(self, phase: str, parts: Mapping[str, float] | None = None) -> None:
        now = time.perf_counter()
        self.ms[phase] = round((now - self._last) * 1000, 2)
        self.ms.update({f"{phase}.{name}": round(ms, 2) for name, ms in (parts or {}).items()})
        self._last = now

    def finished(self) -> dict[str, float]:
        return {**self.ms, "total": round((time.perf_counter() - self._start) * 1000, 2)}


def _response(status: int, media_type: str, body: Mapping[str, Any]) -> dict[str, Any]:
    headers = {"Content-Type": media_type, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body), "isBase64Encoded": False}


def _problem(error: TransformError, request_id: str) -> dict[str, Any]:
    """RFC 9457. `type` is our stable code; `permanent` says that trying again cannot help."""
    body = {
        "type": error.code,
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "request_id": request_id,
        "code": error.code,
        "permanent": error.permanent,
    }
    return _response(error.status, "application/problem+json", body)


def _log(event: Mapping[str, Any], context: Context, outcome: str, timings: _Timings) -> None:
    """One line for each call. The caller's request id joins it to the lines of the edge and of Django."""
    headers: Mapping[str, str] = event.get("headers") or {}
    asked = next((value for name, value in headers.items() if name.lower() == "x-request-id"), "")
    line = {
        "request_id": asked if _REQUEST_ID.fullmatch(asked) else context.aws_request_id,
        "aws_request_id": context.aws_request_id,
        "outcome": outcome,
        "ms": timings.finished(),
    }
    log.info(json.dumps(line))
