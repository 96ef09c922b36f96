"""System checks: what is wrong is said before a customer finds it."""

import os
import subprocess
import sys

import pytest
from django.core.checks import CheckMessage, run_checks
from pytest_django import Settings

from prescriptions.ops import checks
from prescriptions.variants.backends.names import SHORT_NAMES
from tests.conftest import PROJECT
from transforms.fonts import files


def ids(found: list[CheckMessage]) -> list[str | None]:
    for message in found:
        assert message.hint or message.msg.count("RX_"), message
    return [message.id for message in found]


@pytest.mark.parametrize(
    ("check", "changes", "expected"),
    [
        (checks.backend, {}, []),
        (checks.backend, {"RX_BACKEND": "celery"}, []),
        (checks.backend, {"RX_BACKEND": "no.such.Thing"}, ["rx.E002"]),
        (checks.backend, {"RX_BACKEND": "prescriptions.tasks"}, ["rx.E002"]),
        (checks.backend, {"RX_BACKEND": "lambda", "RX_GATEWAY_URL": ""}, ["rx.E002"]),
        (checks.backend, {"RX_FALLBACK_BACKEND": "celery"}, []),
        (checks.backend, {"RX_FALLBACK_BACKEND": "no.such.Thing"}, ["rx.E002"]),
        (checks.backend, {"RX_BACKEND": "inline", "RX_FALLBACK_BACKEND": SHORT_NAMES["inline"]}, ["rx.W005"]),
        (checks.times, {}, []),
        (checks.times, {"RX_VARIANT_LEASE": 32, "RX_GATEWAY_TIMEOUT": 26}, ["rx.W004"]),
        (checks.key_pairs, {}, []),
        (checks.key_pairs, {"RX_GATEWAY_ACCESS_KEY": "", "RX_GATEWAY_SECRET_KEY": "half"}, ["rx.E007"]),
        (checks.codecs, {}, []),
        (checks.second_pdf_engine, {}, []),
    ],
)
def test_a_check(check, changes: dict[str, object], expected: list[str], settings: Settings) -> None:
    for name, value in changes.items():
        setattr(settings, name, value)

    assert ids(check(None)) == expected


def test_a_second_engine_that_is_not_there(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RX_PDF_ENGINES = ("pdfium", "poppler")
    monkeypatch.setenv("PATH", "/nowhere")

    assert ids(checks.second_pdf_engine(None)) == ["rx.W001"]


def test_fonts_that_are_not_installed_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ids(checks.fonts(None)) == []

    monkeypatch.setattr(files, "missing", lambda: ("Arimo_400Regular.ttf", "Tinos_400Regular.ttf"))

    assert ids(checks.fonts(None)) == ["rx.W006"]
    assert checks.fonts(None)[0].msg.startswith("2 of the 34 fonts")


def test_a_server_is_refused_for_errors_and_not_for_warnings(settings: Settings) -> None:
    settings.RX_VARIANT_LEASE = 3
    settings.RX_FALLBACK_BACKEND = settings.RX_BACKEND
    settings.BASE_URL = "http://127.0.0.1:8000"
    checks.refuse_wrong_settings()

    settings.RX_BACKEND = "no.such.Thing"
    with pytest.raises(SystemExit, match=r"RX_BACKEND is 'no\.such\.Thing'"):
        checks.refuse_wrong_settings()


def test_half_a_single_sign_on_is_refused(settings: Settings) -> None:
    settings.RX_OIDC_URL, settings.RX_OIDC_CLIENT_ID = "https://login.example", "rx"

    assert [message.msg for message in checks.single_sign_on(None)] == [
        "Single sign-on lacks RX_OIDC_CLIENT_SECRET, RX_OIDC_GROUPS."
    ]


@pytest.mark.parametrize(
    ("changes", "ok", "said"),
    [
        ({"RX_LINK_KEYS": ""}, False, "rx.E006"),
        ({"RX_AUDIT_KEYS": ""}, False, "rx.E006"),
        ({"RX_IIIF_OVERSIZE": "x"}, False, "RX_IIIF_OVERSIZE must be fit or reject"),
        ({"RX_SECOND_FACTOR": "off"}, False, "rx.E008"),
        ({"RX_SECOND_FACTOR": "ops"}, False, "RX_SECOND_FACTOR must be off, pictures or staff"),
        ({"RX_LINK_KEYS": "k1:short"}, False, "RX_LINK_KEYS must be kid:hex"),
        ({}, True, ""),
    ],
)
def test_manage_check_deploy(changes: dict[str, str], ok: bool, said: str) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "RX_SECRET_KEY": "7e1f0c93b5a2d84e6f7a1c02d9b3e5486a0f9d1c2b7e3a586d4c1f0e9b8a7d2c",
        "RX_LINK_KEYS": "k1:7e1f0c93b5a2d84e6f7a1c02d9b3e5486a0f9d1c2b7e3a586d4c1f0e9b8a7d2c",
        "RX_AUDIT_KEYS": "a1:7e1f0c93b5a2d84e6f7a1c02d9b3e5486a0f9d1c2b7e3a586d4c1f0e9b8a7d2c",
        "RX_BASE_URL": "https://rx.example",
        "RX_ALLOWED_HOSTS": "rx.example",
        **changes,
    }

    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "ERROR"],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode == 0) is ok, done.stderr
    assert said in done.stderr


def test_a_deployment_check_says_nothing_that_an_operator_cannot_act_on() -> None:
    """What is left on this machine is that it is served without TLS."""
    found = {message.id for message in run_checks(include_deployment_checks=True) if not message.is_silenced()}

    without_tls = {"security.W004", "security.W012", "security.W016"}
    assert {name for name in found if not str(name).startswith("rx.")} <= without_tls
