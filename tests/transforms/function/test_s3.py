"""The S3 client against a real server, and against one that fails in every way S3 can."""

import contextlib
import hashlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import takewhile

import pytest

from rxproject.buckets import ORIGINALS, VARIANTS
from tests.rxproject.local.gateway.storage import Storage, real_s3, storage
from transforms.function import s3
from transforms.function.s3 import Put, S3Client, S3Missing, S3TooLarge, S3Unavailable
from transforms.function.sigv4 import Credentials

__all__ = ["real_s3", "storage"]  # fixtures

KEY = "0123456789abcdef0123456789abcdef/1/p1/full/150,100/0/default.webp"
META = {"source": "a" * 64, "stored": "full/150,100/0/default.webp"}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def client(storage: Storage) -> Iterator[S3Client]:
    made = S3Client.from_environ(storage.function_env)
    yield made
    made.close()


# --- a real server --------------------------------------------------------------------------------------------------


def test_a_put_stores_bytes_type_metadata_and_disposition(storage: Storage, client: S3Client) -> None:
    put = client.put_once(
        VARIANTS, KEY, b"bytes", media_type="application/pdf", metadata=META, disposition="attachment"
    )

    there = storage.admin.get_object(Bucket=VARIANTS, Key=KEY)
    assert there["Body"].read() == b"bytes"
    assert (there["ContentType"], there["ContentDisposition"]) == ("application/pdf", "attachment")
    assert there["Metadata"] == META
    assert put == Put(etag=there["ETag"], size=5, created=True)
    assert client.head(VARIANTS, KEY) == s3.S3Object(etag=there["ETag"], size=5, metadata=META)


def test_a_second_put_of_the_same_source_changes_nothing(storage: Storage, client: S3Client) -> None:
    first = client.put_once(VARIANTS, KEY, b"first", media_type="image/webp", metadata=META)

    second = client.put_once(VARIANTS, KEY, b"second!", media_type="image/webp", metadata=META)

    assert second == Put(etag=first.etag, size=5, created=False)
    assert storage.admin.get_object(Bucket=VARIANTS, Key=KEY)["Body"].read() == b"first"


def test_an_object_of_another_source_is_replaced(storage: Storage, client: S3Client) -> None:
    client.put_once(VARIANTS, KEY, b"stale", media_type="image/webp", metadata={"source": "b" * 64})

    put = client.put_once(VARIANTS, KEY, b"fresh", media_type="image/webp", metadata=META)

    there = storage.admin.get_object(Bucket=VARIANTS, Key=KEY)
    assert (there["Body"].read(), there["Metadata"]["source"]) == (b"fresh", META["source"])
    assert put == Put(etag=there["ETag"], size=5, created=True)


def test_of_twelve_puts_at_once_one_creates_the_object(storage: Storage) -> None:
    start = threading.Barrier(12)

    def put(number: int) -> Put:
        client = S3Client.from_environ(storage.function_env)
        start.wait()
        made = client.put_once(VARIANTS, KEY, b"%d" % number, media_type="image/webp", metadata=META)
        client.close()
        return made

    with ThreadPoolExecutor(12) as pool:
        puts = list(pool.map(put, range(12)))

    assert sorted(put.created for put in puts) == [False] * 11 + [True]
    assert {put.etag for put in puts} == {storage.admin.head_object(Bucket=VARIANTS, Key=KEY)["ETag"]}


@pytest.mark.parametrize("key", ["a b/ü€/^max/!90/pct:10.5,0", "x+y=z&q?#%2F~_-.txt"])
def test_keys_with_any_characters_are_found_again(client: S3Client, key: str) -> None:
    client.put_once(VARIANTS, key, b"x", media_type="text/plain", metadata=META)

    assert client.get(VARIANTS, key, sha256=digest(b"x"), limit=1) == b"x"


def test_an_original_is_read_whole_and_proved(storage: Storage, client: S3Client) -> None:
    data = bytes(range(256)) * 8192
    sha256 = storage.original(data, document="big")

    assert client.get(ORIGINALS, "0123456789abcdef0123456789abcdef/big", sha256=sha256, limit=len(data)) == data


def test_an_object_above_the_limit_is_not_read(storage: Storage, client: S3Client) -> None:
    sha256 = storage.original(b"12345", document="five")

    with pytest.raises(S3TooLarge):
        client.get(ORIGINALS, "0123456789abcdef0123456789abcdef/five", sha256=sha256, limit=4)


