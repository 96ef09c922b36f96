"""Objects in S3, and the one way a variant is put there: once, however many put it at the same time.

Knows no client, no key and no framework. The exceptions are those of every S3 client of this project.
"""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, Protocol

TRIES: Final = 4
# Doubled for each try, with full jitter: two puts that met must not meet again.
BACKOFF_SECONDS: Final = 0.1


class StorageUnavailable(Exception):
    """S3 did not do as asked, for a reason that says nothing about whether the object exists."""

    code: ClassVar[str] = "storage-unavailable"


class ObjectMissing(Exception):
    """S3 said 404: there is no such object."""


class PutConflict(Exception):
    """S3 said 409: conditional puts of one key met, and this one did not count. It may be tried again."""


class PreconditionFailed(Exception):
    """S3 said 412, or 404 to a put that names what it replaces: what is there is not what the condition names."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What S3 tells of an object: strong ETag with its quotes, length in bytes, media type, our metadata."""

    etag: str
    size: int
    media_type: str
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewObject:
    """What is to be stored. `metadata` (ASCII) holds "source": the SHA-256 (hex) of what it was made of."""

    data: bytes
    media_type: str
    metadata: Mapping[str, str]
    disposition: str = ""


@dataclass(frozen=True, slots=True)
class Put:
    """The object that is there after a put; `created` is False where an equal one was there before."""

    etag: str
    size: int
    created: bool


class ObjectStore(Protocol):
    """What `put_once` needs of an S3 client."""

    def put(self, bucket: str, key: str, new: NewObject, *, replacing: str = "") -> str:
        """Store `new` if no object is there or, with `replacing`, if the one with this ETag is; the new ETag.

        Raises PutConflict, PreconditionFailed, StorageUnavailable.
        """

    def head(self, bucket: str, key: str) -> StoredObject:
        """Raises ObjectMissing, StorageUnavailable."""


def put_once(
    store: ObjectStore, bucket: str, key: str, new: NewObject, *, backoff_seconds: float = BACKOFF_SECONDS
) -> Put:
    """Store `new` unless an object made of the same source is there; one of another source is replaced.

    Replacing is one put that names the ETag it replaces: there is an object all the time, nobody else's newer one is
    lost, and no right to delete is needed. Raises StorageUnavailable.
    """
    replacing = ""
    for attempt in range(TRIES):
        try:
            return Put(store.put(bucket, key, new, replacing=replacing), len(new.data), created=True)
        except PutConflict:
            replacing = ""
            if attempt + 1 < TRIES:
                time.sleep(random.uniform(0, backoff_seconds * 2**attempt))  # noqa: S311 - jitter, not a secret
            continue
        except PreconditionFailed:
            replacing = ""
        try:
            present = store.head(bucket, key)
        except ObjectMissing:
            continue  # it went away between the two calls
        if present.metadata.get("source") == new.metadata["source"]:
            return Put(present.etag, present.size, created=False)
        replacing = present.etag
    raise StorageUnavailable("put: the conditions kept failing")
