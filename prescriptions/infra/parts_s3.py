"""S3 multipart uploads into the originals bucket: parts of 5 MiB and more, and one end."""

import base64
import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings

from prescriptions.infra.storage import ObjectMissing, StorageUnavailable, call

# S3 takes no smaller part, except as the last one.
LEAST: Final = 5 * 1024 * 1024
AT_ONCE = 1000  # of those under way, as many as S3 lists at most


@dataclass(frozen=True, slots=True)
class Part:
    """A part that S3 has. Numbers rise, and may have gaps."""

    number: int
    etag: str
    sha256: str
    size: int


def begin(key: str, *, media_type: str) -> str:
    """What S3 calls the new multipart upload. Raises StorageUnavailable."""
    bucket = settings.RX_ORIGINALS_BUCKET
    answer = call("create_multipart_upload", Bucket=bucket, Key=key, ContentType=media_type, ChecksumAlgorithm="SHA256")
    return str(answer["UploadId"])


def add(key: str, upload: str, number: int, data: bytes) -> Part:
    """Raises StorageUnavailable, ObjectMissing (S3 has no such multipart upload any more)."""
    digest = hashlib.sha256(data)
    answer = call(
        "upload_part",
        Bucket=settings.RX_ORIGINALS_BUCKET,
        Key=key,
        UploadId=upload,
        PartNumber=number,
        Body=data,
        ChecksumSHA256=base64.b64encode(digest.digest()).decode(),
    )
    return Part(number, str(answer["ETag"]), digest.hexdigest(), len(data))


def complete(key: str, upload: str, parts: Sequence[Part]) -> None:
    """These parts become the object; others go. Raises StorageUnavailable, ObjectMissing (it is not under way: perhaps
    it was completed before).
    """
    listed = [
        {
            "PartNumber": part.number,
            "ETag": part.etag,
            "ChecksumSHA256": base64.b64encode(bytes.fromhex(part.sha256)).decode(),
        }
        for part in parts
    ]
    bucket = settings.RX_ORIGINALS_BUCKET
    call("complete_multipart_upload", Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": listed})


def abort_everything(prefix: str, *, begun_before: datetime | None = None) -> int:
    """Give up all that are under way under a prefix, or those that were begun so long ago; returns how many. Raises
    StorageUnavailable.
    """
    aborted, bucket = 0, settings.RX_ORIGINALS_BUCKET
    after: dict[str, str] = {}
    while True:
        page = call("list_multipart_uploads", Bucket=bucket, Prefix=prefix, MaxUploads=AT_ONCE, **after)
        before, uploads = aborted, page.get("Uploads", [])
        for upload in uploads:
            if begun_before is not None and upload["Initiated"] >= begun_before:
                continue
            with suppress(ObjectMissing):  # somebody was faster
                call("abort_multipart_upload", Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
                aborted += 1
        if not uploads or not page.get("IsTruncated"):
            return aborted
        if aborted == before:  # else what followed has moved up
            after = {"KeyMarker": uploads[-1]["Key"], "UploadIdMarker": uploads[-1]["UploadId"]}


def give_up(key: str, upload: str) -> None:
    """One of them. Raises StorageUnavailable."""
    with suppress(ObjectMissing):  # somebody was faster
        call("abort_multipart_upload", Bucket=settings.RX_ORIGINALS_BUCKET, Key=key, UploadId=upload)


__all__ = ["LEAST", "ObjectMissing", "Part", "StorageUnavailable", "abort_everything", "add", "begin", "complete"]
