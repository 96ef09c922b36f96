"""System checks: what is wrong is said before a customer finds it."""

import os
import subprocess
import sys

import pytest
from django.core.checks import CheckMessage
from pytest_django import Settings

from prescriptions.ops import checks
from tests.conftest import PROJECT


def ids(found: list[CheckMessage]) -> list[str | None]:
    for message in found:
        assert message.hint or message.msg.count("RX_"), message
    return [message.id for message in found]


@pytest.mark.parametrize(
    ("check", "changes", "expected"),
    [
        (checks.link_keys, {}, []),
        (checks.link_keys, {"RX_LINK_KEYS": ""}, []),
        (checks.link_keys, {"RX_LINK_KEYS": "k1:short"}, ["rx.E001"]),
        (checks.link_keys, {"RX_LINK_KEYS": f"k1:{'11' * 32},k1:{'22' * 32}"}, ["rx.E001"]),
        (checks.backend, {}, []),
        (checks.backend, {"RX_BACKEND": "celery"}, []),
        (checks.backend, {"RX_BACKEND": "nonsense"}, ["rx.E002"]),
        (checks.backend, {"RX_BACKEND": "no.such.Thing"}, ["rx.E002"]),
        (checks.backend, {"RX_BACKEND": "prescriptions.tasks"}, ["rx.E002"]),
        (checks.backend, {"RX_BACKEND": ""}, ["rx.E002"]),
        (checks.backend, {"RX_BACKEND": "lambda", "RX_GATEWAY_URL": ""}, ["rx.E002"]),
        (checks.choices, {}, []),
        (checks.choices, {"RX_IIIF_OVERSIZE": "reject"}, []),
        (checks.choices, {"RX_IIIF_OVERSIZE": "maybe"}, ["rx.E003"]),
        (checks.choices, {"RX_PDF_ENGINES": ()}, ["rx.E004"]),
        (checks.choices, {"RX_PDF_ENGINES": ("pdfium", "ghostscript")}, ["rx.E004"]),
        (checks.codecs, {}, []),
        (checks.second_pdf_engine, {}, []),
        (checks.secrets, {}, []),
        (checks.secrets, {"RX_LINK_KEYS": ""}, ["rx.E006"]),
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


@pytest.mark.parametrize(
    ("changes", "ok", "said"),
    [
        ({"RX_LINK_KEYS": ""}, False, "rx.E006"),
        ({"RX_IIIF_OVERSIZE": "x"}, False, "rx.E003"),
        ({}, True, ""),
    ],
)
def test_manage_check_deploy(changes: dict[str, str], ok: bool, said: str) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "RX_SECRET_KEY": "k" * 25 + "0123456789abcdefghijklmnopqrstuvwxyz",
        "RX_LINK_KEYS": "k1:" + "11" * 32,
        "RX_BASE_URL": "https://rx.example",
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
