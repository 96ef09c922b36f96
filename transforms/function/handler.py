"""The Lambda function behind API Gateway: one call makes one variant and stores it in S3.

Answers small JSON or application/problem+json, never an image. Any call may be the first of a new process: nothing
heavy is imported, and nothing but connections is kept between two calls.
"""

import json
import logging
import os
import re
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Final, Protocol

from transforms.errors import RenderMemory, SourceTooLarge, TransformError
from transforms.formats import SourceType
from transforms.function.event import from_event, to_answer
from transforms.function.s3 import ObjectTooLarge, S3Client
from transforms.limits import LIMITS
from transforms.make import MadeVariant, VariantTask, make_variant
from transforms.objects import NewObject, ObjectMissing, Put, StorageUnavailable, put_once
from transforms.render import Rendered, RenderJob, render

# Left of Lambda's time when S3 is given up: the caller then gets a reason instead of a 502.
ANSWER_SECONDS: Final = 1.0
# Left of it when rendering must have ended: one put on top of the answer.
PUT_SECONDS: Final = 4.0
# Beyond the computing time of a render, until the process ends: a step that is over by then gets an answer.
CPU_GRACE_SECONDS: Final = 1.0
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")  # as the callers' logs take it

log = logging.getLogger("transforms.function.handler")
log.setLevel(logging.INFO)  # Lambda's own default is WARNING


class Context(Protocol):
    """What Lambda tells about a call."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int: ...


class SourceMissing(TransformError):
    """The row that the caller read may be newer than the object, or the other way round: a retry can help."""

    code: ClassVar[str] = "source-missing"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "The original is missing in the storage."
    permanent: ClassVar[bool] = False


class StorageTrouble(TransformError):
    """S3 refused, failed or took too long; it says nothing about the file."""

    code: ClassVar[str] = "storage-unavailable"
    status: ClassVar[int] = 503
    title: ClassVar[str] = "The file storage did not answer."
    permanent: ClassVar[bool] = False


def handler(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """An API Gateway proxy event (POST /render) to a proxy response.

    A bug raises: Lambda counts it as an error and the gateway answers 502, as it does when the process dies.
    """
    began = time.perf_counter()
    timings: dict[str, float] = {}
    try:
        task = from_event(event)
        made = _make(task, timings, context.get_remaining_time_in_millis() / 1000)
    except TransformError as error:
        _log(event, context, error.code, _milliseconds(timings, began))
        return _problem(error, context.aws_request_id)
    except MemoryError:
        _log(event, context, RenderMemory.code, _milliseconds(timings, began))
        return _problem(RenderMemory(), context.aws_request_id)
    ms = _milliseconds(timings, began)
    _log(event, context, "created" if made.created else "present", ms)
    return _response(200, "application/json", to_answer(task, made, ms))


def _make(task: VariantTask, timings: dict[str, float], seconds: float) -> MadeVariant:
    """The variant, within the `seconds` that Lambda leaves. Raises TransformError alone."""
    end = time.monotonic() + seconds
    s3 = s3_client()
    s3.deadline = end - ANSWER_SECONDS

    def render_in_time(data: bytes, job: RenderJob) -> Rendered:
        # A step that computes for ever cannot be interrupted: it ends this process, soon enough to be told from a
        # function that ran out of time for another reason.
        signal.setitimer(signal.ITIMER_PROF, LIMITS.child_cpu_seconds + CPU_GRACE_SECONDS)
        try:
            return render(data, job, deadline=min(time.monotonic() + LIMITS.child_wall_seconds, end - PUT_SECONDS))
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)

    limit = LIMITS.pdf_bytes if task.job.media_type is SourceType.PDF else LIMITS.image_bytes
    try:
        return make_variant(task, storage=_Buckets(s3, limit), render=render_in_time, timings=timings)
    except ObjectMissing:
        raise SourceMissing from None
    except ObjectTooLarge:
        raise SourceTooLarge from None
    except StorageUnavailable as error:
        log.warning("s3: %s", error)
        raise StorageTrouble from None


@dataclass(frozen=True, slots=True)
class _Buckets:
    """The buckets of this function's environment; an original of more than `limit` bytes is refused unread."""

    s3: S3Client
    limit: int

    def get_original(self, key: str, *, sha256: str) -> bytes:
        return self.s3.get(os.environ["RX_ORIGINALS_BUCKET"], key, sha256=sha256, limit=self.limit)

    def put_variant(self, key: str, new: NewObject) -> Put:
        return put_once(self.s3, os.environ["RX_VARIANTS_BUCKET"], key, new)


@cache
def s3_client() -> S3Client:
    """Kept between calls for its connections. Lambda serves one call at a time, in one thread."""
    return S3Client.from_environ()


def _milliseconds(timings: dict[str, float], began: float) -> dict[str, float]:
    """Of each phase, in the names that a worker's log uses as well, and of all since `began`."""
    total = (time.perf_counter() - began) * 1000
    return {name: round(ms, 2) for name, ms in (timings | {"total": total}).items()}


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


def _log(event: Mapping[str, Any], context: Context, outcome: str, ms: Mapping[str, float]) -> None:
    """One line for each call. The caller's request id joins it to the lines of the edge and of Django."""
    headers: Mapping[str, str] = event.get("headers") or {}
    asked = next((value for name, value in headers.items() if name.lower() == "x-request-id"), "")
    line = {
        "request_id": asked if _REQUEST_ID.fullmatch(asked) else context.aws_request_id,
        "aws_request_id": context.aws_request_id,
        "outcome": outcome,
        "ms": ms,
    }
    log.info(json.dumps(line))
