"""However runstack ends, its servers end: each of them, and what they forked."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import is_alive, until

ROOT = Path(__file__).parents[4]
# Like gunicorn, Celery and nginx: a master with a worker, which it ends when it is told to end.
MASTER = """
import os, signal, sys, time
worker = os.fork()
if not worker:
    time.sleep(600)
def end(*_):
    os.kill(worker, signal.SIGKILL)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print(os.getpid(), worker, flush=True)
while True: time.sleep(1)
"""
RUNNER = """
import signal, sys, time
from pathlib import Path
from rxproject.local.stack.processes.supervisor import Supervisor
from tests.rxproject.local.stack.processes import program
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
supervisor = Supervisor()
for name in ("one", "two"):
    supervisor.start(program(name, sys.argv[1], Path.cwd()))
while not stop:
    supervisor.check()
    time.sleep(0.02)
supervisor.stop(["two"], grace=5)
supervisor.stop(["one"], grace=5)
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_no_server_and_no_worker_outlives_runstack(tmp_path: Path, how: signal.Signals) -> None:
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER, MASTER], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    logs = [tmp_path / "one.log", tmp_path / "two.log"]
    until(lambda: all(log.exists() and log.read_text().endswith("\n") for log in logs))
    pids = [int(pid) for log in logs for pid in log.read_text().split()]
    assert len(pids) == 4
    assert all(is_alive(pid) for pid in pids)
    assert len({os.getpgid(pid) for pid in (pids[0], pids[2])}) == 2, "each server leads a group of its own"

    runner.send_signal(how)
    status = runner.wait(60)

    assert status == (0 if how == signal.SIGTERM else -signal.SIGKILL)
    until(lambda: not any(is_alive(pid) for pid in pids))


def test_a_server_whose_parent_is_gone_already_does_not_start(tmp_path: Path) -> None:
    child = ROOT / "rxproject/local/stack/processes/child.py"
    somebody_else = "1"

    done = subprocess.run(
        [sys.executable, "-I", "-S", child, somebody_else, "/bin/echo", "started"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (1, "", "runstack is gone\n")