def test_missing_is_missing(client: S3Client) -> None:
    with pytest.raises(S3Missing):
        client.get(VARIANTS, "no/such", sha256=digest(b""), limit=1)
    with pytest.raises(S3Missing):
        client.head(VARIANTS, "no/such")


def test_a_missing_bucket_is_not_a_missing_object(client: S3Client) -> None:
    with pytest.raises(S3Unavailable):
        client.get("no-such-bucket", "key", sha256=digest(b""), limit=1)


def test_the_renderer_cannot_write_originals(storage: Storage, client: S3Client) -> None:
    with pytest.raises(S3Unavailable, match="403"):
        client.put_once(ORIGINALS, "0123/new", b"x", media_type="image/webp", metadata=META)

    assert storage.admin.list_objects_v2(Bucket=ORIGINALS, Prefix="0123/").get("KeyCount") == 0


def test_a_wrong_secret_is_refused_and_not_taken_for_missing(storage: Storage) -> None:
    wrong = storage.function_env | {"AWS_SECRET_ACCESS_KEY": "wrong"}

    client = S3Client.from_environ(wrong)

    with pytest.raises(S3Unavailable, match="403"):
        client.head(VARIANTS, "no/such")
    client.close()


# --- a server that fails --------------------------------------------------------------------------------------------


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    if "Content_Length" not in headers:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


RESET = b"reset"
SILENCE = b"silence"
HANG_UP = b"hang up after the next answer"


@dataclass
class Faulty:
    """Answers requests from a script, one entry for each; counts them. When the script ends, it repeats the last."""

    script: list[bytes]
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    _clients: list[S3Client] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._stopped = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def client(self, deadline: float | None = None) -> S3Client:
        self._clients.append(S3Client(Credentials("AK", "secret"), "us-east-1", self.endpoint, deadline))
        return self._clients[-1]

    def stop(self) -> None:
        self._stopped.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept(), which close() would leave waiting
        self._listener.close()
        for client in self._clients:
            client.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            while head := b"".join(takewhile(lambda line: line not in (b"\r\n", b""), lines)):
                length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
                lines.read(int(length[0].partition(b":")[2]) if length else 0)
                step = self.script[min(len(self.requests), len(self.script) - 1)]
                self.requests.append(head)
                if step == SILENCE:
                    self._stopped.wait()
                if step in (RESET, SILENCE):
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    return
                connection.sendall(step.removeprefix(HANG_UP))
                if step.startswith(HANG_UP) or b"close-me" in step:
                    return


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Iterator[Faulty]:
    monkeypatch.setattr(s3, "_BACKOFF_SECONDS", 0.001)
    server = Faulty([])
    yield server
    server.stop()


GOOD = answer(200, b"data", ETag='"e"')
TRUNCATED = HANG_UP + answer(200, b"da", Content_Length="4")
OTHER = answer(200, b"DATA")
STALLED = answer(400, b"<Error><Code>RequestTimeout</Code></Error>")


@pytest.mark.parametrize("trouble", [answer(500), answer(503), answer(429), STALLED, RESET, TRUNCATED, OTHER])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_trouble_that_passes_is_survived(faulty: Faulty, trouble: bytes, times: int) -> None:
    faulty.script = [trouble] * times + [GOOD]

    assert faulty.client().get("b-b", "k", sha256=digest(b"data"), limit=9) == b"data"
    assert len(faulty.requests) == times + 1


@pytest.mark.parametrize("trouble", [answer(500), answer(503), RESET, TRUNCATED, OTHER])
def test_trouble_that_stays_ends_after_four_tries(faulty: Faulty, trouble: bytes) -> None:
    faulty.script = [trouble]

    with pytest.raises(S3Unavailable):
        faulty.client().get("b-b", "k", sha256=digest(b"data"), limit=9)
    assert len(faulty.requests) == 4


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 405])
@pytest.mark.parametrize("method", ["get", "head", "put"])
def test_a_refusal_is_not_tried_again_and_never_missing(faulty: Faulty, method: str, status: int) -> None:
    faulty.script = [answer(status)]
    client = faulty.client()

    calls = {
        "get": lambda: client.get("b-b", "k", sha256=digest(b""), limit=9),
        "head": lambda: client.head("b-b", "k"),
        "put": lambda: client.put_once("b-b", "k", b"x", media_type="image/webp", metadata=META),
    }

    with pytest.raises(S3Unavailable, match=str(status)):
        calls[method]()
    assert len(faulty.requests) == 1


