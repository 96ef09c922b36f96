"""AWS_IAM authorisation: is this request signed by the one caller we know, now, for this service and region?

Answers refusals in API Gateway's words. Must never compare a signature in a way whose time tells where it differs.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from rxproject.local.gateway.http1 import Request
from transforms.function.sigv4 import ALGORITHM, DATE_FORMAT, Credentials, Scope, canonical_headers, signature

SKEW: Final = timedelta(minutes=5)
SERVICE: Final = "execute-api"
_PARAMETER: Final = re.compile(r"([A-Za-z]+)=([^,\s]+)")
_CREDENTIAL: Final = re.compile(r"([!-.0-~]+)/([0-9]{8})/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")
_MISMATCH: Final = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


class NotAuthorised(Exception):
    """`kind` is the exception name in X-Amzn-ErrorType, `message` AWS's text. The status is always 403."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


@dataclass(frozen=True, slots=True)
class _Claim:
    access_key: str
    scope: Scope
    signed: list[str]
    signature: str


def verify(request: Request, credentials: Credentials, region: str, now: datetime | None = None) -> None:
    """Returns if the request is signed with `credentials`; raises NotAuthorised."""
    claim = _claim(request)
    amz_date = _date(request, claim, now or datetime.now(UTC))
    if claim.scope.service != SERVICE:
        raise _invalid(f"Credential should be scoped to correct service: '{SERVICE}'.")
    if claim.scope.region != region:
        raise _invalid(f"Credential should be scoped to a valid region, not '{claim.scope.region}'.")
    expected = signature(
        secret_key=credentials.secret_key,
        scope=claim.scope,
        amz_date=amz_date,
        method=request.method,
        path=request.path,
        query=request.query,
        headers=canonical_headers(request.headers, claim.signed),
        # Of the body that came, whatever x-amz-content-sha256 says: UNSIGNED-PAYLOAD is for S3 alone.
        payload_sha256=hashlib.sha256(request.body).hexdigest(),
    )
    known = hmac.compare_digest(claim.access_key.encode(), credentials.access_key.encode())
    matches = hmac.compare_digest(claim.signature.encode(), expected.encode())
    if not known:
        raise NotAuthorised("UnrecognizedClientException", "The security token included in the request is invalid.")
    if not matches:
        raise _invalid(_MISMATCH)


def _claim(request: Request) -> _Claim:
    values = request.values("authorization")
    if not values:
        raise NotAuthorised("MissingAuthenticationTokenException", "Missing Authentication Token")
    algorithm, _, rest = values[0].partition(" ")
    parameters: Mapping[str, str] = dict(_PARAMETER.findall(rest))
    missing = [name for name in ("Credential", "Signature", "SignedHeaders") if name not in parameters]
    credential = _CREDENTIAL.fullmatch(parameters.get("Credential", ""))
    if len(values) > 1 or algorithm != ALGORITHM or missing or credential is None:
        lacks = " ".join(f"Authorization header requires '{name}' parameter." for name in missing)
        raise _incomplete(f"{lacks or 'Authorization header is not valid.'} Authorization={algorithm[:32]}")
    signed = parameters["SignedHeaders"].split(";")
    present = {name.lower() for name, _ in request.headers}
    # What AWS demands to be signed; any other header may be added or changed on the way.
    must = {"host"} | {name for name in present if name.startswith("x-amz-")}
    if signed != sorted(set(signed)) or not set(signed) <= present or not must <= set(signed):
        raise _invalid("'Host' and every 'X-Amz-' header must be signed headers, in alphabetical order, and be sent.")
    return _Claim(credential[1], Scope(*credential.groups()[1:]), signed, parameters["Signature"])


def _date(request: Request, claim: _Claim, now: datetime) -> str:
    values = request.values("x-amz-date")
    try:
        (amz_date,) = values
        signed_at = datetime.strptime(amz_date, DATE_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        raise _incomplete(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        ) from None
    if amz_date[:8] != claim.scope.date:
        raise _invalid("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP")
    if signed_at < now - SKEW:
        raise _invalid(f"Signature expired: {amz_date} is now earlier than {now - SKEW:{DATE_FORMAT}} (5 min.)")
    if signed_at > now + SKEW:
        raise _invalid(f"Signature not yet current: {amz_date} is still later than {now + SKEW:{DATE_FORMAT}} (5 min.)")
    return amz_date


def _invalid(message: str) -> NotAuthorised:
    return NotAuthorised("InvalidSignatureException", message)


def _incomplete(message: str) -> NotAuthorised:
    return NotAuthorised("IncompleteSignatureException", message)
