"""The local API Gateway with real awslambdaric processes: what AWS does, seen from outside."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.rxproject.local.gateway.process import ROOT, Gateway, running, signed

MIB = 1024 * 1024
BAD_GATEWAY = {"message": "Internal server error"}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One runtime, so that a call's process tells what became of the one before."""
    with running(
        tmp_path_factory.mktemp("gateway"),
        concurrency="1",
        function_timeout="2",
        memory="512",
        function_env={"COLOUR": "blue"},
    ) as started:
        yield started


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Two runtimes and one place to wait."""
    with running(tmp_path_factory.mktemp("pair"), concurrency="2", burst="1") as started:
        with ThreadPoolExecutor(2) as pool:  # both are warm: starting would count as waiting
            list(pool.map(lambda _: started.call({"sleep": 0.5}), range(2)))
        yield started


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def refusal(answer: httpx.Response) -> tuple[int, str, object]:
    return answer.status_code, answer.headers["x-amzn-ErrorType"], answer.json()


def test_a_signed_call_reaches_the_function(gateway: Gateway) -> None:
    answer = gateway.call({"hello": "world"})

    seen = answer.json()
    assert answer.status_code == 200
    assert answer.headers["X-Custom"] == "yes"
    assert seen["asked"] == {"hello": "world"}
    assert answer.headers["x-amzn-RequestId"] == seen["aws_request_id"] == seen["event"]["requestContext"]["requestId"]
    assert 0 < seen["remaining_ms"] <= 2000


def test_a_runtime_is_used_again(gateway: Gateway) -> None:
    first, second = gateway.call({}).json(), gateway.call({}).json()

    assert (first["pid"], first["calls"] + 1) == (second["pid"], second["calls"])


def test_the_function_has_its_own_environment_and_not_the_gateways(gateway: Gateway) -> None:
    env = gateway.call({}).json()["env"]

    assert env["COLOUR"] == "blue"
    assert env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "512"
    assert not [name for name in env if name.startswith(("RX_GATEWAY", "RX_LAMBDA", "DJANGO"))]
    assert "caller-secret" not in str(env)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"secret_key": "wrong"}, "InvalidSignatureException"),
        ({"access_key": "nobody"}, "UnrecognizedClientException"),
        ({"service": "lambda"}, "InvalidSignatureException"),
        ({"region": "eu-west-1"}, "InvalidSignatureException"),
    ],
)
def test_wrongly_signed_calls_do_not_reach_it(gateway: Gateway, changes: dict[str, str], kind: str) -> None:
    before = gateway.call({}).json()["calls"]

    answer = gateway.call({}, **changes)

    assert (answer.status_code, answer.headers["x-amzn-ErrorType"]) == (403, kind)
    assert gateway.call({}).json()["calls"] == before + 1


def test_unsigned_calls_and_unknown_resources(gateway: Gateway) -> None:
    missing = (403, "MissingAuthenticationTokenException", {"message": "Missing Authentication Token"})
    other = f"{gateway.url}/other"

    assert refusal(httpx.post(f"{gateway.url}/render", content=b"{}")) == missing
    assert refusal(httpx.get(f"{gateway.url}/render")) == missing
    assert refusal(httpx.post(other, content=b"{}", headers=signed(other, b"{}"))) == missing


@pytest.mark.parametrize("how", [{"exit": 0}, {"exit": 1}, {"kill": 1}, {"abort": 1}])
def test_a_runtime_that_dies_is_a_502_and_is_replaced(gateway: Gateway, how: dict[str, int]) -> None:
    before = gateway.call({}).json()["pid"]

    answer = gateway.call(how)
    after = gateway.call({}).json()

    assert refusal(answer) == (502, "InternalServerErrorException", BAD_GATEWAY)
    assert (after["pid"] != before, after["calls"]) == (True, 1)


def test_a_runtime_that_is_killed_while_idle_is_replaced(gateway: Gateway) -> None:
    before = gateway.call({}).json()["pid"]
    os.kill(before, signal.SIGKILL)
    eventually(lambda: before not in gateway.runtimes())

    assert gateway.call({}).json()["calls"] == 1


def test_an_exception_is_a_502_and_the_runtime_goes_on(gateway: Gateway) -> None:
    before = gateway.call({}).json()

    answer = gateway.call({"raise": "patient name"})
    after = gateway.call({}).json()

    assert refusal(answer) == (502, "InternalServerErrorException", BAD_GATEWAY)
    assert (after["pid"], after["calls"]) == (before["pid"], before["calls"] + 2)


@pytest.mark.parametrize("returned", [None, {}, {"statusCode": 200, "body": {}}, {"statusCode": 200, "x": 1}])
def test_a_malformed_answer_is_a_502(gateway: Gateway, returned: object) -> None:
    assert gateway.call({"return": returned}).status_code == 502


def test_a_function_that_takes_too_long_is_ended(gateway: Gateway) -> None:
    before = gateway.call({}).json()["pid"]

    answer = gateway.call({"sleep": 30})

    assert refusal(answer) == (502, "InternalServerErrorException", BAD_GATEWAY)
    assert before not in gateway.runtimes()
    assert gateway.lines()[-1]["why"] == "function timed out"


def test_memory_beyond_the_functions_is_refused(gateway: Gateway) -> None:
    assert gateway.call({"allocate_mib": 100}).status_code == 200
    assert gateway.call({"allocate_mib": 600}).status_code == 502


def test_payloads_of_calls(gateway: Gateway) -> None:
    too_large = (413, "RequestTooLargeException", {"message": "Request Too Long"})

    assert gateway.call({"pad": "x" * (5 * MIB), "bytes": 1}).status_code == 200
    assert refusal(gateway.call({"pad": "x" * (6 * MIB)})) == too_large  # Lambda's limit
    assert refusal(gateway.call({"pad": "x" * (10 * MIB)})) == too_large  # the gateway's


def test_payloads_of_answers(gateway: Gateway) -> None:
    assert len(gateway.call({"bytes": 5 * MIB}).content) == 5 * MIB
    assert gateway.call({"bytes": 6 * MIB + 100}).status_code == 502
    assert gateway.call({"bytes": 1}).text == "x"


def test_more_calls_than_runtimes_are_throttled(pair: Gateway) -> None:
    # given calls that all take longer than waiting is allowed
    start = threading.Barrier(6)

    def call(_: int) -> int:
        start.wait()
        return pair.call({"sleep": 3}).status_code

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(call, range(6)))

    assert statuses == [200, 200, 429, 429, 429, 429]
    assert len(pair.runtimes()) == 2


def test_a_short_burst_waits_instead(pair: Gateway) -> None:
    with ThreadPoolExecutor(3) as pool:
        statuses = list(pool.map(lambda _: pair.call({"sleep": 0.2}).status_code, range(3)))

    assert statuses == [200, 200, 200]


def test_a_throttled_call_says_so(pair: Gateway) -> None:
    with ThreadPoolExecutor(3) as pool:
        busy = [pool.submit(pair.call, {"sleep": 3}) for _ in range(3)]
        time.sleep(0.5)  # until they are in
        answer = pair.call({})
        assert [call.result().status_code for call in busy].count(200) == 2

    assert refusal(answer) == (429, "TooManyRequestsException", {"message": "Too Many Requests"})


def test_http_that_cannot_be_read(gateway: Gateway) -> None:
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    broken = [
        b"GARBAGE\r\n\r\n",
        b"POST /render HTTP/1.0\r\n\r\n",
        b"POST /render HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /render HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /render HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /render HTTP/1.1\r\nA : b\r\n\r\n",
        b"POST /render HTTP/1.1\r\n" + b"A: " + b"b" * 20_000 + b"\r\n\r\n",
    ]
    for request in broken:
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(64).startswith(b"HTTP/1.1 400 "), request[:60]


def test_the_log_has_one_line_for_each_call_and_nothing_of_the_caller(gateway: Gateway) -> None:
    answer = gateway.call({"raise": "ZZCANARY-inside-the-function", "note": "ZZNOTE"})

    def told() -> list[dict[str, object]]:
        return [line for line in gateway.lines() if line.get("request_id") == answer.headers["x-amzn-RequestId"]]

    deadline = time.monotonic() + 60  # the line follows the answer
    while not told() and time.monotonic() < deadline:
        time.sleep(0.02)
    (line,) = told()
    assert (line["call"], line["status"], line["why"]) == ("POST /render", 502, "function error")
    assert "ZZNOTE" not in gateway.log.read_text()
    assert "caller-secret" not in gateway.log.read_text()


def test_a_call_that_takes_longer_than_the_integration_is_a_504_and_goes_on(tmp_path: Path) -> None:
    with running(tmp_path, integration_timeout="1.5", concurrency="1", function_timeout="20") as gateway:
        gateway.call({})  # the cold start does not belong to what is tested
        answer = gateway.call({"sleep": 2.5})
        time.sleep(1.5)
        after = gateway.call({}).json()

    assert refusal(answer) == (504, "InternalServerErrorException", {"message": "Endpoint request timed out"})
    assert after["calls"] == 3


def test_a_function_that_cannot_start_is_a_502_each_time(tmp_path: Path) -> None:
    with running(tmp_path, handler="tests.gateway.no_such_module.handler") as gateway:
        assert [gateway.call({}).status_code for _ in range(2)] == [502, 502]
        eventually(lambda: gateway.runtimes() == [])


def test_sigterm_lets_calls_in_flight_end(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        with running(tmp_path) as gateway:
            runtime = gateway.call({}).json()["pid"]
            call = pool.submit(gateway.call, {"sleep": 1})
            time.sleep(0.5)  # until it is in flight; leaving the block sends the signal

        assert call.result().status_code == 200
    assert not _runs(runtime)


def test_sigkill_leaves_no_runtime_behind(tmp_path: Path) -> None:
    with running(tmp_path, ends_with=-signal.SIGKILL) as gateway:
        runtime = gateway.call({}).json()["pid"]
        os.kill(gateway.pid, signal.SIGKILL)

    eventually(lambda: not _runs(runtime))


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("RX_GATEWAY_ACCESS_KEY", "", "RX_GATEWAY_ACCESS_KEY is missing"),
        ("RX_GATEWAY_LISTEN", "0.0.0.0:9000", "this machine alone"),
        ("RX_GATEWAY_CONCURRENCY", "none", "RX_GATEWAY_CONCURRENCY is 'none'"),
        ("RX_GATEWAY_FUNCTION_TIMEOUT", "0", "RX_GATEWAY_FUNCTION_TIMEOUT is '0'"),
    ],
)
def test_wrong_settings_are_named(name: str, value: str, words: str) -> None:
    env = {"RX_GATEWAY_ACCESS_KEY": "a", "RX_GATEWAY_SECRET_KEY": "b", name: value}

    run = subprocess.run(
        [sys.executable, "-m", "rxproject.local.gateway"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 1
    assert words in run.stderr
    assert "Traceback" not in run.stderr


def test_django_is_not_needed() -> None:
    # given rxproject without its __init__, which loads the Celery app
    code = (
        "import sys, types; package = types.ModuleType('rxproject'); package.__path__ = ['rxproject']; "
        "sys.modules['rxproject'] = package; import rxproject.local.gateway.__main__; "
        "print(sorted({'django', 'celery', 'boto3', 'PIL'} & set(sys.modules)))"
    )

    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={}, capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "[]"
