"""Indexes of tables that may be large already: people go on working while PostgreSQL builds one."""

from typing import Any

from django.db import migrations


class AddIndex(migrations.AddIndex):
    """CREATE INDEX CONCURRENTLY on PostgreSQL, in a migration with `atomic = False`; elsewhere as usual.

    May be run again after it was broken off: what PostgreSQL left of the index, which no query would use, goes first.
    """

    atomic = False

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        name = schema_editor.quote_name(self.index.name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            schema_editor.add_index(model, self.index, concurrently=True)
        else:
            schema_editor.add_index(model, self.index)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = from_state.apps.get_model(app_label, self.model_name)
        online = {"concurrently": True} if schema_editor.connection.vendor == "postgresql" else {}
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            schema_editor.remove_index(model, self.index, **online)


class AddUnique(migrations.AddConstraint):
    """A unique constraint whose index PostgreSQL builds CONCURRENTLY, in a migration with `atomic = False`; elsewhere as
    usual. May be run again after it was broken off.
    """

    atomic = False

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        if schema_editor.connection.vendor != "postgresql":
            schema_editor.add_constraint(model, self.constraint)
            return
        quote = schema_editor.quote_name
        name, table = quote(self.constraint.name), quote(model._meta.db_table)
        fields: tuple[str, ...] = self.constraint.fields  # type: ignore[attr-defined]  # a UniqueConstraint
        columns = ", ".join(quote(model._meta.get_field(field).column) for field in fields)
        schema_editor.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        schema_editor.execute(f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} ({columns})")
        schema_editor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE USING INDEX {name}")
