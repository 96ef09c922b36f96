"""The whole stack on PostgreSQL: one render under a stampede, few connections, none of them shared by a fork."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg
import pytest
from django.db import connection

from prescriptions.models import ReasonCode
from rxproject.local import samples
from rxproject.local.stack.stack import Stack
from tests.conftest import PROJECT, site_of
from tests.databases import on_each_database
from tests.waiting import insist

CLIENTS = 200
# PostgreSQL's own default is 100, and three are kept for its owner.
CONNECTIONS = 60


@on_each_database
@pytest.mark.django_db(transaction=True)
def test_a_test_on_each_database_is_on_it_in_every_thread(request: pytest.FixtureRequest) -> None:
    def vendor(_: int) -> str:
        try:
            ReasonCode.objects.count()
            return connection.vendor
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert {connection.vendor, *pool.map(vendor, range(2))} == {request.node.callspec.params["database"]}


@contextlib.contextmanager
def most_connections(address: str) -> Iterator[list[int]]:
    """Looks all the time how many connections there are; the only entry is the most that were seen but its own."""
    most, ended = [0], threading.Event()

    def look() -> None:
        with psycopg.connect(address, autocommit=True) as database:
            while not ended.wait(0.01):
                query = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
                (now,) = database.execute(query).fetchone() or (0,)
                most[0] = max(most[0], now - 1)

    watching = threading.Thread(target=look)
    watching.start()
    try:
        yield most
    finally:
        ended.set()
        watching.join()


@pytest.mark.slow
def test_a_stampede_is_one_render(postgresql: str, tmp_path: Path) -> None:
    overrides = {"RX_DATABASE_URL": postgresql}
    with (
        Stack(state_dir=tmp_path, quick_stop=True, overrides=overrides) as stack,
        psycopg.connect(postgresql, autocommit=True) as database,
        site_of(stack) as site,
    ):
        body = site.prescription(("photo.jpg", samples.phone_photo(seed=4, megapixels=12)))
        url = body["pages"][0]["variants"]["review"]

        def ask(_: int) -> tuple[int, str]:
            with httpx.Client(timeout=60, follow_redirects=True) as client:
                answer = insist(client.get, url)
                return answer.status_code, "" if answer.status_code == 200 else answer.text

        with most_connections(postgresql) as most, ThreadPoolExecutor(CLIENTS) as pool:
            assert set(pool.map(ask, range(CLIENTS))) == {(200, "")}
        assert 0 < most[0] < CONNECTIONS
        rows = database.execute("SELECT state, attempts FROM prescriptions_variant").fetchall()
        assert rows == [("ready", 1)]
        assert len(site.objects(body["id"])) == 1


_FORKS = """
import os
from rxproject.wsgi import application
from django.db import connection

def backend():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]

parents = backend()
reading, writing = os.pipe()
child = os.fork()
if not child:
    childs = backend()
    connection.close()
    os.write(writing, f"{childs} {connection.pool.max_size}".encode())
    os._exit(0)
os.waitpid(child, 0)
print(parents, backend(), os.read(reading, 100).decode())
"""


def test_a_fork_has_connections_of_its_own_and_leaves_its_parents_alone(postgresql: str, tmp_path: Path) -> None:
    env = {
        "PATH": os.environ["PATH"],
        "RX_DATABASE_URL": postgresql,
        "RX_DATABASE_POOL": "3",
        "RX_ROLE": "generate",
        "RX_SECRET_KEY": "7e1f0c93b5a2d84e6f7a1c02d9b3e5486a0f9d1c2b7e3a586d4c1f0e9b8a7d2c",
        "RX_LINK_KEYS": "k1:7e1f0c93b5a2d84e6f7a1c02d9b3e5486a0f9d1c2b7e3a586d4c1f0e9b8a7d2c",
        "RX_AUDIT_KEYS": "a1:7e1f0c93b5a2d84e6f7a1c02d9b3e5486a0f9d1c2b7e3a586d4c1f0e9b8a7d2c",
        "RX_STATE_DIR": str(tmp_path),
    }

    done = subprocess.run(
        [sys.executable, "-c", _FORKS], cwd=PROJECT, env=env, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    first, again, childs, size = done.stdout.split()
    assert first == again
    assert childs != first
    assert size == "3"
