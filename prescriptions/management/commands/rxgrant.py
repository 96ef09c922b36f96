"""`manage.py rxgrant ROLE`: the PostgreSQL role of the application, which can add to the audit log and not change it.

Run as the owner of the tables, after `migrate`. POSTGRES_APP_PASSWORD is the role's password; if it is set, the role
is made, or gets it as its new one. Repeatable.
"""

import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from psycopg import sql

from prescriptions.models import AuditAnchor, AuditAnchorHead, AuditEvent

_LOG = tuple(model._meta.db_table for model in (AuditEvent, AuditAnchor, AuditAnchorHead))
# Which migrations were applied is the owner's to say.
_READ_ONLY = ("django_migrations",)


class Command(BaseCommand):
    help = "Gives a PostgreSQL role what the application needs: all rows, but of the audit log only reading and adding."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("role", help="its name, such as rx_app; not the owner of the tables")

    def handle(self, *args: Any, role: str, **options: Any) -> None:
        if connection.vendor != "postgresql":
            raise CommandError("Only PostgreSQL has roles; on SQLite triggers alone keep the audit log.")
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT current_user")
            if cursor.fetchone() == (role,):
                raise CommandError(f"{role} owns the tables, and an owner can do everything. Name another role.")
            self._make(cursor, role, os.environ.get("POSTGRES_APP_PASSWORD", ""))
            self._refuse_powerful(cursor, role)
            for statement in _STATEMENTS:
                cursor.execute(sql.SQL(statement).format(role=sql.Identifier(role)))
            for rights, tables in (("SELECT, INSERT", _LOG), ("SELECT", _READ_ONLY)):
                for table in tables:
                    self._only(cursor, role, rights, table)
        self.stdout.write(f"{role} may use this database")

    def _make(self, cursor: Any, role: str, password: str) -> None:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
        known = cursor.fetchone()
        if not known and not password:
            raise CommandError(f"There is no role {role}. Set POSTGRES_APP_PASSWORD to make it.")
        if password:
            verb = sql.SQL("ALTER" if known else "CREATE")
            cursor.execute(
                sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}").format(
                    verb, sql.Identifier(role), sql.Literal(password)
                )
            )

    def _refuse_powerful(self, cursor: Any, role: str) -> None:
        """A superuser, or who is a member of the owner, can do what the owner can: no grant would take that away."""
        cursor.execute("SELECT pg_has_role(%s, current_user, 'MEMBER')", [role])
        if cursor.fetchone() == (True,):
            raise CommandError(f"{role} has the rights of the tables' owner. Name another role, or take them away.")

    def _only(self, cursor: Any, role: str, rights: str, table: str) -> None:
        names = {"role": sql.Identifier(role), "table": sql.Identifier(table)}
        cursor.execute(sql.SQL("REVOKE ALL ON {table} FROM {role}").format(**names))
        cursor.execute(sql.SQL("GRANT " + rights + " ON {table} TO {role}").format(**names))


_STATEMENTS = (
    "GRANT USAGE ON SCHEMA public TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
)
