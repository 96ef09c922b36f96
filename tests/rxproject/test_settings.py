"""Every variable: what it is without an environment, what it refuses, and that the docs say the same."""

import ast
import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from prescriptions.models import Schedule
from rxproject.configuration import kinds
from rxproject.configuration.database import Limits
from rxproject.configuration.environment import SettingError
from rxproject.local.gateway import settings as gateway_settings
from rxproject.settings import VARIABLES
from tests.conftest import PROJECT

PAGE = (PROJECT / "docs" / "reference" / "settings.md").read_text()

# What each one ships with. A time that is changed here was changed on purpose, by somebody who read ops/budgets.py.
SHIPPED: dict[str, Any] = {
    "RX_STATE_DIR": "",
    "RX_ROLE": "manage",
    "RX_PORT": 8000,
    "RX_SECRET_KEY": "",
    "RX_SECRET_KEY_FALLBACKS": [],
    "RX_INSECURE_HTTP": False,
    "RX_DEBUG": False,
    "RX_ALLOWED_HOSTS": ["127.0.0.1", "localhost"],
    "RX_BASE_URL": "http://127.0.0.1:8000",
    "RX_CA_FILE": "",
    "RX_INSECURE_STORES": False,
    "RX_DATABASE_POOL": 8,
    "RX_DATABASE_URL": "",
    "RX_DATABASE_LIMITS": {
        "web": Limits(15, 5, 30),
        "generate": Limits(15, 5, 30),
        "worker": Limits(30, 10, 60),
        "beat": Limits(300, 30, 300),
    },
    "RX_DATABASE_POOLER": False,
    "RX_TIME_ZONE": "UTC",
    "RX_S3_ENDPOINT": "",
    "RX_S3_REGION": "us-east-1",
    "RX_S3_ACCESS_KEY": "",
    "RX_S3_SECRET_KEY": "",
    "RX_ORIGINALS_BUCKET": "rx-originals",
    "RX_VARIANTS_BUCKET": "rx-variants",
    "RX_S3_CONNECT_TIMEOUT": 2,
    "RX_S3_READ_TIMEOUT": 4,
    "RX_S3_TRIES": 4,
    "RX_LINK_KEYS": "",
    "RX_AUDIT_KEYS": "",
    "RX_AUDIT_BUCKET": "rx-audit",
    "RX_AUDIT_EVERY": 300,
    "RX_ACCESS_LOGS": {},
    "RX_ACCESS_LOGS_EVERY": 3600.0,
    "RX_SHOW_LOOKS": True,
    "RX_PRICES": {"currency": "USD", "cpu_hour": 0.05, "put_thousand": 0.005, "gb_month": 0.025},
    "RX_RETENTION": {
        "open": (0, 365),
        "rejected": (0, 365),
        "withdrawn": (0, 365),
        "approved": (730, 730),
        "approved/H1": (1095, 1095),
        "approved/X": (730, 730),
    },
    "RX_RETENTION_JOB": "dry-run",
    "RX_RETENTION_LIMIT": 2000,
    "RX_ERASURE_FOUR_EYES": False,
    "RX_ERASURE_CONFIRM_WITHIN": 259200,
    "RX_BACKUP_DAYS": 35,
    "RX_STORE_COMPACT_URL": "",
    "RX_LINK_TTL": 3600,
    "RX_BACKEND": "celery",
    "RX_FALLBACK_BACKEND": "",
    "RX_GATEWAY_URL": "",
    "RX_GATEWAY_REGION": "",
    "RX_GATEWAY_ACCESS_KEY": "",
    "RX_GATEWAY_SECRET_KEY": "",
    "RX_GATEWAY_TIMEOUT": 25,
    "RX_LAMBDA_CONCURRENCY": 16,
    "RX_LAMBDA_MEMORY_MB": 2048,
    "RX_IIIF_OVERSIZE": "fit",
    "RX_PDF_ENGINES": ("pdfium", "poppler"),
    "RX_WAIT": 10,
    "RX_POLL": 1,
    "RX_MAX_WAITERS": 256,
    "RX_QUEUE_LIMIT": 500,
    "RX_CLIENT_QUEUE": 200,
    "RX_WRONG_TRIES": 30,
    "RX_ORDER_UPLOADS": 10,
    "RX_ADMISSION": "on",
    "RX_LARGE_MEMORY_MB": 1536,
    "RX_LARGE_MEGAPIXELS": 1300,
    "RX_UPLOAD_WAIT": 30,
    "RX_EVENTS_DAYS": 30,
    "RX_WEBHOOK_ALLOW_PRIVATE": False,
    "RX_WEBHOOK_TIMEOUT": 10,
    "RX_WEBHOOK_BACKOFF": (5, 30, 120, 600, 1800, 3600, 7200),
    "RX_WEBHOOK_GIVE_UP": 259200,
    "RX_WEBHOOK_OVERLAP": 86400,
    "RX_REPLAY_KEEP": 86400,
    "RX_VARIANT_LEASE": 40,
    "RX_VARIANT_ATTEMPTS": 3,
    "RX_VARIANT_BACKOFF": (1, 4, 16),
    "RX_VARIANT_PAUSE": 60,
    "RX_ERASURE_SETTLE": 15,
    "RX_SWEEP_EVERY": 5,
    "RX_HOUSEKEEPING_EVERY": 15,
    "RX_WORKER_SILENCE": 30,
    "RX_READY_KEEP": 1,
    "RX_LOG_AGES_EVERY": 0,
    "RX_BREAKER_FAILURES": 5,
    "RX_BREAKER_WITHIN": 10,
    "RX_BREAKER_PAUSE": 5,
    "RX_REVIEW_HOLDS": 10,
    "RX_REVIEW_LEASE": 600,
    "RX_REVIEW_DUE": 1800,
    "RX_REVIEW_SKIP": 900,
    "RX_REVIEW_UNDO": 8,
    "RX_CLARIFICATION_WAIT": 172_800,
    "RX_SECOND_CHECK_SCHEDULES": ("H1", "X"),
    "RX_VALIDITY_DAYS": {"*": 180, "H1": 30, "X": 30},
    "RX_PRESCRIBED_WITHIN": 1826,
    "RX_DUPLICATE_DAYS": 365,
    "RX_SANDBOX": False,
    "RX_SECOND_FACTOR": ("pictures",),
    "RX_SESSION_IDLE": 900,
    "RX_SESSION_LENGTH": 43_200,
    "RX_SIGNED_IN_LATELY": 300,
    "RX_LOGIN_FAILURES": 5,
    "RX_LOGIN_PAUSE": 900,
    "RX_LOGIN_PER_ADDRESS": 30,
    "RX_PASSWORD_LENGTH": 10,
    "RX_PASSWORD_LINK_TTL": 86_400,
    "RX_BREACHED_PASSWORDS_URL": "",
    "RX_TOKEN_DAYS": 365,
    "RX_OIDC_URL": "",
    "RX_OIDC_NAME": "Single sign-on",
    "RX_OIDC_CLIENT_ID": "",
    "RX_OIDC_CLIENT_SECRET": "",
    "RX_OIDC_GROUPS_CLAIM": "groups",
    "RX_OIDC_GROUPS": {},
    "RX_OIDC_SECOND_FACTOR": "here",
    "RX_METRICS_DIR": "",
    "RX_METRICS_LISTEN": "",
    "RX_METRICS_CERT": "",
    "RX_REDIS_URL": "redis://127.0.0.1:6379/0",
    "RX_UPLOAD_DIR": "",
    "RX_TRACES_URL": "",
    "RX_TRACES_SHARE": 1,
    "RX_SENTRY_DSN": "",
    "RX_SECURITY_CONTACT": "",
    "RX_LOG_LEVEL": "INFO",
}


