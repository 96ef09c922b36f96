"""S3 as the app sees it: never taking trouble for absence. Everything here is the real server.

Putting a variant once is proved in tests/transforms/test_objects.py, for both S3 clients.
"""

import hashlib
from collections.abc import Callable, Iterator
from copy import deepcopy

import pytest
from pytest_django import Settings

from prescriptions.infra import per_process, plain_s3, storage
from prescriptions.models import new_identifier
from rxproject.local.stack.stack import Stack
from tests.prescriptions.conftest import CLOSED, objects
from transforms.objects import NewObject

pytestmark = pytest.mark.usefixtures("servers")
META = {"stored": "full/1,1/0/default.jpg", "pipeline": "p1", "source": "a" * 64, "canonical": "full/max/0/default.jpg"}


@pytest.fixture
def key() -> str:
    return f"{new_identifier()}/1/p1/full/1,1/0/default.jpg"


def put(key: str) -> str:
    return storage.put_variant(key, NewObject(data=b"picture", media_type="image/jpeg", metadata=META)).etag


def test_a_put_tells_the_etag_and_keeps_what_the_edge_cannot_compute(key: str) -> None:
    etag = put(key)

    described = storage.head_variant(key)
    assert (described.etag, described.size, described.media_type) == (etag, 7, "image/jpeg")
    assert etag.startswith('"')
    assert dict(described.metadata) == META
    opened, chunks = storage.open_variant(key)
    assert (opened, b"".join(chunks)) == (described, b"picture")


def test_a_key_without_an_object_is_missing(key: str) -> None:
    with pytest.raises(storage.ObjectMissing):
        storage.head_variant(key)
    with pytest.raises(storage.ObjectMissing):
        storage.open_variant(key)
    assert storage.variant_exists(key) is False
    put(key)
    assert storage.variant_exists(key) is True
    storage.delete_variant(key)
    storage.delete_variant(key)  # of what is gone already: fine
    assert storage.variant_exists(key) is False


