"""The local API Gateway with real awslambdaric processes: what AWS does, seen from outside."""

import http.client
import os
import re
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

import httpx
import pytest

from rxproject.local.gateway.settings import Settings, SettingsError
from tests.rxproject.local.gateway.process import ROOT, Gateway, running, signed
from tests.waiting import is_alive, until

MIB = 1024 * 1024
BAD_GATEWAY = {"message": "Internal server error"}
THROTTLED = (429, "TooManyRequestsException", {"message": "Too Many Requests"})


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One runtime, so that a call's process tells what became of the one before."""
    with running(
        tmp_path_factory.mktemp("gateway"), concurrency="1", memory="512", function_env={"COLOUR": "blue"}
    ) as started:
        yield started


def refusal(answer: httpx.Response) -> tuple[int, str, object]:
    return answer.status_code, answer.headers["x-amzn-ErrorType"], answer.json()


def began(folder: Path) -> list[int]:
    """Process ids of the functions that are held in `folder`, or were."""
    return [int(file.name.partition("-")[2]) for file in folder.glob("began-*")]


def test_a_signed_call_reaches_the_function(gateway: Gateway) -> None:
    answer = gateway.call({"hello": "world"})

    seen = answer.json()
    assert answer.status_code == 200
    assert answer.headers["X-Custom"] == "yes"
    assert seen["asked"] == {"hello": "world"}
    assert answer.headers["x-amzn-RequestId"] == seen["aws_request_id"] == seen["event"]["requestContext"]["requestId"]
    assert 0 < seen["remaining_ms"] <= 20_000


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
    until(lambda: not is_alive(before))

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


def test_a_function_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with running(tmp_path, function_timeout="1") as gateway:
        answer = gateway.call({"hold": str(tmp_path)})

        assert refusal(answer) == (502, "InternalServerErrorException", BAD_GATEWAY)
        assert gateway.lines()[-1]["why"] == "function timed out"
        assert [is_alive(pid) for pid in began(tmp_path)] == [False]


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


def test_of_more_calls_than_runtimes_a_few_wait_and_the_rest_are_throttled(tmp_path: Path) -> None:
    # given two calls under way, and a place for one that waits
    with (
        running(tmp_path, concurrency="2", burst="1", burst_timeout="60") as gateway,
        ThreadPoolExecutor(4) as callers,
    ):
        held = [callers.submit(gateway.call, {"hold": str(tmp_path)}) for _ in range(2)]
        until(lambda: len(began(tmp_path)) == 2)

        # when two more come
        more = [callers.submit(gateway.call, {}) for _ in range(2)]
        (refused,), (waiting,) = wait(more, return_when=FIRST_COMPLETED)
        (tmp_path / "go").touch()

        # then one is refused while the other waits for its turn
        assert refusal(refused.result()) == THROTTLED
        assert [call.result().status_code for call in (*held, waiting)] == [200, 200, 200]
        assert sorted(gateway.runtimes()) == sorted(began(tmp_path))


def test_a_call_waits_for_a_runtime_only_so_long(tmp_path: Path) -> None:
    with (
        running(tmp_path, concurrency="1", burst="1", burst_timeout="0.1") as gateway,
        ThreadPoolExecutor(1) as callers,
    ):
        held = callers.submit(gateway.call, {"hold": str(tmp_path)})
        until(lambda: began(tmp_path))

        assert refusal(gateway.call({})) == THROTTLED

        (tmp_path / "go").touch()
        assert held.result().status_code == 200


def test_a_connection_is_kept_for_the_next_call(gateway: Gateway) -> None:
    connection = http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=60)
    connection.connect()
    connection.auto_open = 0  # a closed one would stay closed

    for _ in range(2):
        connection.request("POST", "/render", b"{}", signed(f"{gateway.url}/render", b"{}"))
        answer = connection.getresponse()
        assert (answer.status, answer.read()[:1]) == (200, b"{")
    connection.close()


def connected(gateway: Gateway, sent: bytes) -> socket.socket:
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)), timeout=60)
    connection.sendall(sent)
    return connection


@pytest.mark.parametrize(
    "sent",
    [
        b"GARBAGE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00 the beginning of TLS \r\n\r\n",
        b"POST /render HTTP/9.9\r\n\r\n",
        b"POST /render HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /render HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /render HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /render HTTP/1.1\r\nA : b\r\n\r\n",
        b"POST /render HTTP/1.1\r\n" + b"A: " + b"b" * 70_000 + b"\r\n\r\n",
        b"POST /" + b"b" * 70_000 + b" HTTP/1.1\r\n\r\n",
    ],
    ids=lambda sent: sent[22:45],
)
def test_http_that_cannot_be_read(gateway: Gateway, sent: bytes) -> None:
    with connected(gateway, sent) as connection:
        connection.shutdown(socket.SHUT_WR)

        assert connection.recv(64).startswith(b"HTTP/1.1 400 ")


