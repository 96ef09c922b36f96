"""Nobody waits in silence: how far an installation is, and what a start waits for."""

from pathlib import Path

import pytest

from rxproject.local import install
from rxproject.local.stack.components import Component
from rxproject.local.stack.processes.launch import launch
from rxproject.local.stack.processes.supervisor import Supervisor
from tests.rxproject.local.stack.processes import program


def test_progress_is_what_pip_says() -> None:
    progress, shown = install.Progress(3), []
    for line in (
        "Collecting one==1 (from -r requirements.txt (line 1))\n",
        "  Downloading one-1-py3-none-any.whl (1.0 MB)\n",
        "Ignoring two: markers 'sys_platform == \"win32\"' don't match your environment\n",
        "Installing collected packages: one\n",
    ):
        progress.hear(line)
        shown.append(str(progress))

    assert shown == [*["fetched 1 of 3 packages"] * 2, "fetched 2 of 3 packages", "unpacking 3 packages"]


def test_an_installation_that_fails_says_why(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "requirements.txt").write_text(
        f"one @ file://{tmp_path}/one-1-py3-none-any.whl --hash=sha256:{'0' * 64}"
    )

    assert install.main(tmp_path / "requirements.txt") != 0
    assert "one-1-py3-none-any.whl" in capfd.readouterr().out.partition("pip failed:")[2]


def test_a_start_says_what_it_waits_for(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor()
    slow = Component("slow", lambda: program("slow", "import time; time.sleep(600)", tmp_path), lambda: bool(said))
    try:
        launch([slow], supervisor, tick=lambda: None, say=said.append, say_every=0.01)
    finally:
        supervisor.stop(["slow"], grace=0)

    assert said[0] == "  waiting for slow: 0 s"
