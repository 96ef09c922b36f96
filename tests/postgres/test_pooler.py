"""Behind a pooler that gives each transaction any connection: nothing needs the connection that it had before."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connections, transaction
from django.db import connection as current

from prescriptions import audit
from prescriptions.audit.actors import SYSTEM
from prescriptions.infra.database import prepared
from prescriptions.models import AuditEvent
from rxproject.configuration.database import connection
from tests.databases import default_database
from tests.waiting import until

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
CONFIG = """
[databases]
rx = host={host} dbname=rx_pooled user=postgres connect_query='SET statement_timeout = 1000'
[pgbouncer]
listen_addr =
unix_socket_dir = {folder}
listen_port = 6432
auth_type = any
pool_mode = transaction
default_pool_size = 2
"""
pytestmark = [pytest.mark.xdist_group("postgresql"), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def pooled(migrated: dict[str, Any], postgresql: str) -> Iterator[None]:
    """Django on a copy of that database, through PgBouncer and two connections."""
    if PGBOUNCER is None:
        pytest.skip("pgbouncer is not installed")
    with psycopg.connect(postgresql, autocommit=True) as server:
        server.execute("CREATE DATABASE rx_pooled TEMPLATE rx_tests")
        try:
            yield from _through_pgbouncer(PGBOUNCER, migrated["OPTIONS"]["host"])
        finally:
            server.execute("DROP DATABASE rx_pooled WITH (FORCE)")


def _through_pgbouncer(program: str, host: str) -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="rxpb-") as directory:
        folder = Path(directory)
        folder.chmod(0o777)
        (folder / "ini").write_text(CONFIG.format(host=host, folder=folder))
        # Never root: whoever runs PostgreSQL may use its socket.
        user = {"user": (Path(host) / ".s.PGSQL.5432").owner()} if os.geteuid() == 0 else {}
        process = subprocess.Popen([program, str(folder / "ini")], **user)  # type: ignore[call-overload]
        try:
            until(lambda: (folder / ".s.PGSQL.6432").exists())
            made = connection(f"postgresql://postgres@/rx?host={folder}&port=6432", pool=0, pooler=True)
            with default_database(connections.configure_settings({"default": made})["default"]):
                yield
        finally:
            process.terminate()
            process.wait()


@prepared.rows
def of_chain(rx: str) -> Any:
    return AuditEvent.objects.filter(rx=rx).order_by("seq")


def test_many_threads_share_two_connections(pooled: None) -> None:
    def work(number: int) -> tuple[int, int]:
        rx = f"{number:032x}"
        try:
            for _ in range(20):
                with transaction.atomic():
                    audit.record(rx, audit.Verb.PAGE_OPENED, actor=SYSTEM)
            rows = AuditEvent.objects.order_by("rx", "seq").iterator(chunk_size=7)
            seen = sum(event.rx == rx and len(of_chain(rx)) == 20 for event in rows)
            return seen, len(of_chain(rx))
        finally:
            current.close()

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(work, range(6))) == {(20, 20)}
    assert [fault for number in range(6) for fault in audit.verify(f"{number:032x}").faults] == []


def test_its_limits_end_what_hangs_and_nothing_else(pooled: None) -> None:
    with current.cursor() as cursor:
        with pytest.raises(OperationalError) as ended:
            cursor.execute("SELECT pg_sleep(30)")
        assert isinstance(ended.value.__cause__, psycopg.errors.QueryCanceled)
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
