"""A Lambda function behind API Gateway makes it, as in the article that started this project.

Calls are signed (SigV4, execute-api) over pooled connections and run in a bounded pool, so that a request never waits
longer than RX_WAIT for one. The answer is small JSON about the variant, never its bytes.
"""

import json
import logging
import random
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import BotoCoreError
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from prescriptions.infra import storage
from prescriptions.infra.guards.breaker import Breaker
from prescriptions.infra.per_process import per_process
from prescriptions.infra.telemetry import traces
from prescriptions.models import Variant
from prescriptions.variants import claims, making
from prescriptions.variants.backends import BackendUnavailable
from prescriptions.variants.claims import Made
from prescriptions.variants.fairness import line, quota
from prescriptions.variants.fairness.tickets import Ticket
from transforms.errors import CODES, Detail, EngineMissing, RenderCrashed, TransformError, from_code
from transforms.function.event import from_answer, to_body
from transforms.limits import LIMITS
from transforms.request.spec import Stored

log = logging.getLogger("rx.gateway")

_LINE = "lambda"
_TRIES = 3
_BACKOFF_SECONDS = 0.4  # doubled for each try, with full jitter
# Refused before anything was done, or (500) trouble of the gateway's own: asking again costs nothing but the time, for
# a put of the same variant is the same object.
_TRY_AGAIN = frozenset({429, 500, 503})
# All that a function says of a failure. It has opened a stranger's file, so no other words of it reach anybody.
_CODES = CODES | {"bad-event", "source-missing", "storage-unavailable"}
_DETAILS = frozenset(Detail)
# us-east-1 list prices: a request, and a second of one GB.
_USD_PER_CALL = 0.0000002
_USD_PER_GB_SECOND = 0.0000166667


class LambdaBackend:
    """Calls the gateway from a pool of its own; what more there is waits in line."""

    def __init__(
        self, *, backoff_seconds: float = _BACKOFF_SECONDS, late_seconds: float = LIMITS.child_wall_seconds
    ) -> None:
        """A 502 after `late_seconds` means that the function's time was up."""
        if not settings.RX_GATEWAY_URL:
            message = "RX_BACKEND=lambda needs RX_GATEWAY_URL, the address of the API's /render"
            raise ImproperlyConfigured(message)
        size = settings.RX_LAMBDA_CONCURRENCY
        # The function ends itself before the read does: who has not answered by then will not (ops/budgets.py).
        timeout = urllib3.Timeout(connect=2, read=settings.RX_GATEWAY_TIMEOUT)
        self._pool = ThreadPoolExecutor(max_workers=size, thread_name_prefix="lambda")
        self._http = urllib3.PoolManager(maxsize=size, block=True, retries=False, timeout=timeout)
        self._breaker = Breaker(service="gateway")
        self._backoff_seconds = backoff_seconds
        self._late_seconds = late_seconds

    def dispatch(self, ticket: Ticket) -> None:
        """One line for all lanes, for Lambda has room for all of them; each thread takes who is next in it."""
        self._pool.submit(self._serve, ticket, in_line=line.join(ticket, line=_LINE))

    def hurry(self, ticket: Ticket) -> None:
        line.hurry(ticket, line=_LINE)

    def _serve(self, own: Ticket, *, in_line: bool) -> None:
        """The next claim that stands; its own, where the line has none."""
        try:
            tried = False
            while in_line and (found := line.next_of(_LINE)):
                if self._make(found):
                    return
                tried |= found.variant_id == own.variant_id
            if not tried:
                self._make(own)
        finally:
            connection.close()

    def _make(self, ticket: Ticket) -> bool:
        began = making.make(ticket.variant_id, ticket.owner, maker=self.call)
        quota.leave(ticket.unit, ticket.lane, ticket.variant_id)
        return began

    def call(self, variant: Variant, timings: dict[str, float]) -> Made:
        """One variant by Lambda; `timings` gets its milliseconds as lambda.<phase>.

        Raises TransformError (the file's fault), BackendUnavailable (trouble), StorageUnavailable.
        """
        body = to_body(making.task_of(variant))
        for attempt in range(_TRIES):
            if self._breaker.refuses():
                raise BackendUnavailable("the breaker is open")
            if attempt:
                time.sleep(random.uniform(0, self._backoff_seconds * 2**attempt))  # noqa: S311 - jitter
                claims.renew(variant)
            began = time.monotonic()
            try:
                answer = self._http.request(
                    "POST", settings.RX_GATEWAY_URL, body=body, headers=_signed(body, variant.request_id)
                )
            except urllib3.exceptions.ReadTimeoutError:
                self._breaker.failed()
                return _made_meanwhile(variant, "timeout")
            except urllib3.exceptions.HTTPError as error:
                self._breaker.failed()
                reason = type(error).__name__
                continue
            if answer.status in _TRY_AGAIN:
                reason = str(answer.status)
                if answer.status >= 500:
                    self._breaker.failed()
                continue
            return self._read(variant, answer, timings, seconds=time.monotonic() - began)
        raise BackendUnavailable(reason)

    def _read(
        self, variant: Variant, answer: urllib3.BaseHTTPResponse, timings: dict[str, float], *, seconds: float
    ) -> Made:
        # A function that ran out of time is a 502 as well. One that computes for too long ends itself before.
        if answer.status == 504 or (answer.status == 502 and seconds >= self._late_seconds):
            self._breaker.failed()
            return _made_meanwhile(variant, str(answer.status))
        if answer.status == 502:
            # The function died on it, as a renderer's child would have done.
            raise RenderCrashed
        try:
            content = json.loads(answer.data)
            made, ms = from_answer(content) if answer.status == 200 else (None, {})
        except ValueError:
            self._breaker.failed()
            raise BackendUnavailable(f"{answer.status} without JSON of ours") from None
        if made is None:
            raise self._refusal(answer.status, content)
        self._breaker.worked()
        timings.update({f"lambda.{phase}": took for phase, took in ms.items()})
        return Made(size=made.size, width=made.width, height=made.height, etag=made.etag, cost_usd=_cost(timings))

    def _refusal(self, status: int, problem: Mapping[str, Any]) -> TransformError | BackendUnavailable:
        """What a problem of the function (RFC 9457), or a refusal of the gateway itself, means here."""
        code = str(problem.get("code", ""))
        code = code if code in _CODES else ""
        if code == EngineMissing.code:
            self._breaker.worked()
            return BackendUnavailable(code)  # a worker has both engines
        if status in (403, 409) or status >= 500 or code in ("source-missing", "bad-event"):
            # Keys, releases or roles do not fit together: an operator's matter, not the file's.
            log.error("refused", extra={"status": status, "code": code})
            return BackendUnavailable(f"{status} {code}")
        self._breaker.worked()
        detail = str(problem.get("detail", ""))
        return from_code(code, detail if detail in _DETAILS else "")


