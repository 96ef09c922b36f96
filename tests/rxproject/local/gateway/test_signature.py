"""AWS_IAM: who is let in. Requests are signed by AWS's own SDK and then tampered with."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from rxproject.local.gateway.proxy import Refused, Request
from rxproject.local.gateway.signature import verify
from transforms.function.sigv4 import Credentials, sign

CALLER = Credentials("caller", "caller-secret")
BODY = b'{"source": "x"}'


def request(
    target: str = "/render", *, body: bytes = BODY, service: str = "execute-api", region: str = "us-east-1"
) -> Request:
    """As signed by the SDK."""
    made = AWSRequest("POST", f"https://api.test{target}", data=body, headers={"Content-Type": "application/json"})
    SigV4Auth(BotoCredentials("caller", "caller-secret"), service, region).add_auth(made)
    path, _, query = target.partition("?")
    return Request("POST", path, [("Host", "api.test"), *made.headers.items()], body, query)


def changed(original: Request, name: str, value: str | None) -> Request:
    """The same with one header changed, or without it."""
    headers = [
        (found, found_value if found.lower() != name else value)
        for found, found_value in original.headers
        if found.lower() != name or value is not None
    ]
    return replace(original, headers=[(k, v or "") for k, v in headers])


def refused(tampered: Request, *, now: datetime | None = None, region: str = "us-east-1") -> tuple[str, str]:
    with pytest.raises(Refused) as caught:
        verify(tampered, CALLER, region, now)
    return caught.value.kind, caught.value.message


@pytest.mark.parametrize(
    "target", ["/render", "/render?a=1&b=%20", "/%5Emax/!90/pct:10.5,0", "/a//b/../c", "/render?z=1&a=2&a=1"]
)
def test_what_the_sdk_signed_is_let_in(target: str) -> None:
    verify(request(target), CALLER, "us-east-1")


def test_what_we_signed_is_let_in() -> None:
    headers = sign(
        credentials=CALLER,
        region="us-east-1",
        service="execute-api",
        method="POST",
        host="api.test",
        path="/render",
        headers={"Content-Type": "application/json"},
        payload_sha256=hashlib.sha256(BODY).hexdigest(),
    )

    verify(Request("POST", "/render", list(headers.items()), BODY), CALLER, "us-east-1")


def test_an_unsigned_header_may_change_on_the_way() -> None:
    signed = request()

    verify(Request("POST", "/render", [*signed.headers, ("X-Forwarded-For", "10.0.0.1")], BODY), CALLER, "us-east-1")


def test_without_a_signature() -> None:
    assert refused(Request("POST", "/render", [("Host", "api.test")], BODY)) == (
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    )


def tampered_requests() -> dict[str, Request]:
    good = request()
    authorization = good.values("authorization")[0]
    return {
        "another body": Request("POST", "/render", good.headers, BODY + b" "),
        "another path": Request("POST", "/other", good.headers, BODY),
        "another query": Request("POST", "/render", good.headers, BODY, "x=1"),
        "another method": Request("PUT", "/render", good.headers, BODY),
        "another host": changed(good, "host", "evil.test"),
        "another signature": changed(good, "authorization", authorization[:-1] + ("0", "1")[authorization[-1] == "0"]),
        "no signature": changed(good, "authorization", authorization.rpartition("=")[0] + "=0"),
        "non-ASCII signature": changed(good, "authorization", authorization[:-1] + "\xe9"),
        "an x-amz header that is not signed": Request("POST", "/render", [*good.headers, ("X-Amz-Foo", "1")], BODY),
        "a second signed header": Request("POST", "/render", [*good.headers, ("Host", "evil.test")], BODY),
        "host not signed": changed(good, "authorization", authorization.replace("content-type;host;", "content-type;")),
    }


@pytest.mark.parametrize("what", tampered_requests())
def test_tampered_with(what: str) -> None:
    assert refused(tampered_requests()[what])[0] == "InvalidSignatureException"


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer x",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=caller/20260101/us-east-1/execute-api/aws4_request",
        "AWS4-HMAC-SHA256 Credential=caller, SignedHeaders=host, Signature=0",
        "AWS4-ECDSA-P256-SHA256 Credential=c/20260101/r/s/aws4_request, SignedHeaders=host, Signature=0",
    ],
)
def test_half_a_signature(authorization: str) -> None:
    assert refused(changed(request(), "authorization", authorization))[0] == "IncompleteSignatureException"


def test_two_signatures() -> None:
    good = request()

    kind, _ = refused(Request("POST", "/render", [*good.headers, ("Authorization", "x")], BODY))

    assert kind == "IncompleteSignatureException"


@pytest.mark.parametrize("date", [None, "", "yesterday", "20260101", "20261301T000000Z"])
def test_without_a_date(date: str | None) -> None:
    assert refused(changed(request(), "x-amz-date", date))[0] in (
        "IncompleteSignatureException",
        "InvalidSignatureException",  # where the header is signed but not sent
    )


def test_a_date_that_is_not_the_scopes() -> None:
    assert refused(changed(request(), "x-amz-date", "20200101T000000Z"))[0] == "InvalidSignatureException"


@pytest.mark.parametrize(("minutes", "words"), [(6, "Signature expired"), (-6, "Signature not yet current")])
def test_clocks_that_differ_by_more_than_five_minutes(minutes: int, words: str) -> None:
    kind, message = refused(request(), now=datetime.now(UTC) + timedelta(minutes=minutes))

    assert kind == "InvalidSignatureException"
    assert message.startswith(words)


@pytest.mark.parametrize("minutes", [4, -4])
def test_clocks_that_differ_by_less(minutes: int) -> None:
    verify(request(), CALLER, "us-east-1", datetime.now(UTC) + timedelta(minutes=minutes))


def test_signed_for_something_else() -> None:
    assert "execute-api" in refused(request(service="s3"))[1]
    assert "us-east-1" in refused(request(), region="eu-west-1")[1]


def test_unknown_and_known_keys_with_a_wrong_secret() -> None:
    signed = request()

    with pytest.raises(Refused) as unknown:
        verify(signed, Credentials("another", "caller-secret"), "us-east-1")
    with pytest.raises(Refused) as wrong:
        verify(signed, Credentials("caller", "another-secret"), "us-east-1")

    assert unknown.value.kind == "UnrecognizedClientException"
    assert wrong.value.kind == "InvalidSignatureException"
