"""`manage.py runstack --demo`: every server is there with its own secrets alone, and a day of reviews, loaded once."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rxproject.local.demo.load import PATIENT
from tests.rxproject.local.stack.processes import environment_of
from tests.rxproject.local.stack.running import ROOT, Run, descendants_of, runstack
from tests.waiting import SECONDS, is_alive, until

# The photos of the day are drawn in full size; on a busy machine that takes minutes.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400), pytest.mark.xdist_group("demo")]

SERVERS = {"weed", "valkey-server", "web", "generate", "worker", "beat", "nginx"}
HOLDERS: dict[str, set[str]] = {
    "bootstrap": set(),
    "web": {"web", "generate", "beat"},
    "renderer": {"worker"},
    "edge": set(),  # nginx hides its environment
    "web_secret": {"web", "generate"},
    "worker_secret": {"worker", "beat"},
    "link_keys": {"web", "generate"},
    "audit_keys": {"web", "generate", "beat"},
    "redis_password": {"web", "generate", "worker", "beat"},
    "filer_read": {"weed"},
    "filer_write": {"weed"},
    "volume_write": {"weed"},
    "gateway": set(),  # nothing asks for Lambda here
    "caller": set(),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Ended by SIGTERM after the last test: in order, and completely."""
    with runstack(tmp_path_factory.mktemp("demo"), "--demo", RX_S3_SECRET_KEY="the caller's") as running:
        yield running

        everybody = running.family()
        home = Path((running.state / "run" / "tmpfs").read_text())
        left = (home, running.state / "demo.json", running.state / "stack.env")
        assert all(path.exists() for path in left)
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(SECONDS)
        assert (running.process.returncode, running.complained) == (0, "")
        assert running.said.endswith("Stopping ...\nStopped.\n")
        until(lambda: not any(is_alive(pid) for pid in everybody))
        assert [path for path in left if path.exists()] == []


def demo_of(run: Run) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run.state / "demo.json").read_text())
    return content


def listening_addresses(pids: list[int]) -> set[str]:
    """Addresses (in the kernel's hex) on which any of these processes listens."""
    mine = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            if match := re.match(r"socket:\[(\d+)\]", str(link.readlink())):
                mine.add(match[1])
    rows = [row.split() for table in ("tcp", "tcp6") for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
    return {row[1].split(":")[0] for row in rows if row[3] == "0A" and row[9] in mine}


def test_every_server_is_there_on_loopback_alone(run: Run) -> None:
    assert run.servers().keys() == SERVERS
    assert listening_addresses(run.family()) == {"0100007F"}


def test_no_process_is_given_what_belongs_to_another_nor_anything_of_the_callers(run: Run) -> None:
    kept = json.loads((run.state / "secrets.json").read_text())
    secrets = {**kept["s3"], **{name: value for name, value in kept.items() if name != "s3"}, "caller": "the caller's"}
    given = {name: " ".join(environment_of(pid).values()) for name, pid in run.servers().items() if name != "nginx"}

    assert {
        name: {who for who, values in given.items() if value in values} for name, value in secrets.items()
    } == HOLDERS


def test_what_people_and_scripts_need_is_told_to_this_user_alone(run: Run) -> None:
    demo = demo_of(run)
    settings = dict(line.split("=", 1) for line in (run.state / "stack.env").read_text().splitlines())

    assert demo["base_url"] == f"http://127.0.0.1:{run.port}"
    assert demo["order_link"] in run.said
    assert demo["users"]["pharmacist"]["password"] in run.said
    assert settings["RX_LINK_KEYS"] == json.loads((run.state / "secrets.json").read_text())["link_keys"]
    assert [(run.state / name).stat().st_mode & 0o777 for name in ("demo.json", "stack.env")] == [0o600, 0o600]


def test_a_dead_server_and_all_its_workers_are_replaced(run: Run) -> None:
    worker = run.servers()["worker"]
    family = [worker, *descendants_of(worker)]
    assert len(family) > 1, "given a master with workers"

    os.kill(worker, signal.SIGKILL)

    until(lambda: run.servers().get("worker", worker) != worker)
    until(lambda: not any(is_alive(pid) for pid in family))  # told to end before, and on a busy machine a moment later
    until(lambda: run.servers().keys() == SERVERS)  # the new one has its own name once it has started


def test_the_day_has_every_kind_of_review(run: Run) -> None:
    with sqlite3.connect(run.state / "db.sqlite3") as database:
        found = database.execute(
            "SELECT r.status, r.is_small, r.valid_until IS NOT NULL, p.patient_ref"
            " FROM prescriptions_review r JOIN prescriptions_prescription p ON p.id = r.prescription_id"
        ).fetchall()
        times = database.execute("SELECT rx, at FROM prescriptions_auditevent ORDER BY rx, seq").fetchall()
        doubles = database.execute(
            "SELECT count(*) FROM prescriptions_review WHERE lookalikes LIKE '%: 0}%'"
        ).fetchone()

    assert Counter(status for status, *_ in found) == {
        "queued": 8,
        "approved": 1,
        "partially_approved": 1,
        "rejected": 1,
        "clarification": 1,
        "second_check": 1,
    }
    assert sum(small for _, small, *_ in found) == 1
    assert ("approved", 0, 1, PATIENT) in found
    assert doubles == (1,)
    assert times == sorted(times), "the audit log runs forward"


def test_loading_it_again_changes_nothing(run: Run) -> None:
    # given a command beside the stack, which finds that by itself
    before = demo_of(run)
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("RX_", "DJANGO_"))}
    kept = run.state / "run" / "demo.json"

    subprocess.run(
        [sys.executable, "manage.py", "demo_load", "--output", str(kept)],
        cwd=ROOT,
        env={**mine, "RX_STATE_DIR": str(run.state)},
        capture_output=True,
        check=True,
    )

    after = json.loads(kept.read_text())
    assert [entry["id"] for entry in after["prescriptions"]] == [entry["id"] for entry in before["prescriptions"]]
    assert (after["token"], after["users"]) == (before["token"], before["users"])
