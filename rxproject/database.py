"""How processes talk to their database: what SQLite and PostgreSQL each need to be told."""

from typing import Any, Final

import dj_database_url

# A host that vanishes closes nothing. Without these its own requests would wait for a quarter of an hour, and what its
# open transactions have locked would stay so for two: each side gives the other up after 25 seconds.
_OURS: Final = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 25_000}
_SERVERS: Final = " ".join(
    f"-c {name}={value}"
    for name, value in {
        "tcp_keepalives_idle": 10, "tcp_keepalives_interval": 5, "tcp_keepalives_count": 3, "tcp_user_timeout": 25_000
    }.items()
)  # fmt: skip


def connection(address: str, *, pool: int, ca_file: str = "") -> dict[str, Any]:
    """Django's description of a database. `pool`: connections that the threads of one process share, 0 for none.
    `ca_file`: what its certificate is checked against, if the address says that it is checked and not how.
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
    options = made["OPTIONS"] = {"connect_timeout": 3, "options": _SERVERS, **_OURS, **made.get("OPTIONS", {})}
    if ca_file and options.get("sslmode", "").startswith("verify-"):
        options.setdefault("sslrootcert", ca_file)
    if pool:
        made["CONN_MAX_AGE"] = 0  # a request's connection goes back to the pool, which keeps it
        made["OPTIONS"]["pool"] = {
            "min_size": 1,
            "max_size": pool,
            "timeout": 10,  # for a connection to become free; then 503, and the client asks again
            "max_idle": 60,
        }
    return made
