"""`manage.py runstack` itself: however it ends, nothing is left; what it refuses, it says on stderr."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from rxproject.local.stack import ports
from tests.rxproject.local.stack.running import ROOT, runstack
from tests.waiting import is_alive, until

# A fresh start imports Django five times; on a busy machine that takes a while.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.long
@pytest.mark.parametrize("options", [(), ("--no-edge",)], ids=["edge", "no-edge"])
def test_after_a_sigkill_nothing_goes_on(tmp_path: Path, options: tuple[str, ...]) -> None:
    with runstack(tmp_path, *options) as run:
        everybody = run.family()
        assert ("nginx" in run.servers()) == (not options)
        assert len(everybody) >= 8

        run.process.kill()

        until(lambda: not [pid for pid in everybody if is_alive(pid)])
    assert ports.is_free(run.port)


def test_a_taken_port_is_said_on_stderr_with_exit_code_2(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        done = subprocess.run(
            [sys.executable, "manage.py", "runstack"],
            cwd=ROOT,
            env={**os.environ, "RX_STATE_DIR": str(tmp_path), "RX_PORT": str(port)},
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 2
    assert done.stderr.startswith(f"CommandError: Port {port} on 127.0.0.1 is taken by another program")
    assert "RX_PORT" in done.stderr
    assert not list(tmp_path.glob("log/*")), "nothing was started"


def test_a_port_that_is_no_number_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "runstack"],
        cwd=ROOT,
        env={**os.environ, "RX_STATE_DIR": str(tmp_path), "RX_PORT": "http"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr == "RX_PORT must be a whole number from 1 to 65535, not 'http'\n"
