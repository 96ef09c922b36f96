"""Each role knows what it needs and holds no key of another."""

from pathlib import Path

import pytest

from prescriptions.variants.backends.names import SHORT_NAMES
from rxproject.buckets import Identity
from rxproject.local.stack.components import Sizes, components
from rxproject.local.stack.keys import Keys
from rxproject.local.stack.ports import Ports
from rxproject.local.stack.roles import Environments, Role
from rxproject.local.stack.state import StateDir

KEYS = Keys()
PORTS = Ports(front=8000, s3=12000, redis=12010, web=12011, generate=12012, gateway=12013, metrics=12014)
DJANGO = (Role.WEB, Role.GENERATE, Role.WORKER, Role.BEAT)


def environments(**overrides: str) -> Environments:
    return Environments(state=StateDir(Path("/state")), keys=KEYS, ports=PORTS, overrides=overrides)


def of(role: Role, **overrides: str) -> dict[str, str]:
    made = environments(**overrides)
    return made.edge(Path("/state/edge")) if role is Role.EDGE else made.of(role)


SECRETS = {
    "the site's signing key": KEYS.web_secret,
    "the worker's signing key": KEYS.worker_secret,
    "the link keys": KEYS.link_keys,
    "the audit keys": KEYS.audit_keys,
    "Valkey's password": KEYS.redis_password,
    **{f"S3 as {identity}": KEYS.s3[identity.value] for identity in Identity},
    "the filer's keys": KEYS.filer_read,
    "the gateway's key": KEYS.gateway,
}
HELD = {
    Role.WEB: {"the site's signing key", "the link keys", "the audit keys", "Valkey's password", "S3 as web"},
    Role.GENERATE: {"the site's signing key", "the link keys", "the audit keys", "Valkey's password", "S3 as web"},
    Role.WORKER: {"the worker's signing key", "Valkey's password", "S3 as renderer"},
    Role.BEAT: {"the worker's signing key", "the audit keys", "Valkey's password", "S3 as web"},
    Role.EDGE: {"the link keys", "S3 as edge"},
}


@pytest.mark.parametrize("role", Role)
def test_a_role_holds_its_own_secrets_only(role: Role) -> None:
    values = " ".join(of(role).values())

    assert {name for name, secret in SECRETS.items() if secret in values} == HELD[role]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("backend", ["lambda", SHORT_NAMES["lambda"]])
@pytest.mark.parametrize("setting", ["RX_BACKEND", "RX_FALLBACK_BACKEND"])
def test_with_lambda_only_who_dispatches_may_call_the_gateway(role: Role, setting: str, backend: str) -> None:
    env = of(role, **{setting: backend})

    values = " ".join(env.values())
    more = {"the gateway's key"} if role in (Role.WEB, Role.GENERATE, Role.BEAT) else set()
    assert {name for name, secret in SECRETS.items() if secret in values} == HELD[role] | more
    assert ("RX_GATEWAY_ACCESS_KEY" in env) == bool(more)
    # its address is no secret, and the system check of RX_BACKEND asks for it
    assert env.get("RX_GATEWAY_URL") == (None if role is Role.EDGE else "http://127.0.0.1:12013/render")


@pytest.mark.parametrize(
    ("backend", "fallback", "servers"),
    [
        ("", "", {"worker"}),
        ("celery", "lambda", {"worker", "gateway"}),
        ("lambda", "celery", {"worker", "gateway"}),
        (SHORT_NAMES["celery"], SHORT_NAMES["lambda"], {"worker", "gateway"}),
        ("lambda", "", {"gateway"}),
        (SHORT_NAMES["lambda"], SHORT_NAMES["inline"], {"gateway"}),
        ("inline", "", set()),
        (SHORT_NAMES["inline"], "", set()),
        ("shop.renderers.Elsewhere", "", {"worker"}),
    ],
)
def test_servers_start_for_the_backends_that_need_them(backend: str, fallback: str, servers: set[str]) -> None:
    env = environments(RX_BACKEND=backend, RX_FALLBACK_BACKEND=fallback)

    started = components(env, edge=True, sizes=Sizes(), lock_fd=-1)

    assert set(started) == {"s3", "redis", "migrate", "web", "generate", "beat", "edge"} | servers


@pytest.mark.parametrize("role", Role)
def test_nothing_of_the_callers_shell_is_passed_on_but_the_harmless(
    monkeypatch: pytest.MonkeyPatch, role: Role
) -> None:
    for name in (
        "AWS_SECRET_ACCESS_KEY",
        "DATABASE_PASSWORD",
        "PYTHONPATH",
        "LD_PRELOAD",
        "RX_EDGE_SECRET_KEY",
    ):
        monkeypatch.setenv(name, "of the caller")
    monkeypatch.setenv("RX_S3_SECRET_KEY", "of the caller")
    monkeypatch.setenv("LANG", "C.UTF-8")

    env = of(role)

    assert "of the caller" not in env.values()
    assert env["LANG"] == "C.UTF-8"
    assert "PATH" in env


@pytest.mark.parametrize("role", DJANGO)
def test_settings_of_the_caller_reach_django(monkeypatch: pytest.MonkeyPatch, role: Role) -> None:
    monkeypatch.setenv("RX_WAIT", "3")
    monkeypatch.setenv("RX_DATABASE_URL", "postgresql:///rx")
    monkeypatch.setenv("RX_ALLOWED_HOSTS", "rx.example")

    env = of(role, RX_WAIT="4", RX_BACKEND="inline")

    assert (env["RX_WAIT"], env["RX_BACKEND"], env["RX_ROLE"]) == ("4", "inline", role.value)
    assert env["RX_DATABASE_URL"] == "postgresql:///rx"
    assert env["RX_ALLOWED_HOSTS"] == "rx.example,127.0.0.1,localhost", "runstack asks for 127.0.0.1"


def test_where_things_are() -> None:
    env, edge = of(Role.WEB), of(Role.EDGE)

    assert env["RX_BASE_URL"] == edge["RX_BASE_URL"] == "http://127.0.0.1:8000"
    assert env["RX_DATABASE_URL"] == "sqlite:////state/db.sqlite3"
    assert env["RX_S3_ENDPOINT"] == "http://127.0.0.1:12000"
    assert env["RX_REDIS_URL"] == f"redis://:{KEYS.redis_password}@127.0.0.1:12010/0"
    assert edge["RX_EDGE_LISTEN"] == "127.0.0.1:8000"
    assert (edge["RX_EDGE_WEB"], edge["RX_EDGE_GENERATE"]) == ("127.0.0.1:12011", "127.0.0.1:12012")
    assert edge["RX_EDGE_S3_HOST"] == "127.0.0.1:12000"
