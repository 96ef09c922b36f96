"""Looks are counted by the hour, edges' logs remember how far they were read; and the auditor's desk has its indexes."""

from typing import Any

import django.utils.timezone
from django.db import migrations, models

# As plain SQL: Django does not manage this table. Each question of the desk ends in the same order, newest first.
_INDEXES = {
    "audit_newest": "(at, id)",
    "audit_actor": "(actor, at, id)",
    "audit_verb": "(verb, at, id)",
    "audit_actor_verb": "(actor, verb, at, id)",
}


# What `audit_newest` is instead of.
_OLD = {"audit_time": "(at)"}


def add(apps: Any, schema_editor: Any) -> None:
    _make(schema_editor, _INDEXES)
    _drop(schema_editor, _OLD)


def remove(apps: Any, schema_editor: Any) -> None:
    _make(schema_editor, _OLD)
    _drop(schema_editor, _INDEXES)


def _make(schema_editor: Any, indexes: dict[str, str]) -> None:
    """On PostgreSQL people go on working; and what was left of it, if this was broken off before, goes first."""
    _drop(schema_editor, indexes)
    how = "CONCURRENTLY" if schema_editor.connection.vendor == "postgresql" else ""
    for name, columns in indexes.items():
        schema_editor.execute(f"CREATE INDEX {how} {name} ON prescriptions_auditevent {columns}")


def _drop(schema_editor: Any, indexes: dict[str, str]) -> None:
    how = "CONCURRENTLY" if schema_editor.connection.vendor == "postgresql" else ""
    for name in indexes:
        schema_editor.execute(f"DROP INDEX {how} IF EXISTS {name}")


class Migration(migrations.Migration):
    atomic = False  # or PostgreSQL would lock the table while it builds an index

    dependencies = [("prescriptions", "0019_revoked_order_links")]

    operations = [
        migrations.RunPython(add, remove),
        migrations.CreateModel(
            name="EdgeLog",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("edge", models.CharField(max_length=27)),
                ("identity", models.CharField(max_length=64)),
                ("offset", models.PositiveBigIntegerField(default=0)),
                ("lines", models.PositiveBigIntegerField(default=0)),
                ("malformed", models.PositiveBigIntegerField(default=0)),
                ("until", models.DateTimeField(null=True)),
                ("ended", models.BooleanField(default=False)),
                ("read_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("edge", "identity"), name="edge_log")],
            },
        ),
        migrations.CreateModel(
            name="Look",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("hour", models.DateTimeField()),
                ("rx", models.CharField(max_length=32)),
                ("verb", models.CharField(max_length=40)),
                ("actor", models.CharField(max_length=64)),
                ("detail", models.CharField(max_length=250)),
                ("actor_name", models.CharField(blank=True, max_length=150)),
                ("count", models.PositiveBigIntegerField(default=0)),
                ("first", models.DateTimeField(null=True)),
                ("last", models.DateTimeField(null=True)),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["actor", "verb", "hour"], name="look_actor")],
                "constraints": [
                    models.UniqueConstraint(fields=("hour", "rx", "verb", "actor", "detail"), name="look_tally")
                ],
            },
        ),
    ]
