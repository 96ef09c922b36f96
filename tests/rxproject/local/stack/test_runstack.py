"""`manage.py runstack` itself: however it ends, nothing is left; what it refuses, it says on stderr."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from rxproject.local.stack import ports
from tests.rxproject.local.stack.running import ROOT, runstack
from tests.waiting import SECONDS, is_alive, until

# A fresh start imports Django five times; on a busy machine that takes a while.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_sigterm_ends_all_of_it_in_order_and_completely(tmp_path: Path) -> None:
    with runstack(tmp_path) as run:
        everybody = run.family()
        home = Path((tmp_path / "run" / "tmpfs").read_text())
        (tmp_path / "demo.json").touch()  # as with --demo
        assert home.is_dir()
        assert (tmp_path / "stack.env").exists()

        run.process.send_signal(signal.SIGTERM)
        run.process.wait(SECONDS)

        assert (run.process.returncode, run.complained) == (0, "")
        assert run.said.endswith("Stopping ...\nStopped.\n")
        until(lambda: not any(is_alive(pid) for pid in everybody))
        assert [path for path in (home, tmp_path / "demo.json", tmp_path / "stack.env") if path.exists()] == []


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
