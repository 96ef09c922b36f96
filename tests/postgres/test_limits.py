"""Time-outs on PostgreSQL: a statement, a wait for a lock, a transaction that does nothing. Migrations have none."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, OperationalError, connections, transaction
from django.db import connection as current

from prescriptions.infra.middleware import problem_for
from rxproject.configuration.database import Limits, connection
from tests.conftest import PROJECT
from tests.databases import default_database
from tests.waiting import until

pytestmark = [pytest.mark.xdist_group("postgresql"), pytest.mark.django_db(transaction=True)]
ROW = "SELECT 1 FROM django_migrations WHERE id = 1 FOR UPDATE"


@pytest.fixture
def limited(migrated: dict[str, Any], postgresql: str) -> Iterator[str]:
    """Django on that database, with a second for everything; the same without limits."""
    address = postgresql.replace("/postgres?", "/rx_tests?")
    made = connection(address, pool=0, limited=Limits(statement=2, lock=1, idle=1))
    with default_database(connections.configure_settings({"default": made})["default"]):
        yield address


def test_a_statement_ends_and_the_connection_is_good_again(limited: str) -> None:
    with current.cursor() as cursor:
        with pytest.raises(OperationalError) as ended:
            cursor.execute("SELECT pg_sleep(30)")
        assert isinstance(ended.value.__cause__, psycopg.errors.QueryCanceled)
        cursor.execute("SELECT 1")
    answer = problem_for(ended.value)
    assert answer is not None
    assert (answer.status, answer.retry_after is not None) == (503, True)


def test_nobody_waits_for_a_lock_for_long(limited: str) -> None:
    with psycopg.connect(limited) as other, current.cursor() as cursor:
        other.execute(ROW)
        with pytest.raises(OperationalError) as ended:
            cursor.execute(ROW)
        assert isinstance(ended.value.__cause__, psycopg.errors.LockNotAvailable)


def test_a_transaction_that_does_nothing_is_ended(limited: str) -> None:
    (mine,) = _row("SELECT pg_backend_pid()")
    with psycopg.connect(limited, autocommit=True) as other:

        def is_gone() -> bool:
            return other.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [mine]).fetchone() is None

        with contextlib.suppress(DatabaseError), transaction.atomic():
            _row("SELECT 1")
            until(is_gone)
            with pytest.raises(DatabaseError, match="idle-in-transaction"):
                _row("SELECT 1")
    current.close()


def _row(query: str) -> Any:
    with current.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()


_SETTINGS = """
import importlib, sys
sys.argv = ["manage.py"]
import rxproject.settings as settings
print(settings.DATABASES["default"]["OPTIONS"])
sys.argv = ["gunicorn"]
print(importlib.reload(settings).DATABASES["default"]["OPTIONS"])
"""


def test_what_manage_py_runs_has_no_limits_whatever_its_role() -> None:
    env = {"RX_ROLE": "beat", "RX_SECRET_KEY": "s" * 50, "RX_DATABASE_URL": "postgresql://rx@127.0.0.1/rx"}
    done = subprocess.run(
        [sys.executable, "-c", _SETTINGS], cwd=PROJECT, env=env, capture_output=True, text=True, check=True
    )

    commands, servers = done.stdout.splitlines()
    assert "statement_timeout" not in commands
    assert "-c statement_timeout=300s -c lock_timeout=30s -c idle_in_transaction_session_timeout=300s" in servers
