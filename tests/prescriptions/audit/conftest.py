"""An audit log with its witnesses: a Redis database and a folder of the bucket that nobody else uses."""

import os
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from django.conf import settings as live
from django.db import connection

from prescriptions import audit
from prescriptions.audit.actors import CUSTOMER
from prescriptions.infra import per_process, redis_client
from prescriptions.models import new_identifier


@pytest.fixture
def witnesses(servers: Any, settings: Any) -> Iterator[None]:
    """Both are the stack's, and this test's alone: a database of Redis, and a bucket of the worker's own."""
    number = 1 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    settings.RX_REDIS_URL = f"{live.RX_REDIS_URL.rpartition('/')[0]}/{number}"
    settings.RX_AUDIT_BUCKET = f"rx-audit-{new_identifier()[:12]}"
    bootstrap = servers.s3_client("bootstrap")
    bootstrap.create_bucket(Bucket=settings.RX_AUDIT_BUCKET, ObjectLockEnabledForBucket=True)
    settings.RX_S3_ACCESS_KEY, settings.RX_S3_SECRET_KEY = "bootstrap", servers.keys.s3["bootstrap"]
    per_process.forget()
    redis = redis_client.connection()
    redis.flushdb()
    yield
    redis.flushdb()
    per_process.forget()


@pytest.fixture
def rx() -> str:
    """A chain of four events, the only one."""
    rx = new_identifier()
    for number in range(1, 5):
        audit.record(rx, audit.Verb.PAGE_OPENED, actor=CUSTOMER, data={"page": number})
    return rx


@pytest.fixture
def burglar() -> Iterator[Any]:
    """Somebody with the database's own rights, who took the seals off."""
    editor = type("Editor", (), {"connection": connection})()
    with connection.cursor() as cursor:
        editor.execute = cursor.execute
        import_module("prescriptions.migrations.0003_audit_append_only").unseal(None, editor)
        yield cursor
