"""Our signatures are those of AWS's own SDK, byte for byte."""

import hashlib
from datetime import UTC, datetime

import botocore.auth
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from transforms.function import sigv4
from transforms.function.sigv4 import Credentials

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
PATHS = [
    "/",
    "/render",
    "/stage/render",
    "/a%20b/%5Emax/!90/pct:10.5,0,20,20",
    "/a//b/./c/../d/",
    "/%E2%82%AC/~user/x%2Fy",
]
QUERIES = ["", "a=1", "b=2&a=1", "a=%20x&a=%2B&empty=", "x-y_z.~=~&A=1"]


@pytest.fixture
def _sdk_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda remove_tzinfo=True: NOW.replace(tzinfo=None))


def test_vectors_of_the_specification() -> None:
    # given the example request of AWS's General Reference (GET Object, with a range)
    credentials = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")

    # when it is signed at that example's time
    headers = sigv4.sign(
        credentials=credentials,
        region="us-east-1",
        service="s3",
        method="GET",
        host="examplebucket.s3.amazonaws.com",
        path="/test.txt",
        headers={"Range": "bytes=0-9"},
        now=datetime(2013, 5, 24, tzinfo=UTC),
    )

    # then the signature is the one printed there
    assert headers["authorization"].endswith(
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


@pytest.mark.usefixtures("_sdk_clock")
@pytest.mark.parametrize("token", ["", "a/session+token="])
@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("service", ["s3", "execute-api"])
def test_the_same_as_the_sdk(service: str, path: str, query: str, token: str) -> None:
    # given one request with a header that needs folding and a body
    body = b'{"x": 1}'
    extra = {"x-amz-meta-note": "a  b   c "}
    request = AWSRequest(
        method="POST",
        url=f"https://api.example.test{path}" + (f"?{query}" if query else ""),
        data=body,
        headers=dict(extra),
    )
    auth = S3SigV4Auth if service == "s3" else SigV4Auth
    auth(BotoCredentials("AK", "secret", token or None), service, "eu-west-1").add_auth(request)

    # when we sign it
    ours = sigv4.sign(
        credentials=Credentials("AK", "secret", token),
        region="eu-west-1",
        service=service,
        method="POST",
        host="api.example.test",
        path=path,
        query=query,
        headers=extra,
        payload_sha256=hashlib.sha256(body).hexdigest(),
        now=NOW,
    )

    # then both come to the same signature over the same headers
    assert ours["authorization"] == request.headers["Authorization"]


def test_a_query_is_signed_in_one_spelling() -> None:
    # The SDK signs what it is given; a verifier must treat the spellings of one query alike.
    assert sigv4.canonical_query("b=%7e%2a&a&a=%41+") == "a=&a=A%2B&b=~%2A"


def test_credentials_do_not_show_their_secret() -> None:
    assert "hush" not in repr(Credentials("AK", "hush", "hush"))
