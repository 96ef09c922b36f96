"""A site of its own to lose and to restore: a database that goes back, and buckets that do not."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import transaction
from pytest_django import Settings

from prescriptions import audit
from prescriptions.infra import per_process
from prescriptions.models import new_identifier
from prescriptions.upkeep.restoring import checking
from rxproject.local.stack.stack import Stack
from tests.prescriptions.audit.conftest import witnesses  # noqa: F401


@pytest.fixture(autouse=True)
def originals_of_its_own(servers: Stack, settings: Settings, witnesses: None) -> None:  # noqa: F811
    """A whole listing is read: nobody else's uploads may be in it."""
    settings.RX_ORIGINALS_BUCKET = f"rx-originals-{new_identifier()[:12]}"
    bootstrap = servers.s3_client("bootstrap")
    bootstrap.create_bucket(Bucket=settings.RX_ORIGINALS_BUCKET)
    bootstrap.put_bucket_versioning(Bucket=settings.RX_ORIGINALS_BUCKET, VersioningConfiguration={"Status": "Enabled"})


def seal() -> None:
    """What beat does every few minutes."""
    audit.anchor()
    audit.publish()


@contextmanager
def lost_with_the_database() -> Iterator[None]:
    """The back-up is made at the beginning and restored at the end: rows go back, objects do not."""
    back_up = transaction.savepoint()
    yield
    transaction.savepoint_rollback(back_up)
    per_process.forget()


def check() -> checking.Report:
    """As the command does while nothing serves."""
    return checking.check(stopped=True)
