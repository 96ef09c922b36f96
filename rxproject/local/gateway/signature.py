"""AWS_IAM authorisation: is this request signed by the one caller we know, now, for this service and region?

Refuses in API Gateway's words. Must never compare a signature in a way whose time tells where it differs.
"""

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from typing import Final

from rxproject.local.gateway.proxy import Refused, Request
from transforms.function.sigv4 import ALGORITHM, DATE_FORMAT, Credentials, Scope, canonical_headers, signature

SERVICE: Final = "execute-api"
_SKEW: Final = timedelta(minutes=5)
_AUTHORIZATION: Final = re.compile(
    rf"{ALGORITHM} +Credential=([!-.0-~]+)/([0-9]{{8}})/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request"
    r", *SignedHeaders=([^,\s]+), *Signature=([^,\s]+)"
)
_MISMATCH: Final = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


def verify(request: Request, credentials: Credentials, region: str, now: datetime | None = None) -> None:
    """Returns if the request is signed with `credentials`; raises Refused."""
    if not (authorization := " ".join(request.values("authorization"))):
        raise Refused(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
    if not (found := _AUTHORIZATION.fullmatch(authorization)):
        raise _incomplete("Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.")
    access_key, date, of_region, service, signed, proof = found.groups()
    present, names = {name.lower() for name, _ in request.headers}, signed.split(";")
    # What AWS demands to be signed; any other header may be added or changed on the way.
    must = {"host"} | {name for name in present if name.startswith("x-amz-")}
    if names != sorted(set(names)) or not must <= set(names) <= present:
        raise _invalid("'Host' and every 'X-Amz-' header must be signed headers, in alphabetical order, and be sent.")
    amz_date = _date(request, date, now or datetime.now(UTC))
    if service != SERVICE:
        raise _invalid(f"Credential should be scoped to correct service: '{SERVICE}'.")
    if of_region != region:
        raise _invalid(f"Credential should be scoped to a valid region, not '{of_region}'.")
    expected = signature(
        secret_key=credentials.secret_key,
        scope=Scope(date, of_region, service),
        amz_date=amz_date,
        method=request.method,
        path=request.path,
        query=request.query,
        headers=canonical_headers(request.headers, names),
        # Of the body that came, whatever x-amz-content-sha256 says: UNSIGNED-PAYLOAD is for S3 alone.
        payload_sha256=hashlib.sha256(request.body).hexdigest(),
    )
    known = hmac.compare_digest(access_key.encode(), credentials.access_key.encode())
    matches = hmac.compare_digest(proof.encode(), expected.encode())
    if not known:
        raise Refused(403, "UnrecognizedClientException", "The security token included in the request is invalid.")
    if not matches:
        raise _invalid(_MISMATCH)


def _date(request: Request, date: str, now: datetime) -> str:
    """The header X-Amz-Date, which must be of the credential's day and at most five minutes from now."""
    try:
        (amz_date,) = request.values("x-amz-date")
        signed_at = datetime.strptime(amz_date, DATE_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        raise _incomplete("Authorization header requires existence of a 'X-Amz-Date' header.") from None
    if amz_date[:8] != date:
        raise _invalid("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP")
    if abs(now - signed_at) > _SKEW:
        fault = "Signature expired" if signed_at < now else "Signature not yet current"
        raise _invalid(f"{fault}: {amz_date} is more than 5 min. from {now:{DATE_FORMAT}}")
    return amz_date


def _invalid(message: str) -> Refused:
    return Refused(403, "InvalidSignatureException", message)


def _incomplete(message: str) -> Refused:
    return Refused(403, "IncompleteSignatureException", message)