def _signed(body: bytes, request_id: str) -> dict[str, str]:
    """The call's headers. The request id is among those that are signed: the function's log can rely on it."""
    named = {"X-Request-ID": request_id} if request_id else {}
    headers = {"Content-Type": "application/json", **named, **traces.header()}
    request = AWSRequest("POST", settings.RX_GATEWAY_URL, data=body, headers=headers)
    SigV4Auth(_credentials(), "execute-api", settings.RX_GATEWAY_REGION).add_auth(request)
    return dict(request.headers.items())


def _credentials() -> Credentials | ReadOnlyCredentials:
    if settings.RX_GATEWAY_ACCESS_KEY:
        return Credentials(settings.RX_GATEWAY_ACCESS_KEY, settings.RX_GATEWAY_SECRET_KEY)
    try:
        return _role().get_frozen_credentials()
    except (BotoCoreError, KeyError):  # KeyError: botocore's, where the answer lacks one
        raise BackendUnavailable("no AWS credentials") from None


@per_process
def _role() -> Credentials:
    """A role's keys, which the SDK renews before they end. A session for each call would ask for them each time."""
    found = boto3.session.Session().get_credentials()
    if found is None:
        raise BackendUnavailable("no AWS credentials")
    return found


def _made_meanwhile(variant: Variant, reason: str) -> Made:
    """Nobody answered, but the function may have done its work: S3 knows."""
    stored = Stored.parse(variant.stored)
    try:
        found = storage.head_variant(variant.key)
    except storage.ObjectMissing:
        raise BackendUnavailable(reason) from None
    size = stored.size.rotated(stored.rotation)
    return Made(size=found.size, width=size.width, height=size.height, etag=found.etag, cost_usd=None)


def _cost(timings: Mapping[str, float]) -> float:
    """US dollars for one call, at list prices."""
    billed = timings.get("lambda.total", 0.0) / 1000
    return _USD_PER_CALL + billed * settings.RX_LAMBDA_MEMORY_MB / 1024 * _USD_PER_GB_SECOND
