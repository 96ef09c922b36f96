"""The buckets: reachable with this process's keys, with the rights that its role needs, and with the rules that keep
what must be kept.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from prescriptions.infra import storage
from prescriptions.ops.doctor import clocks
from prescriptions.ops.doctor.finding import Finding, Findings

_SAYS: Final = Findings("storage")
# Which objects a role reads and which it puts. Where each role has rights of its own (AWS), it has no others: see
# tests/deploy/test_aws_calls.py. With the backend `inline`, whoever asks for a variant stores it.
_READS: Final = {
    "web": ("originals", "variants"),
    "generate": ("variants",),
    "worker": ("originals", "variants"),
    "beat": ("originals", "variants", "audit"),
    "manage": ("originals", "variants", "audit"),
}
_WRITES: Final = {"web": ("originals",), "worker": ("variants",), "manage": ("originals", "variants")}
# Of the anchors' bucket this is the part that is read.
_FOLDER: Final = {"audit": "anchors/doctor/"}
_DENIED: Final = ("AccessDenied", "Forbidden", "403", "AllAccessDisabled")
_KEYS: Final = "Look at RX_S3_ACCESS_KEY and RX_S3_SECRET_KEY, or at the policy of this role."


def _buckets() -> dict[str, str]:
    return {
        "originals": settings.RX_ORIGINALS_BUCKET,
        "variants": settings.RX_VARIANTS_BUCKET,
        "audit": settings.RX_AUDIT_BUCKET,
    }


def look() -> Iterator[Finding]:
    role = settings.RX_ROLE
    for name in _buckets():
        if name == "audit" and role in ("worker", "generate"):
            continue  # they write no anchors
        found = _reach(name)
        yield from found
        if found[0].state != "good":
            continue
        if name in _READS[role]:
            yield _missing(name)
        if name in _WRITES.get(role, ()):  # not into the bucket of anchors, whose objects nobody can delete again
            yield _write(name)
        yield from _rules(name)


def _reach(name: str) -> list[Finding]:
    bucket = _buckets()[name]
    before, began = datetime.now(UTC), time.monotonic()
    try:
        answer = storage.client().head_bucket(Bucket=bucket)
    except ClientError as error:
        status = error.response["ResponseMetadata"].get("HTTPStatusCode", 0)
        if status == 404:
            return [
                _SAYS.bad(name, f"there is no bucket {bucket}", f"Make it, or name it in RX_{name.upper()}_BUCKET.")
            ]
        return [_SAYS.bad(name, f"{bucket} answers {status}", _KEYS)]
    except BotoCoreError as error:
        where = settings.RX_S3_ENDPOINT or f"AWS, {settings.RX_S3_REGION}"
        return [_SAYS.bad(name, f"{type(error).__name__}: {where}", "Look whether it runs, and at RX_S3_ENDPOINT.")]
    took = time.monotonic() - began
    found = [_SAYS.good(name, f"{bucket} answers in {took * 1000:.0f} ms")]
    if name == "originals" and (date := answer["ResponseMetadata"]["HTTPHeaders"].get("date")):
        found.append(clocks.compare(_SAYS, parsedate_to_datetime(date), before, took + 1))  # its date is whole seconds
    return found


def _missing(name: str) -> Finding:
    """Without the right to list, S3 says 403 where an object is missing, and a lost original looks like a wrong key."""
    try:
        key = f"{_FOLDER.get(name, 'doctor/')}{secrets.token_hex(16)}"
        storage.client().head_object(Bucket=_buckets()[name], Key=key)
    except ClientError as error:
        status = error.response["ResponseMetadata"].get("HTTPStatusCode", 0)
        if status == 404:
            return _SAYS.good(f"{name}: read", "what is missing is told from what is forbidden")
        return _SAYS.warn(
            f"{name}: read", f"an object that is missing is a {status}", "Allow s3:ListBucket to this role."
        )
    except BotoCoreError as error:
        return _SAYS.bad(
            f"{name}: read", type(error).__name__, "Run doctor again; if it stays, look at the storage's log."
        )
    return _SAYS.bad(
        f"{name}: read", "it has an object that nobody put", "Something between here and S3 makes up answers."
    )


def _write(name: str) -> Finding:
    """Puts one object as the service does, once, and takes it away with all versions."""
    bucket, key = _buckets()[name], f"doctor/{secrets.token_hex(16)}"
    about = f"{name}: write"
    s3 = storage.client()
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=b"", IfNoneMatch="*")
        try:
            s3.put_object(Bucket=bucket, Key=key, Body=b"", IfNoneMatch="*")
        except ClientError as error:
            once = error.response["ResponseMetadata"].get("HTTPStatusCode") in (409, 412)
        else:
            once = False
        if name == "variants":
            storage.delete_variant(key)  # without versions; a worker may not list any
        else:
            storage.delete_everything(bucket, key)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        return _SAYS.bad(about, f"refused: {code}", "Allow s3:PutObject to this role.")
    except (BotoCoreError, storage.StorageUnavailable) as error:
        return _SAYS.warn(about, f"{error}", f"{key} may be left in {bucket}; allow this role to delete versions.")
    if not once:
        do = "Use a storage that knows conditional writes: two workers could both store a variant."
        return _SAYS.bad(about, "If-None-Match is not heeded", do)
    return _SAYS.good(about, "puts once, and takes away again")


# --- Rules ---------------------------------------------------------------------------------------------------------
def _rules(name: str) -> Iterator[Finding]:
    bucket, s3 = _buckets()[name], storage.client()
    if name == "originals":
        yield _rule(
            "originals: versions",
            lambda: s3.get_bucket_versioning(Bucket=bucket).get("Status", "off"),
            lambda status: status == "Enabled",
            "Turn versioning on: without it an overwritten original is lost.",
        )
    if name == "variants":
        yield _rule(
            "variants: expiry",
            lambda: _expiry(s3.get_bucket_lifecycle_configuration(Bucket=bucket)),
            lambda days: days != "none",
            "Give it a lifecycle rule (90 days): a variant that nobody asks for is made again when somebody does.",
        )
    if name == "audit":
        yield _rule(
            "audit: object lock",
            lambda: _lock(s3.get_object_lock_configuration(Bucket=bucket)),
            lambda mode: mode.startswith("COMPLIANCE"),
            "Make the bucket with object lock in compliance mode, or anchors can be deleted by whoever has the keys.",
        )


def _expiry(answer: Any) -> str:
    days = [rule["Expiration"]["Days"] for rule in answer.get("Rules", []) if "Days" in rule.get("Expiration", {})]
    return f"{min(days)} days" if days else "none"


def _lock(answer: Any) -> str:
    kept = answer.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention", {})
    years, days = kept.get("Years"), kept.get("Days", 0)
    return f"{kept.get('Mode', 'none')}, {f'{years} years' if years else f'{days} days'}"


def _rule(name: str, ask: Callable[[], str], is_good: Callable[[str], bool], do: str) -> Finding:
    try:
        answer = ask()
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        status = str(error.response["ResponseMetadata"].get("HTTPStatusCode", 0))
        if code in _DENIED or status == "403":
            return _SAYS.unknown(name, "this role may not look", "Look with the keys of whoever set the bucket up.")
        if code.startswith("NoSuch") or code.endswith("NotFoundError"):
            return _SAYS.warn(name, "none", do)
        return _SAYS.unknown(name, f"the storage says {code or status}", "Look in its own console.")
    except BotoCoreError as error:
        return _SAYS.unknown(name, type(error).__name__)
    return _SAYS.good(name, answer) if is_good(answer) else _SAYS.warn(name, answer, do)
