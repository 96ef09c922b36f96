"""Put once: one algorithm, by both S3 clients of the project, on the real server and on one that answers by script."""

import base64
import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from pytest_django import Settings

from prescriptions.infra import per_process, storage
from prescriptions.models import new_identifier
from rxproject.buckets import VARIANTS
from rxproject.local.stack.stack import Stack
from tests.prescriptions.conftest import objects
from tests.transforms.scripted import RESET, Scripted, answer, scripted
from transforms.function.s3 import S3Client
from transforms.function.sigv4 import Credentials
from transforms.objects import TRIES, NewObject, Put, StorageUnavailable, StoredObject, put_once

META = {"stored": "full/1,1/0/default.jpg", "pipeline": "p1", "source": "a" * 64, "canonical": "full/max/0/default.jpg"}
PutOnce = Callable[[str, NewObject], Put]
CLIENTS = pytest.mark.parametrize("client", ["boto3", "http.client"])


def new(data: bytes = b"picture", *, source: str = META["source"], disposition: str = "") -> NewObject:
    metadata = {**META, "source": source}
    return NewObject(data=data, media_type="image/jpeg", metadata=metadata, disposition=disposition)


def by_http_client(endpoint: str, secret_key: str) -> PutOnce:
    """What a renderer in Lambda does; a client belongs to one thread."""

    def put(key: str, wanted: NewObject) -> Put:
        client = S3Client(Credentials("renderer", secret_key), "us-east-1", endpoint, backoff_seconds=0.001)
        try:
            return put_once(client, VARIANTS, key, wanted, backoff_seconds=0.001)
        finally:
            client.close()

    return put


@pytest.fixture
def key() -> str:
    return f"{new_identifier()}/1/p1/full/1,1/0/default.jpg"


# --- a real server --------------------------------------------------------------------------------------------------


@pytest.fixture
def put(client: str, servers: Stack) -> PutOnce:
    env = servers.env_for("worker")
    return by_http_client(env["RX_S3_ENDPOINT"], env["RX_S3_SECRET_KEY"]) if client != "boto3" else storage.put_variant


