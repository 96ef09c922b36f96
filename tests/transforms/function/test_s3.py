"""Lambda's S3 client against a real server, and against one that fails in every way S3 can.

Its puts are proved in tests/transforms/test_objects.py, together with those of the servers' client.
"""

import hashlib
import ssl
import time
from collections.abc import Callable, Iterator

import pytest

from rxproject.buckets import ORIGINALS, VARIANTS
from tests.rxproject.local.gateway.storage import Storage, real_s3, storage
from tests.transforms.scripted import HANG_UP, RESET, SILENCE, Scripted, answer, scripted
from transforms.function.s3 import ObjectTooLarge, S3Client, tls_context
from transforms.function.sigv4 import Credentials
from transforms.objects import NewObject, ObjectMissing, StorageUnavailable

__all__ = ["real_s3", "storage"]  # fixtures

NEW = NewObject(data=b"x", media_type="text/plain", metadata={"source": "a" * 64})


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def client(storage: Storage) -> Iterator[S3Client]:
    made = S3Client.from_environ(storage.function_env)
    yield made
    made.close()


# --- a real server --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["a b/ü€/^max/!90/pct:10.5,0", "x+y=z&q?#%2F~_-.txt"])
def test_keys_with_any_characters_are_found_again(client: S3Client, key: str) -> None:
    client.put(VARIANTS, key, NEW)

    assert client.get(VARIANTS, key, sha256=digest(b"x"), limit=1) == b"x"


def test_an_original_is_read_whole_and_proved(storage: Storage, client: S3Client) -> None:
    data = bytes(range(256)) * 8192
    sha256 = storage.original(data, document="big")

    assert client.get(ORIGINALS, "0123456789abcdef0123456789abcdef/big", sha256=sha256, limit=len(data)) == data


def test_an_object_above_the_limit_is_not_read(storage: Storage, client: S3Client) -> None:
    sha256 = storage.original(b"12345", document="five")

    with pytest.raises(ObjectTooLarge):
        client.get(ORIGINALS, "0123456789abcdef0123456789abcdef/five", sha256=sha256, limit=4)


def test_missing_is_missing(client: S3Client) -> None:
    with pytest.raises(ObjectMissing):
        client.get(VARIANTS, "no/such", sha256=digest(b""), limit=1)
    with pytest.raises(ObjectMissing):
        client.head(VARIANTS, "no/such")


def test_a_missing_bucket_is_not_a_missing_object(client: S3Client) -> None:
    with pytest.raises(StorageUnavailable):
        client.get("no-such-bucket", "key", sha256=digest(b""), limit=1)


def test_the_renderer_cannot_write_originals(storage: Storage, client: S3Client) -> None:
    with pytest.raises(StorageUnavailable, match="403"):
        client.put(ORIGINALS, "0123/new", NEW)

    assert storage.admin.list_objects_v2(Bucket=ORIGINALS, Prefix="0123/").get("KeyCount") == 0


def test_a_wrong_secret_is_refused_and_not_taken_for_missing(storage: Storage) -> None:
    wrong = storage.function_env | {"AWS_SECRET_ACCESS_KEY": "wrong"}

    client = S3Client.from_environ(wrong)

    with pytest.raises(StorageUnavailable, match="403"):
        client.head(VARIANTS, "no/such")
    client.close()


# --- a server that fails --------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[Scripted]:
    with scripted([]) as running:
        yield running


Connect = Callable[..., S3Client]


@pytest.fixture
def connect(server: Scripted) -> Iterator[Connect]:
    """Clients of that server; they hardly wait between their tries."""
    made = []

    def one(deadline: float | None = None) -> S3Client:
        made.append(S3Client(Credentials("AK", "secret"), "us-east-1", server.endpoint, deadline, 0.001))
        return made[-1]

    yield one
    for client in made:
        client.close()


GOOD = answer(200, b"data", ETag='"e"')
TRUNCATED = HANG_UP + answer(200, b"da", Content_Length="4")
OTHER = answer(200, b"DATA")
STALLED = answer(400, b"<Error><Code>RequestTimeout</Code></Error>")


@pytest.mark.parametrize("trouble", [answer(500), answer(503), answer(429), STALLED, RESET, TRUNCATED, OTHER])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_trouble_that_passes_is_survived(server: Scripted, connect: Connect, trouble: bytes, times: int) -> None:
    server.script = [trouble] * times + [GOOD]

    assert connect().get("b-b", "k", sha256=digest(b"data"), limit=9) == b"data"
    assert len(server.requests) == times + 1


@pytest.mark.parametrize("trouble", [answer(500), answer(503), RESET, TRUNCATED, OTHER])
def test_trouble_that_stays_ends_after_four_tries(server: Scripted, connect: Connect, trouble: bytes) -> None:
    server.script = [trouble]

    with pytest.raises(StorageUnavailable):
        connect().get("b-b", "k", sha256=digest(b"data"), limit=9)
    assert len(server.requests) == 4


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 405])
@pytest.mark.parametrize("method", ["get", "head", "put"])
def test_a_refusal_is_not_tried_again_and_never_missing(
    server: Scripted, connect: Connect, method: str, status: int
) -> None:
    server.script = [answer(status)]
    client = connect()

    calls = {
        "get": lambda: client.get("b-b", "k", sha256=digest(b""), limit=9),
        "head": lambda: client.head("b-b", "k"),
        "put": lambda: client.put("b-b", "k", NEW),
    }

    with pytest.raises(StorageUnavailable, match=str(status)):
        calls[method]()
    assert len(server.requests) == 1


def test_connections_are_kept_and_a_dead_one_is_replaced(server: Scripted, connect: Connect) -> None:
    server.script = [GOOD, HANG_UP + GOOD, GOOD]
    client = connect()

    for _ in range(2):
        client.get("b-b", "k", sha256=digest(b"data"), limit=9)
    assert server.connections == 1
    time.sleep(0.1)  # until the end of the connection has arrived here
    client.get("b-b", "k", sha256=digest(b"data"), limit=9)

    assert (server.connections, len(server.requests)) == (2, 3)


def test_the_deadline_ends_every_wait(server: Scripted, connect: Connect) -> None:
    server.script = [SILENCE]

    with pytest.raises(StorageUnavailable):
        connect(deadline=time.monotonic() + 0.5).get("b-b", "k", sha256=digest(b""), limit=9)
    with pytest.raises(StorageUnavailable, match="no time left"):
        connect(deadline=time.monotonic()).head("b-b", "k")


def test_nobody_there(server: Scripted, connect: Connect) -> None:
    server.stop()

    with pytest.raises(StorageUnavailable, match="Refused"):
        connect().head("b-b", "k")


def test_on_aws_the_bucket_is_in_the_host_name_and_tls_is_verified() -> None:
    client = S3Client(Credentials("AK", "secret"), "ap-south-1")

    assert client.locate("variants", "a/b c") == ("variants.s3.ap-south-1.amazonaws.com", "/a/b%20c")
    assert tls_context().verify_mode is ssl.CERT_REQUIRED
    assert tls_context().check_hostname


def test_a_role_sends_its_session_token(server: Scripted) -> None:
    server.script = [GOOD]
    env = {
        "AWS_ACCESS_KEY_ID": "AK",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "the-token",
        "AWS_REGION": "us-east-1",
        "RX_S3_ENDPOINT": server.endpoint,
    }
    client = S3Client.from_environ(env)

    client.get("b-b", "k", sha256=digest(b"data"), limit=9)
    client.close()

    assert b"x-amz-security-token: the-token" in server.requests[0]
