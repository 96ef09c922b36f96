"""Which lists had a prescription on them is answered by an index, on PostgreSQL."""

from typing import Any

from django.db import migrations

_NAME = "audit_listed"


def add(apps: Any, schema_editor: Any) -> None:
    """People go on working; and what was left of it, if this was broken off before, goes first."""
    remove(apps, schema_editor)
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            f"CREATE INDEX CONCURRENTLY {_NAME} ON prescriptions_auditevent USING gin (data jsonb_path_ops) "
            "WHERE verb = 'prescriptions.listed'"
        )


def remove(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {_NAME}")


class Migration(migrations.Migration):
    atomic = False  # or PostgreSQL would lock the table while it builds the index

    dependencies = [("prescriptions", "0036_incoming")]

    operations = [migrations.RunPython(add, remove)]
