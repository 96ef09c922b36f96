"""A worker that hangs, ends: real ones, whatever it is that stands still."""

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from prescriptions.variants.backends import celery_queue
from rxproject.local.stack.view import View
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
# What hangs, and how it ends: by the thread that looks, or (1) by the interpreter's alarm.
HANGS = {"loop": os.EX_SOFTWARE, "threads": os.EX_SOFTWARE, "clock": os.EX_SOFTWARE, "interpreter": 1}


def worker(name: str, stack: View, folder: Path) -> subprocess.Popen[bytes]:
    env = stack.env_for("beat" if name == "clock" else "web")
    env |= {"HANG": name, "RX_STATE_DIR": str(folder / name), "RX_METRICS_DIR": ""}
    env |= {} if name == "clock" else {"RX_ROLE": "manage"}
    env["RX_DATABASE_URL"] = f"sqlite:///{stack.state.database}"
    (folder / name).mkdir()
    quiet = ["--pool=threads", "--concurrency=2", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    options = [
        f"--queues={celery_queue.queue_of(f'hang-{name}')}",
        f"--hostname={name}@hangs",
        f"--schedule={folder / name / 'schedule'}",
    ]
    with (folder / name / "log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "celery", "--app=tests.rxproject.hanging", "worker", *quiet, *options],
            cwd=ROOT,
            env=env,
            stdout=log,
            stderr=log,
        )


@pytest.mark.slow
def test_whatever_hangs_the_process_ends_and_says_where(stack: View, servers: None, tmp_path: Path) -> None:
    with ExitStack() as started:
        # given workers that take messages
        workers = {name: worker(name, stack, tmp_path) for name in HANGS}
        for process in workers.values():
            started.callback(process.wait)
            started.callback(process.kill)
        for name in HANGS:
            until(lambda name=name: list((tmp_path / name).glob("*.alive")), name)  # type: ignore[misc]

        # when something stands still, as one or all of its threads do
        for name in HANGS:
            celery_queue.send("0" * 32, "0" * 32, lane=f"hang-{name}", unit="hangs")

        # then each process is over
        codes = {name: until(process.poll, f"the end of {name}") for name, process in workers.items()}

    assert codes == HANGS
    for name in HANGS:
        said = (tmp_path / name / "log").read_text()
        assert "most recent call first" in said, name  # of each thread
        assert (f'"what": "{name}"' in said) is (name != "interpreter"), said
