"""What no server starts with: what was wrong, in which setting, and how to make a good value."""

import os
import subprocess
import sys
from typing import Any

import pytest
from django.core import signing
from pytest_django import Settings

from prescriptions.ops import checks, production
from tests.conftest import PROJECT

GOOD = "7e1f0c93b5a2d84e6f7a1c02d9b3e5486a0f9d1c2b7e3a586d4c1f0e9b8a7d2c"  # of `openssl rand -hex 32`
CHECKED = {"sslmode": "verify-full"}
DATABASE: dict[str, Any] = {
    "ENGINE": "django.db.backends.postgresql", "HOST": "db.example", "USER": "rx_app", "PASSWORD": GOOD,
    "OPTIONS": CHECKED,
}  # fmt: skip


@pytest.fixture(autouse=True)
def for_others(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment that has done everything right."""
    settings.RX_ROLE = "web"
    settings.BASE_URL, settings.ALLOWED_HOSTS = "https://rx.example", ["rx.example"]
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS, settings.DEBUG = GOOD, [], False
    settings.RX_LINK_KEYS, settings.RX_AUDIT_KEYS = f"k1:{GOOD}", f"a1:{GOOD}"
    settings.RX_SECOND_FACTOR, settings.RX_INSECURE_HTTP = ("pictures",), False
    settings.RX_INSECURE_STORES = False
    settings.RX_S3_ENDPOINT, settings.RX_STORE_COMPACT_URL, settings.RX_GATEWAY_URL = "https://s3.example", "", ""
    settings.RX_REDIS_URL, settings.RX_S3_ACCESS_KEY, settings.RX_S3_SECRET_KEY = f"rediss://:{GOOD}@q/0", "web", GOOD
    monkeypatch.setitem(settings.DATABASES, "default", DATABASE)


def change(settings: Settings, name: str, value: Any) -> None:
    if name == "DATABASES":  # a setting that cannot be replaced; the fixture puts the old one back
        settings.DATABASES["default"] = value
    else:
        setattr(settings, name, value)


def told() -> list[str]:
    """What a server would say on its last lines."""
    try:
        checks.refuse_wrong_settings()
    except SystemExit as refusal:
        return str(refusal).splitlines()
    return []


@pytest.mark.parametrize("role", ["web", "generate", "worker", "beat"])
def test_a_deployment_that_did_everything_right_starts(role: str, settings: Settings) -> None:
    settings.RX_ROLE = role
    if role == "worker":
        settings.RX_LINK_KEYS = settings.RX_AUDIT_KEYS = ""

    assert told() == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("SECRET_KEY", "", "RX_SECRET_KEY can be guessed. Make one with `openssl rand -hex 32`."),
        ("SECRET_KEY", "x", "RX_SECRET_KEY can be guessed."),
        ("SECRET_KEY", "s" * 64, "RX_SECRET_KEY can be guessed."),
        ("SECRET_KEY", f"django-insecure-{GOOD}", "RX_SECRET_KEY can be guessed."),
        ("SECRET_KEY_FALLBACKS", [GOOD, "changeme"], "RX_SECRET_KEY_FALLBACKS holds a key that can be guessed."),
        ("RX_LINK_KEYS", "", "RX_LINK_KEYS is not set. Make it with `echo k1:$(openssl rand -hex 32)`."),
        ("RX_LINK_KEYS", f"k2:{GOOD},k1:{'00' * 32}", "RX_LINK_KEYS holds a key that can be guessed. Put a new one"),
        ("RX_AUDIT_KEYS", "", "RX_AUDIT_KEYS is not set. Make it with `echo a1:$(openssl rand -hex 32)`."),
        ("RX_AUDIT_KEYS", f"a1:{'ab' * 32}", "RX_AUDIT_KEYS holds a key that can be guessed."),
        ("RX_REDIS_URL", "rediss://q/0", "RX_REDIS_URL: the password is missing."),
        ("RX_REDIS_URL", "rediss://:hunter2@q/0", "RX_REDIS_URL: the password can be guessed."),
        ("RX_S3_SECRET_KEY", "minio-secret-key-1", "RX_S3_SECRET_KEY: the password can be guessed."),
        ("DATABASES", {**DATABASE, "PASSWORD": ""}, "RX_DATABASE_URL: the password of rx_app is missing."),
        (
            "DATABASES",
            {**DATABASE, "PASSWORD": "x", "OPTIONS": {**CHECKED, "passfile": "p"}},
            "RX_DATABASE_URL: the password of",
        ),
        ("DATABASES", {**DATABASE, "PASSWORD": "postgres"}, "RX_DATABASE_URL: the password of rx_app can"),
        ("ALLOWED_HOSTS", ["*"], "RX_ALLOWED_HOSTS holds *: whoever points a name of theirs at this server"),
        ("ALLOWED_HOSTS", ["a.example"], "RX_ALLOWED_HOSTS lacks rx.example, the host of RX_BASE_URL"),
        ("DEBUG", True, "RX_DEBUG is on: errors would show code, settings and patients' data. Leave it unset."),
        ("RX_WEBHOOK_ALLOW_PRIVATE", True, "RX_WEBHOOK_ALLOW_PRIVATE is on: whoever sets up a webhook could have us"),
        ("BASE_URL", "http://rx.example", "RX_BASE_URL is http://rx.example: what is sent there can be read on"),
        ("RX_SECOND_FACTOR", ("off",), "RX_SECOND_FACTOR is off, but https://rx.example is not this machine alone"),
    ],
)
def test_a_server_says_what_is_wrong_and_how_to_mend_it(
    name: str, value: Any, expected: str, settings: Settings
) -> None:
    change(settings, name, value)

    (line,) = told()

    assert line.startswith(expected)
    assert GOOD not in line


def test_http_to_a_provider_of_accounts_is_refused(settings: Settings) -> None:
    settings.RX_OIDC_CLIENT_ID, settings.RX_OIDC_CLIENT_SECRET = "rx", GOOD
    settings.RX_OIDC_GROUPS, settings.RX_OIDC_URL = {"a": "pharmacist"}, "http://login.example"

    assert [line.partition(":")[0] for line in told()] == ["RX_OIDC_URL is http"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASES", {**DATABASE, "PASSWORD": "", "HOST": "/run/postgresql"}),
        ("DATABASES", {**DATABASE, "PASSWORD": "", "OPTIONS": {**CHECKED, "sslcert": "/run/rx.pem"}}),
        ("DATABASES", {**DATABASE, "PASSWORD": "", "OPTIONS": {**CHECKED, "passfile": "/run/pgpass"}}),
        ("DATABASES", {**DATABASE, "PASSWORD": "", "OPTIONS": {"service": "rx"}}),
        ("RX_REDIS_URL", "redis://127.0.0.1:6379/0"),
        ("RX_REDIS_URL", "rediss://q/0?ssl_certfile=/run/rx.pem&ssl_keyfile=/run/rx.key"),
        ("RX_REDIS_URL", f"rediss://web:{GOOD[:30]}%2F%40{GOOD[30:]}@q/0"),
        ("RX_S3_SECRET_KEY", ""),
        ("ALLOWED_HOSTS", [".example"]),
    ],
)
def test_what_needs_no_password_of_ours_is_let_be(name: str, value: Any, settings: Settings) -> None:
    change(settings, name, value)
    if name == "RX_S3_SECRET_KEY":
        settings.RX_S3_ACCESS_KEY = ""

    assert told() == []


@pytest.mark.parametrize(
    ("name", "value", "host"),
    [
        ("DATABASES", {**DATABASE, "OPTIONS": {}}, "db.example"),
        ("DATABASES", {**DATABASE, "OPTIONS": {"sslmode": "require"}}, "db.example"),
        ("RX_REDIS_URL", f"redis://:{GOOD}@q/0", "q"),
        ("RX_REDIS_URL", f"rediss://:{GOOD}@q/0?ssl_cert_reqs=none", "q"),
        ("RX_REDIS_URL", f"rediss://:{GOOD}@q/0?ssl_check_hostname=False", "q"),
        ("RX_S3_ENDPOINT", "http://s3.example:8333", "s3.example"),
        ("RX_STORE_COMPACT_URL", "http://s3.example:9333", "s3.example"),
        ("RX_GATEWAY_URL", "http://api.example/render", "api.example"),
    ],
)
def test_a_store_elsewhere_is_called_over_tls_and_checked_or_no_server_starts(
    name: str, value: Any, host: str, settings: Settings
) -> None:
    change(settings, name, value)

    (line,) = told()
    assert line.startswith(f"{name.replace('DATABASES', 'RX_DATABASE_URL')}: what is sent to {host} can be read")
    assert line.endswith("RX_INSECURE_STORES=on.")
    assert GOOD not in line

    settings.RX_INSECURE_STORES = True
    assert told() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASES", {**DATABASE, "HOST": "127.0.0.1", "OPTIONS": {}}),
        ("RX_REDIS_URL", f"redis://:{GOOD}@localhost/0"),
        ("RX_REDIS_URL", f"rediss://:{GOOD}@q/0?ssl_cert_reqs=required&ssl_check_hostname=true&ssl_ca_certs=/ca.pem"),
        ("RX_S3_ENDPOINT", "http://127.0.0.1:8333"),
        ("RX_S3_ENDPOINT", ""),
    ],
)
def test_what_stays_on_this_machine_needs_no_tls(name: str, value: Any, settings: Settings) -> None:
    change(settings, name, value)

    assert told() == []


def test_http_can_be_chosen_by_name(settings: Settings) -> None:
    settings.BASE_URL, settings.RX_INSECURE_HTTP = "http://rx.example", True

    assert told() == []


def test_commands_on_this_machine_need_no_keys(settings: Settings) -> None:
    settings.RX_ROLE, settings.BASE_URL, settings.SECRET_KEY = "manage", "http://127.0.0.1:8000", ""
    settings.RX_LINK_KEYS = settings.RX_AUDIT_KEYS = ""

    assert production.secrets(None) == []


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "gunicorn", "rxproject.wsgi:application", "--preload", "--bind=127.0.0.1:0", "--no-control-socket"],
        ["-m", "celery", "--app=rxproject", "worker", "--pool=solo"],
    ],
    ids=["gunicorn", "celery"],
)
def test_real_servers_do_not_start(command: list[str], tmp_path: Any) -> None:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=PROJECT,
        env={
            "PATH": os.environ["PATH"],
            "RX_STATE_DIR": str(tmp_path),
            "RX_ROLE": "web",
            "RX_SECRET_KEY": "x",
            "RX_DEBUG": "1",
            "RX_ALLOWED_HOSTS": "*",
            "RX_LINK_KEYS": f"k1:{'00' * 32}",
            "RX_AUDIT_KEYS": f"a1:{GOOD}",
            "RX_BASE_URL": "http://rx.example",
            "RX_REDIS_URL": "redis://127.0.0.1:1/0",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    names = [line.split()[0] for line in done.stderr.splitlines() if line.startswith("RX_")]
    assert names == ["RX_SECRET_KEY", "RX_LINK_KEYS", "RX_ALLOWED_HOSTS", "RX_DEBUG", "RX_BASE_URL"]
    assert "Traceback" not in done.stderr


def test_a_new_secret_key_opens_what_the_old_one_signed_as_long_as_that_is_named(settings: Settings) -> None:
    old, settings.SECRET_KEY = settings.SECRET_KEY, GOOD[::-1]
    signed = signing.dumps("order", key=old)

    with pytest.raises(signing.BadSignature):
        signing.loads(signed)
    settings.SECRET_KEY_FALLBACKS = [old]
    assert signing.loads(signed) == "order"
