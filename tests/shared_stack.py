"""The stack that all workers of a run share, in a process of its own: `python -m tests.shared_stack FOLDER`.

Linux ends servers with the thread that started them, and pytest's main thread has other things to do. The process ends
with its standard input, so no way of ending a run leaves a server behind.
"""

import subprocess
import sys
from pathlib import Path

from rxproject.local.stack.processes.launch import START_SECONDS
from rxproject.local.stack.stack import Stack
from rxproject.local.stack.view import View
from tests.waiting import until

# Settings of every stack that tests share. Nothing may hang on how quick a test is, and no test waits for time to pass:
# what can be taken back can be taken back until a test says otherwise.
OVERRIDES = {
    "RX_REVIEW_UNDO": "600",
    "RX_WRONG_TRIES": "10000",
    "RX_ORDER_UPLOADS": "10000",
    "RX_SWEEP_EVERY": "0.5",
    "RX_VARIANT_BACKOFF": "0",
}
_ROOT = Path(__file__).resolve().parents[1]
_STOP_SECONDS = 60


class SharedStack:
    """Starts in the background; `attach` waits until it can be used."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "stack.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.shared_stack", str(folder)],
                cwd=_ROOT,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_STOP_SECONDS)
        finally:
            self._process.kill()


def attach(folder: Path) -> View:
    """The running stack, for a worker. Raises AssertionError with the log of a start that failed."""
    ended = "the shared stack did not start"
    until(lambda: _ready(folder).exists() or _failed(folder).exists(), ended, seconds=START_SECONDS + 30)
    assert not _failed(folder).exists(), (folder / "stack.log").read_text()
    return View.attach(_state(folder))


def _state(folder: Path) -> Path:
    return folder / "state"


def _ready(folder: Path) -> Path:
    return folder / "ready"


def _failed(folder: Path) -> Path:
    return folder / "failed"


def main(folder: Path) -> None:
    try:
        with Stack(state_dir=_state(folder), quick_stop=True, overrides=OVERRIDES) as stack:
            stack.hand_over()
            _ready(folder).touch()
            sys.stdin.read()
    except BaseException:
        _failed(folder).touch()
        raise


if __name__ == "__main__":
    main(Path(sys.argv[1]))
