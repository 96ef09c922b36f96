"""The maker of the docs' pictures says what it needs. That they are there and used, tests/test_docs.py checks."""

import io
import random

import pytest
from PIL import Image

from rxproject.local.shots import scenes, screenshots


def test_without_a_browser_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    assert scenes.main([]) == 2

    assert capsys.readouterr().err == "Chromium was not found. On Debian: apt-get install chromium\n"


def test_an_unknown_scene_is_refused_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        scenes.main(["upload", "nonsense"])

    assert refused.value.code == 2
    assert "there is no scene nonsense" in capsys.readouterr().err


def test_a_picture_is_made_small_enough_for_a_repository() -> None:
    noise = Image.frombytes("RGB", (300, 200), random.Random(1).randbytes(180_000))
    png = io.BytesIO()
    noise.save(png, "PNG")

    assert len(screenshots.webp(png.getvalue())) <= screenshots.MOST_BYTES
