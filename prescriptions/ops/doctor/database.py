"""The database: reachable, new enough, migrated, on time; and no more rights on the audit log than the role needs."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import NotSupportedError

from prescriptions.ops.doctor import clocks
from prescriptions.ops.doctor.finding import Finding, Findings

_SAYS: Final = Findings("database")
_AUDIT: Final = ("prescriptions_auditevent", "prescriptions_auditanchor")
_FORBIDDEN: Final = ("UPDATE", "DELETE", "TRUNCATE")


def look() -> Iterator[Finding]:
    try:
        connection.ensure_connection()
    except (DatabaseError, NotSupportedError) as error:  # the second: too old for Django
        told = str(error).strip().splitlines()[0] if isinstance(error, NotSupportedError) else type(error).__name__
        yield _SAYS.bad(
            "answers", told, "Look whether it runs, and at host, port, name and password in RX_DATABASE_URL."
        )
        return
    yield _SAYS.good("answers", _version())
    yield _migrations()
    if connection.vendor == "postgresql":
        yield _encryption()
        yield _clock()
        yield _rights()
        yield _connections()


def _version() -> str:
    if connection.vendor == "postgresql":
        number = connection.cursor().connection.info.server_version
        return f"PostgreSQL {number // 10_000}.{number % 10_000}"
    import sqlite3

    return f"SQLite {sqlite3.sqlite_version}: for one machine"


def _migrations() -> Finding:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        names = ", ".join(f"{step.app_label}.{step.name}" for step, _back in plan[:3])
        return _SAYS.bad("migrations", f"{len(plan)} missing: {names}", "`manage.py migrate`, as the owner's role.")
    return _SAYS.good("migrations", "all applied")


def _encryption() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        encrypted, version = cursor.fetchone() or (False, "")
    host = settings.DATABASES["default"].get("HOST", "")
    if encrypted:
        mode = settings.DATABASES["default"].get("OPTIONS", {}).get("sslmode", "prefer")
        if mode != "verify-full":
            do = "sslmode=verify-full in RX_DATABASE_URL, with sslrootcert."
            return _SAYS.warn("encryption", f"{version}, but its certificate is not checked ({mode})", do)
        return _SAYS.good("encryption", f"{version}, certificate checked")
    if not host or host.startswith("/") or host in ("127.0.0.1", "localhost", "::1"):
        return _SAYS.good("encryption", "none, and the connection stays on this machine")
    return _SAYS.warn("encryption", f"none on the way to {host}", "sslmode=verify-full in RX_DATABASE_URL.")


def _clock() -> Finding:
    with connection.cursor() as cursor:
        before = datetime.now(UTC)
        cursor.execute("SELECT clock_timestamp()")
        (theirs,) = cursor.fetchone() or (before,)
        after = datetime.now(UTC)
    return clocks.compare(_SAYS, theirs, before, (after - before).total_seconds())


def _rights() -> Finding:
    """The audit log is append-only by triggers everywhere; here the role should lack the rights as well."""
    with connection.cursor() as cursor:
        held = []
        for table in _AUDIT:
            for right in _FORBIDDEN:
                cursor.execute("SELECT has_table_privilege(current_user, %s, %s)", [table, right])
                if (cursor.fetchone() or (False,))[0]:
                    held.append(right)
    if held and settings.RX_ROLE != "manage":
        do = "Let an owner's role migrate, and this process come as one that only adds (docs/explanation/audit.md)."
        return _SAYS.warn("audit log", f"this role may {', '.join(sorted(set(held)))} there", do)
    if held:
        return _SAYS.unknown("audit log", "this is the owner's role", "Run doctor as a server, with RX_ROLE=web.")
    return _SAYS.good("audit log", "this role can only add to it")


def _connections() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
        (used,) = cursor.fetchone() or (0,)
        cursor.execute("SELECT current_setting('max_connections')::int")
        (most,) = cursor.fetchone() or (0,)
    seen = f"{used} of {most} in use"
    if used > 0.8 * most:
        return _SAYS.warn("connections", seen, "Lower RX_DATABASE_POOL, or raise max_connections.")
    return _SAYS.good("connections", seen)
