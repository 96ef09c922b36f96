"""S3: one client per process, for what django-storages cannot do: conditional puts, metadata, versions.

The three calls of a miss (HEAD, fetch, put) go without the SDK where they can: see plain_s3.py.
A 404 means "missing" and nothing else does: 403, 5xx, resets and time-outs are StorageUnavailable. Never decides who
may see what.
"""

import base64
import contextlib
import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import boto3
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from django.conf import settings
from django.core.files.storage import storages

from prescriptions.infra import metrics, plain_s3
from prescriptions.infra.guards import bulkheads
from prescriptions.infra.guards.breaker import Breaker
from prescriptions.infra.per_process import per_process
from transforms.function.s3 import Refused
from transforms.objects import NewObject, ObjectStore, PreconditionFailed, Put, PutConflict, StoredObject, put_once

# Part of this module for whoever calls it.
from transforms.objects import ObjectMissing as ObjectMissing
from transforms.objects import StorageUnavailable as StorageUnavailable

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3.client import S3Client

_CHUNK = 256 * 1024
Part: TypeAlias = tuple[int, int]  # first and last byte


@per_process
def client() -> "S3Client":
    """The process's S3 client, with a pool of connections."""
    return boto3.session.Session().client(
        "s3",
        endpoint_url=settings.RX_S3_ENDPOINT or None,
        region_name=settings.RX_S3_REGION,
        aws_access_key_id=settings.RX_S3_ACCESS_KEY or None,
        aws_secret_access_key=settings.RX_S3_SECRET_KEY or None,
        verify=settings.RX_S3_CA_FILE or None,
        config=settings.RX_S3_CLIENT_CONFIG,
    )


@per_process
def breaker() -> Breaker:
    """What this process has learnt of S3's troubles."""
    return Breaker(service="s3")


@contextlib.contextmanager
def _sorted_errors(operation: str, key: str) -> Iterator[None]:
    """Sort the errors of one S3 call: missing, condition refused (a ClientError), unavailable; and tell the breaker."""
    if breaker().refuses():
        raise StorageUnavailable(f"{operation}: the breaker is open")
    started, failed = time.perf_counter(), True
    try:
        with bulkheads.place("s3", full=StorageUnavailable(f"{operation}: no place")), _told_to_breaker(operation, key):
            yield
        failed = False
    except (ObjectMissing, PutConflict, PreconditionFailed, ClientError):
        failed = False  # an answer all the same
        raise
    finally:
        metrics.s3_called(operation, time.perf_counter() - started, failed=failed)


