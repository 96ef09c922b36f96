"""Whether `migrate` would do anything, told from the file alone."""

import sqlite3
from pathlib import Path

import pytest
from django.db.migrations.loader import MigrationLoader

from rxproject.local.stack import migrated


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """As if every migration that Django knows had been applied."""
    path = tmp_path / "db.sqlite3"
    known = MigrationLoader(None).disk_migrations
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE django_migrations (app, name)")
        connection.executemany("INSERT INTO django_migrations VALUES (?, ?)", known)
    return path


def test_a_database_that_knows_all_migrations_need_not_be_migrated(database: Path) -> None:
    assert migrated.is_up_to_date(database)


@pytest.mark.parametrize("app", ["prescriptions", "auth", "axes"])
def test_one_that_is_missing_is_seen(database: Path, app: str) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("DELETE FROM django_migrations WHERE app = ? AND name LIKE '0002%'", [app])

    assert not migrated.is_up_to_date(database)


def test_what_is_no_database_of_ours_is_migrated(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("no database")

    assert not any(migrated.is_up_to_date(tmp_path / name) for name in ("missing", "empty", "text"))
