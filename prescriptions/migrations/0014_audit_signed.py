"""Audit rows are signed: they name their key. And SQLite no longer lets a REPLACE pass for an insert."""
# ruff: noqa: S608 - statements of constants

from typing import Any

from django.db import migrations

# Tables that Django does not manage, and the columns that they gain.
COLUMNS = (
    ("prescriptions_auditevent", "key", "varchar(8) NOT NULL DEFAULT ''"),
    ("prescriptions_auditanchor", "key", "varchar(8) NOT NULL DEFAULT ''"),
    ("prescriptions_auditanchor", "events", "bigint NOT NULL DEFAULT 0"),
)
# What makes a row the same row, by table: to insert it again would replace it.
SAME = (
    ("prescriptions_auditevent", "id = NEW.id OR (rx = NEW.rx AND seq = NEW.seq)"),
    ("prescriptions_auditanchor", "id = NEW.id"),
    ("prescriptions_auditanchorhead", "id = NEW.id OR (anchor_id = NEW.anchor_id AND rx = NEW.rx)"),
)


def extend(apps: Any, schema_editor: Any) -> None:
    # As plain SQL: Django would copy a table of SQLite, and the triggers would stay behind.
    for table, column, kind in COLUMNS:
        schema_editor.execute(f'ALTER TABLE {table} ADD COLUMN "{column}" {kind}')
    if schema_editor.connection.vendor == "sqlite":
        for table, same in SAME:
            schema_editor.execute(
                f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
                f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) "
                "BEGIN SELECT RAISE(ABORT, 'audit rows are append-only'); END"
            )


def shorten(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "sqlite":
        for table, _ in SAME:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_no_replace")
    for table, column, _ in COLUMNS:
        schema_editor.execute(f'ALTER TABLE {table} DROP COLUMN "{column}"')


class Migration(migrations.Migration):
    dependencies = [("prescriptions", "0013_references_found")]

    operations = [migrations.RunPython(extend, shorten)]
