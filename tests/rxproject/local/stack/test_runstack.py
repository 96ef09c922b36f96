"""`manage.py runstack` itself: all comes up, keeps its secrets apart, survives a death, ends without a trace."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from rxproject.local.stack import ports
from rxproject.local.stack.launch import START_SECONDS
from rxproject.local.stack.readiness import http_status
from tests.rxproject.local.stack.processes import PATIENCE_SECONDS, environment_of, is_alive, wait_for

ROOT = Path(__file__).parents[4]
# A fresh start imports Django five times; on a busy machine that takes a while.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Run:
    """One running command."""

    process: subprocess.Popen[str]
    state: Path
    port: int

    def servers(self) -> dict[str, int]:
        """The servers' process ids, by role where Django runs and by program elsewhere."""
        found = {}
        for pid in children_of(self.process.pid):
            with suppress(OSError):  # it died, and was not collected yet
                program = Path(f"/proc/{pid}/exe").readlink().name
                found[environment_of(pid).get("RX_ROLE", program)] = pid
        return found

    def family(self) -> list[int]:
        """Every process that runstack started, and all that these started."""
        return [pid for pid in descendants_of(self.process.pid) if is_alive(pid)]


@contextmanager
def runstack(state: Path, *options: str) -> Iterator[Run]:
    port = ports.pick(front=None).front
    process = subprocess.Popen(
        [sys.executable, "manage.py", "runstack", *options],
        cwd=ROOT,
        env={**os.environ, "RX_STATE_DIR": str(state), "RX_PORT": str(port), "RX_S3_SECRET_KEY": "the caller's"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: process.poll() is not None or http_status(port, "/readyz") == 200, START_SECONDS + 30)
        assert process.poll() is None, process.communicate()
        yield Run(process, state, port)
    finally:
        process.kill()
        process.communicate()


def children_of(parent: int) -> list[int]:
    tasks = Path(f"/proc/{parent}/task").glob("*/children")
    return [int(pid) for task in tasks for pid in task.read_text().split()]


def descendants_of(parent: int) -> list[int]:
    return [pid for child in children_of(parent) for pid in (child, *descendants_of(child))]


def listening_addresses(pids: list[int]) -> set[str]:
    """Addresses (in the kernel's hex) on which any of these processes listens."""
    mine = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            if match := re.match(r"socket:\[(\d+)\]", str(link.readlink())):
                mine.add(match[1])
    rows = [row.split() for table in ("tcp", "tcp6") for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
    return {row[1].split(":")[0] for row in rows if row[3] == "0A" and row[9] in mine}


def test_the_life_of_a_stack(tmp_path: Path) -> None:
    with runstack(tmp_path, "--demo") as run:
        wait_for((tmp_path / "demo.json").exists, START_SECONDS)

        # Every server is there, on loopback alone.
        servers = run.servers()
        assert set(servers) == {"weed", "valkey-server", "web", "generate", "worker", "beat", "nginx"}
        assert listening_addresses(run.family()) == {"0100007F"}

        # No process was given what belongs to another, nor anything of the caller's. (nginx hides its environment.)
        secrets = json.loads((tmp_path / "secrets.json").read_text())
        environments = {
            name: " ".join(environment_of(pid).values()) for name, pid in servers.items() if name != "nginx"
        }
        holders = {
            name: {server for server, values in environments.items() if secret in values}
            for name, secret in {**secrets["s3"], **secrets, "caller": "the caller's"}.items()
            if isinstance(secret, str)
        }
        assert holders == {
            "bootstrap": set(),
            "web": {"web", "generate", "beat"},
            "renderer": {"worker"},
            "edge": set(),
            "web_secret": {"web", "generate"},
            "worker_secret": {"worker", "beat"},
            "link_keys": {"web", "generate"},
            "redis_password": {"web", "generate", "worker", "beat"},
            "filer_read": {"weed"},
            "filer_write": {"weed"},
            "volume_write": {"weed"},
            "gateway": set(),  # nothing asks for Lambda here
            "caller": set(),
        }

        # What scripts and commands beside the stack need is written for this user alone.
        demo = json.loads((tmp_path / "demo.json").read_text())
        assert demo["base_url"] == f"http://127.0.0.1:{run.port}"
        assert {"token", "users", "prescriptions"} <= set(demo)
        assert "pharmacist" in demo["users"]
        settings = dict(line.split("=", 1) for line in (tmp_path / "stack.env").read_text().splitlines())
        assert settings["RX_LINK_KEYS"] == secrets["link_keys"]
        modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in ("demo.json", "stack.env", "db.sqlite3")}
        assert (modes["demo.json"], modes["stack.env"]) == (0o600, 0o600)

        # A dead server and all its workers are replaced.
        family = [servers["worker"], *descendants_of(servers["worker"])]
        assert len(family) > 1, "given a master with workers"
        os.kill(servers["worker"], signal.SIGKILL)
        wait_for(lambda: run.servers().get("worker", servers["worker"]) != servers["worker"])
        assert not any(is_alive(pid) for pid in family)
        assert run.servers().keys() == servers.keys()

        # SIGTERM ends all of it, in order and completely.
        everybody = run.family()
        home = Path((tmp_path / "run" / "tmpfs").read_text())
        assert home.is_dir()
        run.process.send_signal(signal.SIGTERM)
        said, complained = run.process.communicate(timeout=PATIENCE_SECONDS)
        assert (run.process.returncode, complained) == (0, "")
        assert demo["order_link"] in said
        assert demo["users"]["pharmacist"]["password"] in said
        assert said.endswith("Stopping ...\nStopped.\n")
        wait_for(lambda: not any(is_alive(pid) for pid in everybody))
        assert [path for path in (home, tmp_path / "demo.json", tmp_path / "stack.env") if path.exists()] == []


@pytest.mark.parametrize("options", [(), ("--no-edge",)], ids=["edge", "no-edge"])
def test_after_a_sigkill_nothing_goes_on(tmp_path: Path, options: tuple[str, ...]) -> None:
    with runstack(tmp_path, *options) as run:
        everybody = run.family()
        assert ("nginx" in run.servers()) == (not options)
        assert len(everybody) >= 8

        run.process.kill()

        wait_for(lambda: not [pid for pid in everybody if is_alive(pid)])
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