@CLIENTS
def test_a_put_stores_bytes_type_metadata_disposition_and_digest(put: PutOnce, key: str, servers: Stack) -> None:
    made = put(key, new(disposition='attachment; filename="x.pdf"'))

    there = servers.s3_client("bootstrap").get_object(Bucket=VARIANTS, Key=key, ChecksumMode="ENABLED")
    assert there["Body"].read() == b"picture"
    assert (there["ContentType"], there["ContentDisposition"]) == ("image/jpeg", 'attachment; filename="x.pdf"')
    assert there["Metadata"] == META
    assert there["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(b"picture").digest()).decode()
    assert made == Put(etag=there["ETag"], size=7, created=True)


@CLIENTS
def test_without_a_disposition_there_is_none(put: PutOnce, key: str, servers: Stack) -> None:
    put(key, new())

    assert "ContentDisposition" not in servers.s3_client("bootstrap").head_object(Bucket=VARIANTS, Key=key)


def test_both_clients_tell_the_same_of_an_object(key: str, servers: Stack) -> None:
    etag = storage.put_variant(key, new()).etag
    env = servers.env_for("worker")
    client = S3Client(Credentials("renderer", env["RX_S3_SECRET_KEY"]), "us-east-1", env["RX_S3_ENDPOINT"])

    assert client.head(VARIANTS, key) == storage.head_variant(key) == StoredObject(etag, 7, "image/jpeg", META)
    client.close()


@CLIENTS
def test_a_second_put_of_the_same_source_changes_nothing(put: PutOnce, key: str, servers: Stack) -> None:
    first = put(key, new(b"first"))

    second = put(key, new(b"the same page, rendered by somebody else"))

    assert second == Put(etag=first.etag, size=5, created=False)
    assert servers.s3_client("bootstrap").get_object(Bucket=VARIANTS, Key=key)["Body"].read() == b"first"
    assert len(objects(servers, VARIANTS, key)) == 1


@CLIENTS
def test_an_object_of_another_source_is_replaced(put: PutOnce, key: str, servers: Stack) -> None:
    stale = put(key, new(b"stale", source="b" * 64))

    made = put(key, new(b"fresh one"))

    there = servers.s3_client("bootstrap").get_object(Bucket=VARIANTS, Key=key)
    assert (there["Body"].read(), there["Metadata"]) == (b"fresh one", META)
    assert made == Put(etag=there["ETag"], size=9, created=True)
    assert made.etag != stale.etag
    assert len(objects(servers, VARIANTS, key)) == 1


@CLIENTS
@pytest.mark.parametrize("before", ["nothing", "another source's"])
def test_of_twelve_puts_at_once_one_creates_the_object(put: PutOnce, before: str, key: str, servers: Stack) -> None:
    # given nothing, or an object of another source, which somebody looks at all the time
    admin, start, done = servers.s3_client("bootstrap"), threading.Barrier(13), threading.Event()
    if before != "nothing":
        put(key, new(b"stale", source="b" * 64))

    def put_one(number: int) -> Put:
        start.wait()
        return put(key, new(b"%d" % number))

    def look() -> set[str]:
        seen = set()
        start.wait()
        while not done.wait(0.01):
            listed = admin.list_objects_v2(Bucket=VARIANTS, Prefix=key).get("Contents", [])
            seen.add(listed[0]["ETag"] if listed else "")
        return seen

    # when twelve put it
    with ThreadPoolExecutor(13) as pool:
        looking = pool.submit(look)
        puts = list(pool.map(put_one, range(12)))
        done.set()

    # then one did, all agree, and what was there was never away
    assert sorted(made.created for made in puts) == [False] * 11 + [True]
    assert {made.etag for made in puts} == {admin.head_object(Bucket=VARIANTS, Key=key)["ETag"]}
    assert before == "nothing" or "" not in looking.result()


# --- a server with a script -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[Scripted]:
    with scripted([]) as running:
        yield running


@pytest.fixture
def put_by_script(client: str, server: Scripted, servers: Stack, settings: Settings) -> Iterator[PutOnce]:
    server.requests.clear()
    settings.RX_S3_ENDPOINT = server.endpoint
    with per_process.anew():
        yield storage.put_variant if client == "boto3" else by_http_client(server.endpoint, "secret")


SAME = answer(200, ETag='"same"', x_amz_meta_source=META["source"], Content_Length="1")
STALE = answer(200, ETag='"old"', x_amz_meta_source="b" * 64)
MADE = answer(200, ETag='"new"')
IF_ABSENT, IF_OLD = b"if-none-match: *", b'if-match: "old"'


def seen(server: Scripted) -> list[bytes]:
    """The condition of each put, and HEAD."""
    heads = [head.lower() for head in server.requests]
    return [IF_ABSENT if IF_ABSENT in head else IF_OLD if IF_OLD in head else head[:4] for head in heads]


@CLIENTS
def test_a_put_whose_answer_was_lost_finds_itself(put_by_script: PutOnce, server: Scripted) -> None:
    # given a put that arrived although its connection broke
    server.script = [RESET, answer(412), SAME]

    assert put_by_script("k", new()) == Put(etag='"same"', size=1, created=False)
    assert seen(server) == [IF_ABSENT, IF_ABSENT, b"head"]


@CLIENTS
def test_a_conflict_of_two_puts_is_tried_again(put_by_script: PutOnce, server: Scripted) -> None:
    server.script = [answer(409), answer(409), MADE]

    assert put_by_script("k", new()) == Put(etag='"new"', size=7, created=True)
    assert seen(server) == [IF_ABSENT, IF_ABSENT, IF_ABSENT]


@CLIENTS
def test_a_put_that_replaces_names_what_it_replaces(put_by_script: PutOnce, server: Scripted) -> None:
    server.script = [answer(412), STALE, answer(404), answer(404), MADE]

    # then: put if absent; look; replace, but it went away; look; put if absent
    assert put_by_script("k", new()).etag == '"new"'
    assert seen(server) == [IF_ABSENT, b"head", IF_OLD, b"head", IF_ABSENT]


@CLIENTS
def test_who_replaces_at_the_same_time_is_not_replaced(put_by_script: PutOnce, server: Scripted) -> None:
    server.script = [answer(412), STALE, answer(412), SAME]

    assert put_by_script("k", new()) == Put(etag='"same"', size=1, created=False)
    assert seen(server) == [IF_ABSENT, b"head", IF_OLD, b"head"]


@CLIENTS
@pytest.mark.parametrize(
    ("again", "requests"), [([answer(409)], TRIES), ([answer(412), answer(404)] * TRIES, 2 * TRIES)], ids=["409", "412"]
)
def test_conditions_that_never_hold_end(
    put_by_script: PutOnce, server: Scripted, again: list[bytes], requests: int
) -> None:
    server.script = again

    with pytest.raises(StorageUnavailable, match="conditions"):
        put_by_script("k", new())
    assert len(server.requests) == requests
