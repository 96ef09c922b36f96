"""Hosts agree on the time by asking the database."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from prescriptions.infra import per_process
from prescriptions.infra.database import agreed
from tests.databases import on_each_database

pytestmark = [on_each_database, pytest.mark.django_db]


def test_a_clock_that_is_ahead_counts_only_where_there_is_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = timedelta(hours=1)
    monkeypatch.setattr(timezone, "now", lambda: datetime.now(UTC) + ahead)
    with per_process.anew():
        off = agreed.now() - datetime.now(UTC)

    expected = ahead if connection.vendor == "sqlite" else timedelta(0)
    assert abs(off - expected) < timedelta(minutes=1)