CALLS: dict[str, Callable[[str], object]] = {
    "head_variant": storage.head_variant,
    "open_variant": storage.open_variant,
    "put_variant": put,
    "delete_variant": storage.delete_variant,
    "get_original": lambda key: storage.get_original(key, sha256="0" * 64),
    "open_original": storage.open_original,
    "put_original": lambda key: storage.put_original(key, b"", media_type="image/png", sha256="0" * 64),
    "delete_everything": lambda key: storage.delete_everything("rx-variants", key),
    "reachable": lambda key: storage.reachable(),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_closed_port_is_never_a_missing_object(call: Callable[[str], object], key: str, no_s3: None) -> None:
    with pytest.raises(storage.StorageUnavailable, match=r"EndpointConnectionError|ConnectionRefusedError"):
        call(key)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_refusal_is_never_a_missing_object(call: Callable[[str], object], key: str, wrong_secret: None) -> None:
    with pytest.raises(storage.StorageUnavailable, match="403"):
        call(key)


@pytest.fixture
def bootstrap(servers: Stack, settings: Settings) -> Iterator[None]:
    """Rights to everything: who may not list buckets gets 403 for one that does not exist."""
    settings.RX_S3_ACCESS_KEY, settings.RX_S3_SECRET_KEY = "bootstrap", servers.keys.s3["bootstrap"]
    with per_process.anew():
        yield


@pytest.mark.parametrize("call", [name for name in CALLS if name not in ("head_variant", "reachable")])
def test_a_bucket_that_is_not_there_is_never_a_missing_object(
    call: str, key: str, settings: Settings, bootstrap: None
) -> None:
    settings.RX_VARIANTS_BUCKET = settings.RX_ORIGINALS_BUCKET = "rx-nowhere"
    calls = {**CALLS, "delete_everything": lambda key: storage.delete_everything("rx-nowhere", key)}

    with pytest.raises(storage.StorageUnavailable):
        calls[call](key)


@pytest.mark.parametrize(
    ("setting", "value", "enough"),
    [
        ("RX_S3_REGION", "us-east-1", True),
        ("RX_S3_ENDPOINT", "", False),  # AWS
        ("RX_S3_ENDPOINT", "https://s3.example", False),  # a provider's
        ("RX_S3_CA_FILE", "/tls/trust/ca.pem", True),
        ("RX_S3_ACCESS_KEY", "", False),  # a role
    ],
)
def test_only_a_server_of_ours_with_keys_is_called_without_the_sdk(
    setting: str, value: str, enough: bool, settings: Settings
) -> None:
    setattr(settings, setting, value)
    with per_process.anew():
        assert plain_s3.is_enough() is enough


def test_the_sdk_answers_as_the_plain_client_does(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # given an object, an original and answers without the SDK
    data, original = b"an original", f"{new_identifier()}/{new_identifier()}"
    digest = hashlib.sha256(data).hexdigest()
    storage.put_original(original, data, media_type="image/jpeg", sha256=digest)
    etag = put(key)
    plain = storage.head_variant(key), storage.get_original(original, sha256=digest)

    # when a proxy is named, which only the SDK knows of, and of which this server is excepted
    monkeypatch.setenv("http_proxy", f"http://{CLOSED}")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    with per_process.anew():
        assert not plain_s3.is_enough()
        assert (storage.head_variant(key), storage.get_original(original, sha256=digest)) == plain
        assert put(key) == etag


def test_reachable_names_the_bucket_that_is_not_there(settings: Settings, bootstrap: None) -> None:
    storage.reachable()

    settings.RX_VARIANTS_BUCKET = "rx-nowhere"

    with pytest.raises(storage.StorageUnavailable, match="rx-nowhere"):
        storage.reachable()


@pytest.fixture
def storages_elsewhere(settings: Settings) -> Iterator[Callable[..., None]]:
    def point(**options: str) -> None:
        changed = deepcopy(settings.STORAGES)
        changed["variants"]["OPTIONS"].update(options)
        settings.STORAGES = changed

    return point


def test_django_storages_answers_are_sorted_alike(key: str, storages_elsewhere: Callable[..., None]) -> None:
    storages_elsewhere(secret_key="wrong")
    with pytest.raises(storage.StorageUnavailable, match="403"):
        storage.variant_exists(key)


def test_django_storages_knows_a_closed_port(key: str, storages_elsewhere: Callable[..., None]) -> None:
    storages_elsewhere(endpoint_url=f"http://{CLOSED}")
    with pytest.raises(storage.StorageUnavailable, match="EndpointConnectionError"):
        storage.variant_exists(key)


def test_an_original_comes_back_whole_or_not_at_all() -> None:
    data = b"an original"
    digest = hashlib.sha256(data).hexdigest()
    key = f"{new_identifier()}/{new_identifier()}"

    storage.put_original(key, data, media_type="image/jpeg", sha256=digest)
    storage.put_original(key, data, media_type="image/jpeg", sha256=digest)  # the SDK's own retry

    assert storage.get_original(key, sha256=digest) == data
    with pytest.raises(storage.StorageUnavailable, match="digest"):
        storage.get_original(key, sha256="0" * 64)
    described, chunks = storage.open_original(key)
    assert (described.size, described.metadata["sha256"], b"".join(chunks)) == (len(data), digest, data)


def test_a_put_whose_bytes_got_damaged_leaves_nothing(servers: Stack) -> None:
    key = f"{new_identifier()}/{new_identifier()}"

    with pytest.raises(storage.StorageUnavailable):
        storage.put_original(key, b"damaged", media_type="image/jpeg", sha256="0" * 64)

    assert objects(servers, "rx-originals", key) == []


def test_deleting_everything_takes_all_versions_and_nothing_else(servers: Stack) -> None:
    # given an original with two versions and a delete marker, and a neighbour
    admin, rx, neighbour = servers.s3_client("bootstrap"), new_identifier(), new_identifier()
    for body in (b"1", b"2"):
        admin.put_object(Bucket="rx-originals", Key=f"{rx}/a", Body=body)
    admin.delete_object(Bucket="rx-originals", Key=f"{rx}/a")
    admin.put_object(Bucket="rx-originals", Key=f"{rx}/b", Body=b"3")
    admin.put_object(Bucket="rx-originals", Key=f"{neighbour}/a", Body=b"4")

    deleted = storage.delete_everything("rx-originals", f"{rx}/")

    assert deleted == 4
    assert objects(servers, "rx-originals", rx) == []
    assert len(objects(servers, "rx-originals", neighbour)) == 1
    assert storage.delete_everything("rx-originals", f"{rx}/") == 0