def test_the_shipped_values() -> None:
    assert {name: variable.read({}) for name, variable in VARIABLES.items()} == SHIPPED


NONSENSE = {
    "RX_STATE_DIR": "var\x07",
    "RX_METRICS_DIR": "var\x07",
    "RX_METRICS_CERT": "var\x07",
    "RX_UPLOAD_DIR": "var\x07",
    "RX_CA_FILE": "var\x07",
    "RX_SECRET_KEY": "\x1b[31m",
    "RX_SECRET_KEY_FALLBACKS": "short,1",
    "RX_S3_ACCESS_KEY": "two\nlines",
    "RX_S3_SECRET_KEY": "two\nlines",
    "RX_GATEWAY_ACCESS_KEY": "two\nlines",
    "RX_GATEWAY_SECRET_KEY": "two\nlines",
    "RX_OIDC_NAME": "\x1b[31m",
    "RX_OIDC_CLIENT_ID": "two\nlines",
    "RX_OIDC_CLIENT_SECRET": "two\nlines",
    "RX_OIDC_GROUPS_CLAIM": "two words",
    "RX_OIDC_GROUPS": "nobody",
    "RX_S3_REGION": "Frankfurt am Main",
    "RX_GATEWAY_REGION": "Frankfurt am Main",
    "RX_ORIGINALS_BUCKET": "RX",
    "RX_VARIANTS_BUCKET": "RX",
}


