"""Is there anything to migrate? Asking a file takes milliseconds; a process that only finds out takes two seconds."""

import sqlite3
from contextlib import closing
from pathlib import Path

from django.apps import apps


def is_up_to_date(database: Path) -> bool:
    """Does this SQLite file say that all migrations of the installed apps were applied? False where nobody can tell."""
    if not apps.ready or not database.exists():
        return False
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            applied = set(connection.execute("SELECT app, name FROM django_migrations"))
    except sqlite3.Error:
        return False
    return applied >= _on_disk()


def _on_disk() -> set[tuple[str, str]]:
    return {
        (app.label, path.stem)
        for app in apps.get_app_configs()
        for path in (Path(app.path) / "migrations").glob("[0-9]*.py")
    }