def test_a_put_whose_answer_was_lost_finds_itself(faulty: Faulty) -> None:
    # given a put that arrived although its connection broke
    faulty.script = [
        RESET,
        answer(412),
        answer(200, ETag='"mine"', x_amz_meta_source=META["source"], Content_Length="1"),
    ]

    put = faulty.client().put_once("b-b", "k", b"x", media_type="image/webp", metadata=META)

    assert put == Put(etag='"mine"', size=1, created=False)


def test_a_conflict_of_two_puts_is_tried_again(faulty: Faulty) -> None:
    faulty.script = [answer(409), answer(200, ETag='"e"')]

    assert faulty.client().put_once("b-b", "k", b"x", media_type="image/webp", metadata=META).created
    assert [b"if-none-match: *" in request for request in faulty.requests] == [True, True]


def test_replacing_names_the_object_it_replaces(faulty: Faulty) -> None:
    stale = answer(200, ETag='"old"', x_amz_meta_source="b" * 64)
    faulty.script = [answer(412), stale, answer(404), answer(404), answer(200, ETag='"new"')]

    put = faulty.client().put_once("b-b", "k", b"x", media_type="image/webp", metadata=META)

    # then: put if absent; look; replace, but it went away; look; put if absent
    assert put.etag == '"new"'
    assert [request[:4] for request in faulty.requests] == [b"PUT ", b"HEAD", b"PUT ", b"HEAD", b"PUT "]
    assert b'if-match: "old"' in faulty.requests[2]
    assert b"if-none-match: *" in faulty.requests[4]


def test_conditions_that_never_hold_end(faulty: Faulty) -> None:
    faulty.script = [answer(409)]

    with pytest.raises(S3Unavailable, match="conditions"):
        faulty.client().put_once("b-b", "k", b"x", media_type="image/webp", metadata=META)
    assert len(faulty.requests) == 4


def test_connections_are_kept_and_a_dead_one_is_replaced(faulty: Faulty) -> None:
    faulty.script = [GOOD, HANG_UP + GOOD, GOOD]
    client = faulty.client()

    for _ in range(2):
        client.get("b-b", "k", sha256=digest(b"data"), limit=9)
    assert faulty.connections == 1
    time.sleep(0.1)  # until the end of the connection has arrived here
    client.get("b-b", "k", sha256=digest(b"data"), limit=9)

    assert (faulty.connections, len(faulty.requests)) == (2, 3)


def test_the_deadline_ends_every_wait(faulty: Faulty) -> None:
    faulty.script = [SILENCE]

    with pytest.raises(S3Unavailable):
        faulty.client(deadline=time.monotonic() + 0.5).get("b-b", "k", sha256=digest(b""), limit=9)
    with pytest.raises(S3Unavailable, match="no time left"):
        faulty.client(deadline=time.monotonic()).head("b-b", "k")


def test_nobody_there(faulty: Faulty) -> None:
    faulty.stop()

    with pytest.raises(S3Unavailable, match="Refused"):
        faulty.client().head("b-b", "k")


def test_on_aws_the_bucket_is_in_the_host_name_and_tls_is_verified() -> None:
    client = S3Client(Credentials("AK", "secret"), "ap-south-1")

    assert client._locate("variants", "a/b c") == ("variants.s3.ap-south-1.amazonaws.com", "/a/b%20c")
    assert s3._tls().verify_mode is ssl.CERT_REQUIRED
    assert s3._tls().check_hostname


def test_a_role_sends_its_session_token(faulty: Faulty) -> None:
    faulty.script = [GOOD]
    env = {
        "AWS_ACCESS_KEY_ID": "AK",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "the-token",
        "AWS_REGION": "us-east-1",
        "RX_S3_ENDPOINT": faulty.endpoint,
    }
    client = S3Client.from_environ(env)

    client.get("b-b", "k", sha256=digest(b"data"), limit=9)
    client.close()

    assert b"x-amz-security-token: the-token" in faulty.requests[0]
