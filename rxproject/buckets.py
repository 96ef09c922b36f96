"""The buckets, their rules and who may touch them. The bootstrap identity is given to no server."""

import contextlib
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import BucketLifecycleConfigurationTypeDef


class Identity(StrEnum):
    """Who may do what in S3; the rights are in `ACTIONS`."""

    BOOTSTRAP = "bootstrap"
    WEB = "web"
    RENDERER = "renderer"
    EDGE = "edge"


REGION = "us-east-1"
ORIGINALS = "rx-originals"
VARIANTS = "rx-variants"
AUDIT = "rx-audit"

# A variant that nobody asked for in this time is made again when somebody does.
VARIANT_DAYS = 90
# How long nobody can delete an anchor of the audit log, whatever keys they hold.
AUDIT_YEARS = 10

_READ_WRITE_LIST = ("Read", "Write", "List")
ACTIONS: Mapping[Identity, tuple[str, ...]] = {
    Identity.BOOTSTRAP: ("Admin",),
    Identity.WEB: tuple(f"{action}:{bucket}" for bucket in (ORIGINALS, VARIANTS, AUDIT) for action in _READ_WRITE_LIST),
    Identity.RENDERER: (f"Read:{ORIGINALS}", *(f"{action}:{VARIANTS}" for action in _READ_WRITE_LIST)),
    Identity.EDGE: (f"Read:{VARIANTS}", f"List:{VARIANTS}"),
}

LIFECYCLE: "BucketLifecycleConfigurationTypeDef" = {
    "Rules": [
        {
            "ID": "variants-expire",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "Expiration": {"Days": VARIANT_DAYS},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        }
    ]
}

# Files that come in pieces are used, or given up, within a day and an hour. This is for what nobody knows of.
ORIGINALS_LIFECYCLE: "BucketLifecycleConfigurationTypeDef" = {
    "Rules": [
        {
            "ID": "unfinished-uploads-end",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2},
        }
    ]
}

# In SeaweedFS an identity with Write may also change these; on AWS it may not. The policy makes them alike.
_BUCKET_SETTINGS = (
    "s3:PutLifecycleConfiguration",
    "s3:PutBucketVersioning",
    "s3:PutBucketCORS",
    "s3:PutBucketAcl",
    "s3:DeleteBucket",
    "s3:PutBucketObjectLockConfiguration",
)


def identities_file(secret_keys: Mapping[str, str]) -> str:
    """The content of SeaweedFS's -s3.config. Contains secrets: write it 0600."""
    return json.dumps(
        {
            "identities": [
                {
                    "name": identity.value,
                    "credentials": [{"accessKey": identity.value, "secretKey": secret_keys[identity.value]}],
                    "actions": list(actions),
                }
                for identity, actions in ACTIONS.items()
            ]
        }
    )


def client(endpoint: str, identity: Identity, secret_key: str, *, ca_file: str = "") -> "S3Client":
    """A client that fails fast; for set-up and tests, not for serving. `ca_file`: who may sign S3's certificate."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=identity.value,
        aws_secret_access_key=secret_key,
        verify=ca_file or None,
        config=Config(
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 1},
            connect_timeout=2,
            read_timeout=5,
        ),
    )


def prepare(s3: "S3Client") -> None:
    """Make the buckets as they must be (repeatable), then prove that originals and variants can be written.

    Raises botocore's ClientError or BotoCoreError.
    """
    errors = s3.exceptions
    for bucket in (ORIGINALS, VARIANTS):
        with contextlib.suppress(errors.BucketAlreadyOwnedByYou, errors.BucketAlreadyExists):
            s3.create_bucket(Bucket=bucket)
        with contextlib.suppress(errors.ClientError):  # none on the first start; it binds the bootstrap identity too
            s3.delete_bucket_policy(Bucket=bucket)
        if bucket == ORIGINALS:
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
            s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=ORIGINALS_LIFECYCLE)
        else:
            s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=LIFECYCLE)
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(_policy(bucket)))
        _probe(s3, bucket)
    _prepare_audit(s3)


def _prepare_audit(s3: "S3Client") -> None:
    """What is written there stays: in compliance mode not even the bootstrap identity deletes a version."""
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou, s3.exceptions.BucketAlreadyExists):
        s3.create_bucket(Bucket=AUDIT, ObjectLockEnabledForBucket=True)
    with contextlib.suppress(s3.exceptions.ClientError):
        s3.delete_bucket_policy(Bucket=AUDIT)
    s3.put_object_lock_configuration(
        Bucket=AUDIT,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Years": AUDIT_YEARS}},
        },
    )
    s3.put_bucket_policy(Bucket=AUDIT, Policy=json.dumps(_policy(AUDIT)))


def _policy(bucket: str) -> dict[str, object]:
    statement = {
        "Sid": "settings-are-made-at-start",
        "Effect": "Deny",
        "Principal": "*",
        "Action": list(_BUCKET_SETTINGS),
        "Resource": [f"arn:aws:s3:::{bucket}"],
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def _probe(s3: "S3Client", bucket: str) -> None:
    """Health is reported up to a second before the first volume can be written; only a write proves it."""
    version = s3.put_object(Bucket=bucket, Key="probe", Body=b"probe").get("VersionId")
    if version:
        s3.delete_object(Bucket=bucket, Key="probe", VersionId=version)
    else:
        s3.delete_object(Bucket=bucket, Key="probe")
