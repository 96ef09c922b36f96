"""How processes talk to their database: what SQLite and PostgreSQL each need to be told."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import dj_database_url

from rxproject.configuration.environment import Kind

# A host that vanishes closes nothing. Without these its own requests would wait for a quarter of an hour, and what its
# open transactions have locked would stay so for two: each side gives the other up after 25 seconds.
_OURS: Final = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 25_000}
_SERVERS: Final = " ".join(
    f"-c {name}={value}"
    for name, value in {
        "tcp_keepalives_idle": 10, "tcp_keepalives_interval": 5, "tcp_keepalives_count": 3, "tcp_user_timeout": 25_000
    }.items()
)  # fmt: skip

# Whoever hangs lets go: people's requests first.
LIMITS: Final = "web:15/5/30,generate:15/5/30,worker:30/10/60,beat:300/30/300"
_ONE: Final = re.compile(r"(web|generate|worker|beat|manage):(\d{1,5})/(\d{1,5})/(\d{1,5})")


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds, 0 for none: how long one statement may run, how long it may wait for a lock, and how long a transaction
    may do nothing.
    """

    statement: int = 0
    lock: int = 0
    idle: int = 0

    def as_options(self) -> str:
        """As PostgreSQL takes them when a connection is opened."""
        named = {
            "statement_timeout": self.statement,
            "lock_timeout": self.lock,
            "idle_in_transaction_session_timeout": self.idle,
        }
        return " ".join(f"-c {name}={seconds}s" for name, seconds in named.items() if seconds)


def limits() -> Kind[Mapping[str, Limits]]:
    """Limits of each role; those that are not named have none."""

    def parse(value: str) -> Mapping[str, Limits]:
        found = [_ONE.fullmatch(part.strip()) for part in value.split(",")]
        made = {one[1]: Limits(*map(int, one.groups()[1:])) for one in found if one}
        if len(made) < len(found):
            raise ValueError(value)
        return made

    allowed = "role:statement/lock/idle in seconds with commas between them, each role once, 0 for no limit"
    return Kind(allowed, parse)


def limits_of(role: str, by_role: Mapping[str, Limits]) -> Limits:
    """Those of this process. Migrations and commands take the time that they need, also with a server's settings."""
    runs = "manage" if Path(sys.argv[0]).name == "manage.py" else role
    return by_role.get(runs, Limits())


def connection(
    address: str, *, pool: int, ca_file: str = "", limited: Limits = Limits(), pooler: bool = False
) -> dict[str, Any]:
    """Django's description of a database. `pool`: connections that the threads of one process share, 0 for none.
    `ca_file`: what its certificate is checked against, if the address says that it is checked and not how.

    `pooler`: the address is that of a pooler which gives each transaction any connection (PgBouncer, RDS Proxy): what a
    connection would remember is not asked for.
    """
    made: dict[str, Any] = dict(dj_database_url.parse(address))
    # Opening a connection, even to a file, costs more than the queries of most requests.
    made["CONN_MAX_AGE"] = 60
    if made["ENGINE"].endswith("sqlite3"):
        # Without WAL and IMMEDIATE half of the concurrent writers fail with "database is locked".
        made["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA foreign_keys=ON;"
            # What is deleted is overwritten: otherwise its bytes would stay in free pages of the file.
            "PRAGMA secure_delete=ON",
        }
        return made
    made["CONN_HEALTH_CHECKS"] = True
    options = made["OPTIONS"] = {"connect_timeout": 3, **_OURS, **made.get("OPTIONS", {})}
    if ca_file and options.get("sslmode", "").startswith("verify-"):
        options.setdefault("sslrootcert", ca_file)
    if pooler:
        made["DISABLE_SERVER_SIDE_CURSORS"] = True  # the next rows would be asked of another connection
    else:
        options.setdefault("options", f"{_SERVERS} {limited.as_options()}".strip())
    if pool:
        made["CONN_MAX_AGE"] = 0  # a request's connection goes back to the pool, which keeps it
        made["OPTIONS"]["pool"] = {
            "min_size": 1,
            "max_size": pool,
            "timeout": 10,  # for a connection to become free; then 503, and the client asks again
            "max_idle": 60,
        }
    return made
