"""A Lambda function behind API Gateway makes it, as in the article that started this project.

Calls are signed (SigV4, execute-api) over pooled connections and run in a bounded pool, so that a request never waits
longer than RX_WAIT for one. The answer is small JSON about the variant, never its bytes.
"""

import json
import logging
import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from prescriptions.infra import storage
from prescriptions.infra.breaker import Breaker
from prescriptions.models import Variant
from prescriptions.variants import claims, making, redactions
from prescriptions.variants.backends import BackendUnavailable
from prescriptions.variants.claims import Made
from transforms.errors import RenderCrashed, from_code
from transforms.geometry import Size
from transforms.keys import original_key, variant_key
from transforms.request.spec import Stored

log = logging.getLogger("rx.gateway")

# The function ends itself after 20 s and the lease is 30 s: whoever has not answered by now will not.
_TIMEOUT = urllib3.Timeout(connect=2, read=25)
_TRIES = 3
# Refused before anything was done, or (500) trouble of the gateway's own: asking again costs nothing but the time, for
# a put of the same variant is the same object.
_TRY_AGAIN = frozenset({429, 500, 503})
# us-east-1 list prices: a request, and a second of one GB.
_USD_PER_CALL = 0.0000002
_USD_PER_GB_SECOND = 0.0000166667


class LambdaBackend:
    """Calls the gateway from a pool of its own; more calls than threads wait in line."""

    def __init__(self) -> None:
        if not settings.RX_GATEWAY_URL:
            message = "RX_BACKEND=lambda needs RX_GATEWAY_URL, the address of the API's /render"
            raise ImproperlyConfigured(message)
        size = settings.RX_LAMBDA_CONCURRENCY
        self._pool = ThreadPoolExecutor(max_workers=size, thread_name_prefix="lambda")
        self._http = urllib3.PoolManager(maxsize=size, block=True, retries=False, timeout=_TIMEOUT)
        self._breaker = Breaker(service="gateway")

    def dispatch(self, variant_id: str, owner: str, *, lane: str) -> None:
        self._pool.submit(self._make, variant_id, owner)

    def _make(self, variant_id: str, owner: str) -> None:
        try:
            making.make(variant_id, owner, maker=self._call)
        finally:
            connection.close()

    def _call(self, variant: Variant, timings: dict[str, float]) -> Made:
        """One variant by Lambda. Raises TransformError (the file's fault) or BackendUnavailable (trouble)."""
        body = json.dumps(_request(variant)).encode()
        for attempt in range(_TRIES):
            if self._breaker.refuses():
                raise BackendUnavailable("the breaker is open")
            if attempt:
                time.sleep(random.uniform(0.05, 0.4 * 2**attempt))  # noqa: S311 - jitter
                claims.renew(variant)
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
            return self._read(variant, answer, timings)
        raise BackendUnavailable(reason)

    def _read(self, variant: Variant, answer: urllib3.BaseHTTPResponse, timings: dict[str, float]) -> Made:
        if answer.status == 504:
            self._breaker.failed()
            return _made_meanwhile(variant, "504")
        if answer.status == 502:
            # The function died on it, as a renderer's child would have done.
            raise RenderCrashed
        try:
            content: dict[str, Any] = json.loads(answer.data)
        except ValueError:
            self._breaker.failed()
            raise BackendUnavailable(f"{answer.status} without JSON") from None
        if answer.status == 200:
            self._breaker.worked()
            timings.update({f"lambda.{name}": ms for name, ms in _flat(content["ms"]).items()})
            return Made(
                size=content["bytes"],
                width=content["width"],
                height=content["height"],
                etag=content["etag"],
                cost_usd=_cost(timings),
            )
        code = str(content.get("code", ""))
        if answer.status in (403, 409) or answer.status >= 500 or code in ("source-missing", "bad-event"):
            # Keys, releases or roles do not fit together: an operator's matter, not the file's.
            log.error("refused", extra={"status": answer.status, "code": code})
            raise BackendUnavailable(f"{answer.status} {code}")
        self._breaker.worked()
        raise from_code(code, str(content.get("detail", "")))


def _request(variant: Variant) -> dict[str, Any]:
    page, document = variant.page, variant.page.document
    rx, stored = page.prescription_id, Stored.parse(variant.stored)
    return {
        "source": original_key(rx, document.id),
        "source_sha256": document.sha256,
        "target": variant_key(rx, page.number, variant.pipeline, stored),
        "media_type": document.media_type,
        "page": page.index,
        "page_width": page.width,
        "page_height": page.height,
        "canonical": stored.canonical(Size(page.width, page.height)),
        "redactions": [[box.x, box.y, box.width, box.height] for box in redactions.boxes_of(page, stored)],
    }


def _signed(body: bytes, request_id: str) -> dict[str, str]:
    """The call's headers. The request id is among those that are signed: the function's log can rely on it."""
    headers = {"Content-Type": "application/json"} | ({"X-Request-ID": request_id} if request_id else {})
    request = AWSRequest("POST", settings.RX_GATEWAY_URL, data=body, headers=headers)
    SigV4Auth(_credentials(), "execute-api", settings.RX_GATEWAY_REGION).add_auth(request)
    return dict(request.headers.items())


def _credentials() -> Credentials | ReadOnlyCredentials:
    if settings.RX_GATEWAY_ACCESS_KEY:
        return Credentials(settings.RX_GATEWAY_ACCESS_KEY, settings.RX_GATEWAY_SECRET_KEY)
    import boto3

    found = boto3.session.Session().get_credentials()  # a role's, which rotate
    if found is None:
        raise BackendUnavailable("no AWS credentials")
    return found.get_frozen_credentials()


def _made_meanwhile(variant: Variant, reason: str) -> Made:
    """Nobody answered, but the function may have done its work: S3 knows."""
    stored = Stored.parse(variant.stored)
    try:
        found = storage.head_variant(variant.key)
    except storage.ObjectMissing:
        raise BackendUnavailable(reason) from None
    size = stored.size.rotated(stored.rotation)
    return Made(size=found.size, width=size.width, height=size.height, etag=found.etag, cost_usd=None)


def _flat(ms: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in ms.items() if isinstance(value, int | float)}


def _cost(timings: dict[str, float]) -> float:
    billed = timings.get("lambda.total", 0.0) / 1000
    return _USD_PER_CALL + billed * settings.RX_LAMBDA_MEMORY_MB / 1024 * _USD_PER_GB_SECOND
