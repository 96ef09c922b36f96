"""Originals and the audit log's objects, as one tar: `objects.py save >objects.tar`, `objects.py load <objects.tar`.

Asked of S3, so nothing has to stop meanwhile. Variants are left out; they can be made again. Runs in the container that
makes the buckets: RX_S3_ENDPOINT, RX_CA_FILE and RX_S3_SECRET_KEY (of `bootstrap`) come from the environment.
"""

import io
import json
import os
import sys
import tarfile
from typing import IO, TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from rxproject.buckets import AUDIT, ORIGINALS, Identity, client

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_BUCKETS = (ORIGINALS, AUDIT)
# What an object carries besides its bytes, in the tar's own extended headers.
_MEDIA_TYPE, _METADATA = "RX.media_type", "RX.metadata"


def save(s3: "S3Client", target: IO[bytes]) -> int:
    """Writes the newest version of every object; how many there were. What is erased meanwhile is left out."""
    count = 0
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for bucket in _BUCKETS:
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                for listed in page.get("Contents", ()):
                    count += _add(s3, tar, bucket, listed["Key"])
    return count


def _add(s3: "S3Client", tar: tarfile.TarFile, bucket: str, key: str) -> bool:
    try:
        answer = s3.get_object(Bucket=bucket, Key=key)
    except s3.exceptions.NoSuchKey:
        return False
    data = answer["Body"].read()
    member = tarfile.TarInfo(f"{bucket}/{key}")
    member.size, member.mode = len(data), 0o600
    member.mtime = int(answer["LastModified"].timestamp())
    member.pax_headers = {_MEDIA_TYPE: answer["ContentType"], _METADATA: json.dumps(answer["Metadata"])}
    tar.addfile(member, io.BytesIO(data))
    return True


def load(s3: "S3Client", source: IO[bytes]) -> int:
    """Stores what is not there; how many those were. What is there is never written over."""
    count = 0
    with tarfile.open(fileobj=source, mode="r|") as tar:
        for member in tar:
            bucket, _, key = member.name.partition("/")
            body = tar.extractfile(member)
            if bucket not in _BUCKETS or body is None:
                message = f"{member.name} is no object of {' or '.join(_BUCKETS)}: this is not a back-up of ours."
                raise ValueError(message)
            count += _put(s3, bucket, key, body.read(), member.pax_headers)
    return count


def _put(s3: "S3Client", bucket: str, key: str, data: bytes, headers: dict[str, str]) -> bool:
    metadata: dict[str, str] = json.loads(headers[_METADATA])
    try:
        s3.put_object(
            Bucket=bucket, Key=key, Body=data, ContentType=headers[_MEDIA_TYPE], Metadata=metadata, IfNoneMatch="*"
        )
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 412:
            raise
        return False
    return True


def main() -> None:
    actions = {"save": lambda s3: save(s3, sys.stdout.buffer), "load": lambda s3: load(s3, sys.stdin.buffer)}
    if len(sys.argv) != 2 or sys.argv[1] not in actions:
        sys.exit("objects.py needs one word: save (a tar to standard output) or load (one from standard input)")
    told = os.environ
    s3 = client(told["RX_S3_ENDPOINT"], Identity.BOOTSTRAP, told["RX_S3_SECRET_KEY"], ca_file=told["RX_CA_FILE"])
    try:
        count = actions[sys.argv[1]](s3)
    except (BotoCoreError, ClientError, ValueError, tarfile.TarError) as error:
        sys.exit(f"The objects could not be {'saved' if sys.argv[1] == 'save' else 'loaded'}: {error}")
    sys.stderr.write(f"{count} objects\n")


if __name__ == "__main__":
    main()