def test_callers_that_hang_or_hang_up_are_nobody_elses_trouble(tmp_path: Path) -> None:
    with running(tmp_path, burst="99", burst_timeout="60") as gateway:
        whole = signed(f"{gateway.url}/render", b"{}") | {"Content-Length": "2"}
        call = "".join(f"{name}: {value}\r\n" for name, value in whole.items())
        halves = [
            b"",
            b"POST /ren",
            b"POST /render HTTP/1.1\r\nContent-",
            b"POST /render HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf",
            b"POST /render HTTP/1.1\r\nContent-Length: 99999999\r\n\r\ntoo large, and not all of it comes",
            f"POST /render HTTP/1.1\r\nHost: {gateway.url[7:]}\r\n{call}\r\n{{}}".encode(),  # does not read the answer
        ]
        some_hang = [connected(gateway, half) for half in halves * 5]
        for some_hang_up in [connected(gateway, half) for half in halves * 5]:
            some_hang_up.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # with a reset
            some_hang_up.close()

        answers = [gateway.call({}) for _ in range(3)]

    # then the others are answered, SIGTERM ends the gateway, and its log has no complaint
    assert [answer.status_code for answer in answers] == [200] * 3
    assert "Traceback" not in gateway.log.read_text()
    for connection in some_hang:
        connection.close()


def test_the_log_has_one_line_for_each_call_and_nothing_of_the_caller(gateway: Gateway) -> None:
    answer = gateway.call({"raise": "ZZCANARY-inside-the-function", "note": "ZZNOTE"})

    (line,) = [line for line in gateway.lines() if line.get("request_id") == answer.headers["x-amzn-RequestId"]]
    assert (line["call"], line["status"], line["why"]) == ("POST /render", 502, "function error")
    assert "ZZNOTE" not in gateway.log.read_text()
    assert "caller-secret" not in gateway.log.read_text()


def test_a_call_that_takes_longer_than_the_integration_is_a_504_and_goes_on(tmp_path: Path) -> None:
    with running(tmp_path, integration_timeout="1", concurrency="1") as gateway:
        answer = gateway.call({"hold": str(tmp_path)})

        assert refusal(answer) == (504, "InternalServerErrorException", {"message": "Endpoint request timed out"})
        until(lambda: began(tmp_path))
        assert not (tmp_path / "done").exists()
        (tmp_path / "go").touch()
        until((tmp_path / "done").exists)
        assert gateway.runtimes() == began(tmp_path)


def test_a_function_that_cannot_start_is_a_502_each_time(tmp_path: Path) -> None:
    with running(tmp_path, handler="tests.no_such_module.handler") as gateway:
        assert [gateway.call({}).status_code for _ in range(2)] == [502, 502]
        assert gateway.runtimes() == []


def test_sigterm_lets_calls_in_flight_end(tmp_path: Path) -> None:
    with running(tmp_path) as gateway, ThreadPoolExecutor(1) as callers:
        call = callers.submit(gateway.call, {"hold": str(tmp_path)})
        until(lambda: began(tmp_path))

        os.kill(gateway.pid, signal.SIGTERM)
        (tmp_path / "go").touch()

        assert call.result().status_code == 200
    assert [is_alive(pid) for pid in began(tmp_path)] == [False]


def test_sigkill_leaves_no_runtime_behind(tmp_path: Path) -> None:
    with running(tmp_path, ends_with=-signal.SIGKILL) as gateway:
        runtime = gateway.call({}).json()["pid"]
        os.kill(gateway.pid, signal.SIGKILL)

    until(lambda: not is_alive(runtime))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("RX_GATEWAY_ACCESS_KEY", "", "RX_GATEWAY_ACCESS_KEY is missing"),
        ("RX_GATEWAY_PORT", "70000", "RX_GATEWAY_PORT is '70000'"),
        ("RX_GATEWAY_CONCURRENCY", "none", "RX_GATEWAY_CONCURRENCY is 'none'; it must be a positive int"),
        ("RX_GATEWAY_CONCURRENCY", "0", "RX_GATEWAY_CONCURRENCY is '0'"),
        ("RX_GATEWAY_FUNCTION_TIMEOUT", "nan", "RX_GATEWAY_FUNCTION_TIMEOUT is 'nan'; it must be a positive float"),
    ],
)
def test_wrong_settings_are_named(name: str, value: str, words: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(words)):
        Settings.from_environ({"RX_GATEWAY_ACCESS_KEY": "a", "RX_GATEWAY_SECRET_KEY": "b", name: value})


def test_it_listens_to_this_machine_alone(gateway: Gateway) -> None:
    assert httpx.URL(gateway.url).host == "127.0.0.1"


def test_the_limits_are_those_of_aws() -> None:
    settings = Settings.from_environ({"RX_GATEWAY_ACCESS_KEY": "a", "RX_GATEWAY_SECRET_KEY": "b"})

    assert (settings.integration_timeout, settings.function_timeout, settings.init_timeout) == (29, 20, 10)


def test_without_keys_it_says_so_and_does_not_start() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "rxproject.local.gateway"], cwd=ROOT, env={}, capture_output=True, text=True, check=False
    )

    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith("RX_GATEWAY_ACCESS_KEY is missing; ")


def test_django_is_not_needed() -> None:
    # given rxproject without its __init__, which loads the Celery app
    code = (
        "import sys, types; package = types.ModuleType('rxproject'); package.__path__ = ['rxproject']; "
        "sys.modules['rxproject'] = package; import rxproject.local.gateway.__main__; "
        "print(sorted({'django', 'celery', 'boto3', 'PIL'} & set(sys.modules)))"
    )

    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={}, capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "[]"