@pytest.mark.parametrize("name", VARIABLES)
@pytest.mark.parametrize("nonsense", ["-5", "no such thing", "0,-1", "http:/x"])
def test_a_value_that_makes_no_sense_is_refused_by_name(name: str, nonsense: str) -> None:
    variable = VARIABLES[name]

    with pytest.raises(SettingError, match=f"^{name} must be {re.escape(variable.kind.allowed)}[,;] "):
        variable.read({name: NONSENSE.get(name, nonsense)})


def test_schedules_are_those_of_the_model() -> None:
    assert list(kinds.SCHEDULES) == Schedule.values


# --- Programs ---------------------------------------------------------------------------------------------------------

MANAGE = [sys.executable, "manage.py", "check"]
GUNICORN = [sys.executable, "-m", "gunicorn", "rxproject.wsgi:application", "--preload", "--bind=127.0.0.1:0"]
CELERY = [sys.executable, "-m", "celery", "--app=rxproject", "worker", "--pool=solo"]


def run(command: list[str], folder: Path, **env: str) -> tuple[int, list[str]]:
    """The status of a program that ought to end by itself, and what it said on stderr."""
    done = subprocess.run(
        [*command, *(["--no-control-socket", "--log-level=warning"] if command is GUNICORN else [])],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "RX_STATE_DIR": str(folder), "RX_SECRET_KEY": "s" * 50, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize("command", [MANAGE, GUNICORN, CELERY], ids=["manage", "gunicorn", "celery"])
def test_a_program_with_a_wrong_setting_ends_with_one_line(command: list[str], tmp_path: Path) -> None:
    status, said = run(command, tmp_path, RX_REVIEW_DUE="-5")

    assert status == 1
    assert said == ["RX_REVIEW_DUE must be a whole number of seconds from 1 to 2592000, not '-5'"]


@pytest.mark.parametrize("command", [GUNICORN, CELERY], ids=["gunicorn", "celery"])
def test_a_server_does_not_start_with_settings_that_do_not_fit_together(command: list[str], tmp_path: Path) -> None:
    status, said = run(command, tmp_path, RX_BACKEND="no.such.Thing", RX_S3_ACCESS_KEY="half")

    assert status == 1
    # Celery may first complain about root
    assert said[-2:] == [
        (
            "RX_BACKEND is 'no.such.Thing': No module named 'no' "
            "Use one of celery, inline, lambda, or the dotted path of a class."
        ),
        "RX_S3_ACCESS_KEY and RX_S3_SECRET_KEY go together. Set both or neither.",
    ]
    assert "Traceback" not in "".join(said)


# --- The page of settings ---------------------------------------------------------------------------------------------

# What tests and benchmarks alone read.
SCANNED = ("manage.py", "docker-compose.yml", "Dockerfile", "rxproject", "prescriptions", "transforms", "deploy")
OTHERS = {".sh", ".js", ".yml", ".yaml", ".template", ".conf", ".example", ""}


def names_in(file: Path) -> set[str]:
    """Variables that a file reads or sets: whole strings in Python, words elsewhere."""
    if file.suffix == ".py":
        texts = [node.value for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Constant)]
        return {text for text in texts if isinstance(text, str) and re.fullmatch(r"RX_[A-Z0-9_]*[A-Z0-9]", text)}
    return set(re.findall(r"\bRX_[A-Z0-9_]*[A-Z0-9]\b", file.read_text())) if file.suffix in OTHERS else set()


def test_every_name_that_is_read_is_on_the_page_and_nothing_else_is() -> None:
    files = [
        file
        for name in SCANNED
        for file in ([PROJECT / name] if (PROJECT / name).is_file() else (PROJECT / name).rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts and "static" not in file.parts
    ]
    gateway = {
        f"RX_GATEWAY_{one.name.upper()}" for one in fields(gateway_settings.Settings) if one.name != "function_env"
    }
    read = set().union(*map(names_in, files)) | set(VARIABLES) | gateway
    described = set(re.findall(r"`(RX_[A-Z0-9_]+)`", PAGE))

    assert sorted(read - described) == []
    assert sorted(described - read) == []


def test_defaults_and_allowed_values_are_those_of_the_page() -> None:
    rows = re.findall(r"^\| ((?:`RX_\w+`(?:, )?)+) \| ([^|]+) \| ([^|]+) \| [^|]+ \|$", PAGE, re.MULTILINE)
    page = {name: (default, allowed) for names, default, allowed in rows for name in re.findall(r"\w+", names)}

    assert {name: allowed for name, (_, allowed) in page.items()} == {
        name: variable.kind.allowed for name, variable in VARIABLES.items()
    }
    for name, variable in VARIABLES.items():
        default = page[name][0]
        assert default == f"`{variable.default}`" if variable.default else default.startswith("empty"), name