@contextlib.contextmanager
def _told_to_breaker(operation: str, key: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        status = error.response["ResponseMetadata"].get("HTTPStatusCode", 0)
        (breaker().failed if status >= 500 else breaker().worked)()
        code = error.response.get("Error", {}).get("Code", "")
        # A bucket that is not there is a broken installation; it says nothing about its objects.
        if status == 404 and code != "NoSuchBucket":
            raise ObjectMissing(key) from None
        if status in (409, 412) and operation == "put_object":
            raise  # nothing else is asked with a condition
        reason = f"{operation}: {status} {code}"
        raise StorageUnavailable(reason) from None
    except (BotoCoreError, HTTPClientError) as error:
        breaker().failed()
        reason = f"{operation}: {type(error).__name__}"
        raise StorageUnavailable(reason) from None
    except (ObjectMissing, PutConflict, PreconditionFailed):
        breaker().worked()
        raise
    except StorageUnavailable as error:
        (breaker().worked if isinstance(error, Refused) else breaker().failed)()
        reason = f"{operation}: {str(error).rpartition(': ')[2]}"
        raise StorageUnavailable(reason) from None
    breaker().worked()


def call(operation: str, **parameters: Any) -> Any:
    """One S3 call by its name in boto3."""
    with _sorted_errors(operation, parameters.get("Key", "")):
        return getattr(client(), operation)(**parameters)


def _describe(answer: Mapping[str, Any]) -> StoredObject:
    return StoredObject(
        etag=answer["ETag"],
        size=answer["ContentLength"],
        media_type=answer.get("ContentType", "application/octet-stream"),
        metadata=answer.get("Metadata", {}),
    )


class _Conditional:
    """The process's client as `put_once` asks for it."""

    def head(self, bucket: str, key: str) -> StoredObject:
        if plain_s3.is_enough():
            with _sorted_errors("head_object", key), plain_s3.client() as plain:
                return plain.head(bucket, key)
        return _describe(call("head_object", Bucket=bucket, Key=key))

    def put(self, bucket: str, key: str, new: NewObject, *, replacing: str = "") -> str:
        if plain_s3.is_enough():
            with _sorted_errors("put_object", key), plain_s3.client() as plain:
                return plain.put(bucket, key, new, replacing=replacing)
        try:
            etag: str = call(
                "put_object",
                Bucket=bucket,
                Key=key,
                Body=new.data,
                ContentType=new.media_type,
                Metadata=dict(new.metadata),
                ChecksumSHA256=base64.b64encode(hashlib.sha256(new.data).digest()).decode(),
                **({"ContentDisposition": new.disposition} if new.disposition else {}),
                **({"IfMatch": replacing} if replacing else {"IfNoneMatch": "*"}),
            )["ETag"]
        except ObjectMissing:
            raise PreconditionFailed from None
        except ClientError as error:
            conflict = error.response["ResponseMetadata"]["HTTPStatusCode"] == 409
            raise (PutConflict if conflict else PreconditionFailed) from None
        return etag


_CONDITIONAL: Final[ObjectStore] = _Conditional()


# --- variants ---------------------------------------------------------------------------------------------------
def variant_exists(key: str) -> bool:
    """Is the variant in S3? Asked through django-storages: of its calls, this one costs a single HEAD."""
    with _sorted_errors("exists", key):
        return storages["variants"].exists(key)


def head_variant(key: str) -> StoredObject:
    """The object's description. Raises ObjectMissing, StorageUnavailable."""
    return _CONDITIONAL.head(settings.RX_VARIANTS_BUCKET, key)


def open_variant(key: str, part: Part | None = None) -> tuple[StoredObject, Iterator[bytes]]:
    """The description and bytes in chunks, of a part or all, in one GET. Raises ObjectMissing, StorageUnavailable."""
    answer = call("get_object", Bucket=settings.RX_VARIANTS_BUCKET, Key=key, **_only(part))
    return _describe(answer), _chunks(answer["Body"])


def put_variant(key: str, new: NewObject) -> Put:
    """Store a variant once, see `put_once`. Raises StorageUnavailable."""
    return put_once(_CONDITIONAL, settings.RX_VARIANTS_BUCKET, key, new)


def delete_variant(key: str) -> None:
    """One that is not there counts as deleted. Raises StorageUnavailable."""
    call("delete_object", Bucket=settings.RX_VARIANTS_BUCKET, Key=key)


# --- originals --------------------------------------------------------------------------------------------------
def put_original(key: str, data: bytes, *, media_type: str, sha256: str) -> None:
    """Store an uploaded file under a fresh key. Raises StorageUnavailable."""
    try:
        call(
            "put_object",
            Bucket=settings.RX_ORIGINALS_BUCKET,
            Key=key,
            Body=data,
            ContentType=media_type,
            Metadata={"sha256": sha256},
            ChecksumSHA256=base64.b64encode(bytes.fromhex(sha256)).decode(),
            IfNoneMatch="*",
        )
    except ClientError as error:
        # A retried put whose first answer was lost finds itself: the key is random, so it can be nobody else's.
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 412:
            raise StorageUnavailable("put_object: conflict") from None


def head_original(key: str) -> StoredObject:
    """The object's description. Raises ObjectMissing, StorageUnavailable."""
    return _CONDITIONAL.head(settings.RX_ORIGINALS_BUCKET, key)


def get_original(key: str, *, sha256: str) -> bytes:
    """The uploaded bytes, proved whole by their digest. Raises ObjectMissing, StorageUnavailable.

    Whoever sends them drop by drop is not waited for: they have as long as all tries of a call together.
    """
    if plain_s3.is_enough():
        with _sorted_errors("get_object", key), plain_s3.client() as plain:
            data = plain.get(settings.RX_ORIGINALS_BUCKET, key)
    else:
        answer = call("get_object", Bucket=settings.RX_ORIGINALS_BUCKET, Key=key)
        data = b"".join(_in_time(_chunks(answer["Body"])))
    if hashlib.sha256(data).hexdigest() != sha256:
        reason = "get_object: the original's digest differs from its row"
        raise StorageUnavailable(reason)
    return data


def _in_time(chunks: Iterator[bytes]) -> Iterator[bytes]:
    deadline = time.monotonic() + settings.RX_S3_TRIES * settings.RX_S3_READ_TIMEOUT
    for chunk in chunks:
        yield chunk
        if time.monotonic() > deadline:
            reason = "get_object: too slow"
            raise StorageUnavailable(reason)


def open_original(key: str, part: Part | None = None) -> tuple[StoredObject, Iterator[bytes]]:
    """As `open_variant`, for downloads."""
    answer = call("get_object", Bucket=settings.RX_ORIGINALS_BUCKET, Key=key, **_only(part))
    return _describe(answer), _chunks(answer["Body"])


def _only(part: Part | None) -> dict[str, str]:
    return {"Range": f"bytes={part[0]}-{part[1]}"} if part else {}


def _chunks(body: "StreamingBody") -> Iterator[bytes]:
    """Closed by Django: a client that has gone away must not keep a connection to S3."""
    with contextlib.closing(body):
        try:
            yield from body.iter_chunks(_CHUNK)
        except (BotoCoreError, HTTPClientError) as error:
            raise StorageUnavailable(f"get_object: {type(error).__name__}") from None


# --- the anchors of the audit log -----------------------------------------------------------------------------
def put_anchor(key: str, data: bytes) -> None:
    """Store an anchor for good: the bucket's own rule keeps every version. Raises StorageUnavailable."""
    named = {"Bucket": settings.RX_AUDIT_BUCKET, "Key": key, "ContentType": "application/json"}
    call("put_object", **named, Body=data, ChecksumSHA256=base64.b64encode(hashlib.sha256(data).digest()).decode())


def anchor_exists(key: str) -> bool:
    """Raises StorageUnavailable."""
    try:
        _CONDITIONAL.head(settings.RX_AUDIT_BUCKET, key)
    except ObjectMissing:
        return False
    return True


def anchor_versions(key: str) -> Iterator[bytes]:
    """Every version of one object, the newest first. Raises StorageUnavailable."""
    bucket = settings.RX_AUDIT_BUCKET
    for version in call("list_object_versions", Bucket=bucket, Prefix=key, MaxKeys=1000).get("Versions", []):
        if version["Key"] == key:
            answer = call("get_object", Bucket=bucket, Key=key, VersionId=version["VersionId"])
            yield b"".join(_in_time(_chunks(answer["Body"])))


def anchor_keys(prefix: str, *, after: str = "") -> Iterator[str]:
    """Keys under which the bucket holds any version, sorted, once each; also those behind a marker of deletion.

    `after`: only those behind this one. Raises StorageUnavailable.
    """
    more: dict[str, str] = {"KeyMarker": after} if after else {}
    last = ""
    while True:
        listing = call("list_object_versions", Bucket=settings.RX_AUDIT_BUCKET, Prefix=prefix, MaxKeys=1000, **more)
        for version in listing.get("Versions", []):
            if version["Key"] != last:
                last = version["Key"]
                yield last
        if not listing.get("IsTruncated"):
            return
        more = {"KeyMarker": listing["NextKeyMarker"], "VersionIdMarker": listing["NextVersionIdMarker"]}


# --- both -------------------------------------------------------------------------------------------------------
def delete_everything(bucket: str, prefix: str) -> int:
    """Delete all objects, versions and markers under a prefix; returns how many. Raises StorageUnavailable.

    Deleting by key alone would leave every version of a versioned bucket behind.
    """
    deleted = 0
    while True:
        listing = call("list_object_versions", Bucket=bucket, Prefix=prefix, MaxKeys=1000)
        found = [*listing.get("Versions", []), *listing.get("DeleteMarkers", [])]
        if not found:
            return deleted
        answer = call(
            "delete_objects",
            Bucket=bucket,
            Delete={"Objects": [{"Key": o["Key"], "VersionId": o["VersionId"]} for o in found], "Quiet": True},
        )
        if answer.get("Errors"):
            reason = f"delete_objects: {answer['Errors'][0].get('Code', '')}"
            raise StorageUnavailable(reason)
        deleted += len(found)


@dataclass(frozen=True, slots=True)
class Listed:
    """One object of a listing."""

    key: str
    etag: str
    size: int
    modified: datetime


def list_objects(bucket: str, prefix: str = "", *, after: str = "") -> Iterator[Listed]:
    """All objects of a bucket whose keys come behind `after`, a thousand a call. Raises StorageUnavailable."""
    token: dict[str, str] = {"StartAfter": after} if after else {}
    while True:
        listing = call("list_objects_v2", Bucket=bucket, Prefix=prefix, **token)
        for item in listing.get("Contents", []):
            yield Listed(item["Key"], item["ETag"], item["Size"], item["LastModified"])
        if not listing.get("IsTruncated"):
            return
        token = {"ContinuationToken": listing["NextContinuationToken"]}


def reachable() -> None:
    """Raises StorageUnavailable unless both buckets answer with this process's identity."""
    for bucket in (settings.RX_ORIGINALS_BUCKET, settings.RX_VARIANTS_BUCKET):
        try:
            call("head_bucket", Bucket=bucket)
        except ObjectMissing:
            raise StorageUnavailable(f"bucket {bucket} does not exist") from None
