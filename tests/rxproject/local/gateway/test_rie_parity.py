"""Our runtimes against AWS's own Runtime Interface Emulator: the same function, the same events, the same ends.

Opt-in: RX_RIE names the emulator's program (aws-lambda-rie, from AWS's GitHub page or the aws-sam-cli package).
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.rxproject.local.gateway.process import FUNCTION, ROOT, Gateway, running
from tests.waiting import free_port, listens, until

RIE = os.environ.get("RX_RIE") or shutil.which("aws-lambda-rie")
pytestmark = pytest.mark.skipif(not RIE, reason="RX_RIE does not name AWS's runtime interface emulator")

CASES: dict[str, dict[str, Any]] = {
    "answer": {"hello": "wörld"},
    "exception": {"raise": "boom"},
    "exit": {"exit": 1},
    "clean exit": {"exit": 0},
    "killed": {"kill": 1},
    "time": {"sleep": 30},
    "answer too large": {"bytes": 6 * 1024 * 1024 + 100},
}


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running(tmp_path_factory.mktemp("gateway"), function_timeout="2", concurrency="1") as gateway:
        yield gateway


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the emulator, with awslambdaric behind it."""
    assert RIE is not None
    front, api = free_port(), free_port()
    # By default it would listen on every interface.
    command = [RIE, f"--runtime-interface-emulator-address=127.0.0.1:{front}", f"--runtime-api-address=127.0.0.1:{api}"]
    env = {"PATH": os.environ["PATH"], "AWS_LAMBDA_FUNCTION_TIMEOUT": "2", "PYTHONPATH": str(ROOT)}
    with (tmp_path_factory.mktemp("rie") / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, sys.executable, "-m", "awslambdaric", FUNCTION],
            cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    until(lambda: listens(front), "the emulator")
    yield f"http://127.0.0.1:{front}/2015-03-31/functions/function/invocations"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def ask_theirs(address: str, body: dict[str, Any]) -> tuple[bool, Any]:
    """Whether the function answered, and with what."""
    answer = httpx.post(address, json={"body": json.dumps(body)}, timeout=60)
    try:
        returned = answer.json()
    except ValueError:
        return False, answer.text
    answered = answer.status_code == 200 and "statusCode" in returned and "errorType" not in returned
    return answered, json.loads(returned["body"]) if answered else returned


def ask_ours(gateway: Gateway, body: dict[str, Any]) -> tuple[bool, Any]:
    answer = gateway.call(body)
    return answer.status_code == 200, answer.json()


@pytest.mark.parametrize("name", CASES)
def test_the_same_end(ours: Gateway, theirs: str, name: str, tmp_path: Path) -> None:
    # given a warm runtime on both sides
    before = [ask_ours(ours, {})[1], ask_theirs(theirs, {})[1]]

    # when both get the same event
    mine, their = ask_ours(ours, CASES[name]), ask_theirs(theirs, CASES[name])

    # then both answer, or neither; and both go on with the same process, or with a new one
    after = [ask_ours(ours, {})[1], ask_theirs(theirs, {})[1]]
    assert mine[0] is their[0]
    assert (after[0]["pid"] == before[0]["pid"]) is (after[1]["pid"] == before[1]["pid"])
    assert after[0]["calls"] - before[0]["calls"] == after[1]["calls"] - before[1]["calls"]


def test_the_function_sees_the_same(ours: Gateway, theirs: str) -> None:
    mine, their = ask_ours(ours, {})[1], ask_theirs(theirs, {})[1]

    assert 0 < mine["remaining_ms"] <= 2000
    assert 0 < their["remaining_ms"] <= 2000
    names = {name for name in their["env"] if name.startswith(("AWS_LAMBDA", "_HANDLER", "LAMBDA_TASK_ROOT"))}
    unset_here = {f"AWS_LAMBDA_{name}" for name in ("FUNCTION_TIMEOUT", "METADATA_API", "METADATA_TOKEN")}
    assert names - unset_here <= mine["env"].keys()
