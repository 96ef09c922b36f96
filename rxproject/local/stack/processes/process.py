"""One server process with its own process group, tied to the life of this process."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

_CHILD = str(Path(__file__).with_name("child.py"))
# A killed group is gone within milliseconds; one in uninterruptible sleep must not hang the caller for ever.
_GROUP_GONE = 3.0


@dataclass(frozen=True, slots=True)
class Command:
    """What to run. `argv[0]` is a path, `env` the whole environment; `keep_fds` stay open in the server."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    log: Path
    keep_fds: tuple[int, ...] = ()


class Child:
    """A started command: the leader of its own group, told to end (SIGTERM) when this process dies."""

    def __init__(self, command: Command) -> None:
        if threading.current_thread() is not threading.main_thread():
            # Linux sends the death signal when the *thread* that started the process ends.
            raise RuntimeError(f"{command.name} must be started from the main thread, or it would end with this thread")
        self.command = command
        with command.log.open("ab") as log:
            self._popen = subprocess.Popen(
                [sys.executable, "-I", "-S", _CHILD, str(os.getpid()), *command.argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(command.env),
                cwd=command.cwd,
                process_group=0,
                pass_fds=command.keep_fds,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def signal(self, number: int) -> None:
        """Signal the leader alone: masters (gunicorn, Celery, nginx) look after their own workers."""
        if self._popen.returncode is None:
            os.kill(self.pid, number)

    def is_running(self) -> bool:
        """Whether the leader lives. Does not reap it: a zombie keeps its group's number taken."""
        if self._popen.returncode is not None:
            return False
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def reap(self) -> int:
        """End what is left of the group, collect the leader; return its exit status (negative: a signal)."""
        if self._popen.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._popen.wait()
            _wait_until(lambda: not group_members(self.pid), _GROUP_GONE)
        return self._popen.returncode


def group_members(group: int) -> list[int]:
    """Living processes of a group; zombies do not count (where init is lazy they stay for long)."""
    members = []
    for entry in Path("/proc").iterdir() if Path("/proc/self/stat").exists() else ():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # pid (name) state ppid pgrp ...: the name may hold spaces and brackets
                state, _parent, pgrp = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
                if int(pgrp) == group and state not in "ZX":
                    members.append(int(entry.name))
    return members


def stop_all(children: list[Child], *, grace: float, hurry: threading.Event | None = None) -> None:
    """Ask all to end (SIGTERM), wait up to `grace` seconds for all, then end the rest and their groups.

    Setting `hurry` ends the waiting.
    """
    for child in children:
        child.signal(signal.SIGTERM)
    _wait_until(
        lambda: bool(hurry and hurry.is_set()) or not any(child.is_running() for child in children),
        grace,
    )
    for child in children:
        child.reap()


def _wait_until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
