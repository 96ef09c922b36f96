"""The state directory: where things are, who may use it, and what must not survive a run."""

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rxproject.local.stack.errors import StackError

_TMPFS = Path("/dev/shm")  # noqa: S108 - a private directory is made inside it
# Servers of a killed stack need about two seconds to end; longer means that one of them hangs.
_LEFTOVERS_END = 15.0


@dataclass(frozen=True, slots=True)
class StateDir:
    """Paths of one installation."""

    root: Path

    @property
    def secrets(self) -> Path:
        return self.root / "secrets.json"

    @property
    def database(self) -> Path:
        return self.root / "db.sqlite3"

    @property
    def s3(self) -> Path:
        return self.root / "s3"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def metrics(self) -> Path:
        """What the processes of this run count."""
        return self.run / "metrics"

    @property
    def uploads(self) -> Path:
        """Where an upload waits while it is checked: in memory where that can be, and gone with the run."""
        name = f"rx-uploads-{hashlib.sha256(str(self.root).encode()).hexdigest()[:16]}"
        return (_TMPFS if _in_memory() else self.run) / name

    @property
    def stack_env(self) -> Path:
        return self.root / "stack.env"

    @property
    def demo(self) -> Path:
        return self.root / "demo.json"

    def log(self, name: str) -> Path:
        return self.root / "log" / f"{name}.log"

    @property
    def access_log(self) -> Path:
        """The edge's. Who looked is read off it: it outlives a run, and is never emptied before it was read."""
        return self.log("access")

    def rotate_access_log(self) -> None:
        """Give it another name; nginx must be told to open a new one. What was rotated before the last one goes."""
        before = self.access_log.with_name(f"{self.access_log.name}.1")
        if before.exists():
            before.replace(before.with_suffix(".2"))
        self.access_log.replace(before)

    def create(self) -> None:
        """Make the directories, readable by this user alone: the database and the originals are in there."""
        for path in (self.root, self.root / "log", self.run, self.metrics, self.s3):
            path.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o700)

    def logs(self) -> list[Path]:
        return list((self.root / "log").glob("*.log"))

    def forget_last_run(self) -> None:
        """Remove what describes a run that is over: its addresses, its demo, its numbers, its cache."""
        for path in (self.stack_env, self.demo, *self.metrics.glob("*"), *self.root.glob("*.alive")):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.uploads, ignore_errors=True)
        if self._remembered_tmpfs.exists():
            shutil.rmtree(self._remembered_tmpfs.read_text(), ignore_errors=True)
            self._remembered_tmpfs.unlink()

    def tmpfs(self) -> Path:
        """The directory in memory for this run's cached variants; on disk where there is no /dev/shm."""
        if self._remembered_tmpfs.exists():
            return Path(self._remembered_tmpfs.read_text())
        path = tempfile.mkdtemp(prefix="rx-edge-", dir=_TMPFS if _in_memory() else self.run)
        write_private(self._remembered_tmpfs, path)  # at once: after a SIGKILL the next start removes it
        return Path(path)

    @property
    def _remembered_tmpfs(self) -> Path:
        return self.run / "tmpfs"


def _in_memory() -> bool:
    return _TMPFS.is_dir() and os.access(_TMPFS, os.W_OK)


def write_private(path: Path, text: str) -> None:
    """Replace `path` in one step by a file that only this user can read."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mkstemp makes it 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_env(path: Path, env: Mapping[str, str]) -> None:
    """Write KEY=VALUE lines (no quoting: values are one line by construction)."""
    write_private(path, "".join(f"{name}={value}\n" for name, value in sorted(env.items())))


class Lock:
    """One stack for one state directory.

    Children inherit the descriptor, so the lock outlives a killed runstack until its last server is gone: two
    servers never write to the same data.
    """

    def __init__(self, state: StateDir) -> None:
        self._path = state.run / "lock"
        self._state = state
        self.fd = -1

    def acquire(self, say: Callable[[str], None]) -> None:
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + _LEFTOVERS_END
        told = False
        while not _try_lock(fd):
            holder = os.pread(fd, 20, 0).decode().strip()
            if _alive(holder):
                os.close(fd)
                raise self._refused(f"by another runstack (process {holder})", "Stop that one first")
            if time.monotonic() > deadline:
                os.close(fd)
                raise self._refused("by servers of a killed runstack that do not end", "End them")
            if not told:
                say("Waiting for the servers of the last run to end ...")
                told = True
            time.sleep(0.1)
        os.ftruncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
        self.fd = fd

    def release(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def _refused(self, by_whom: str, remedy: str) -> StackError:
        return StackError(
            f"The state directory {self._state.root} is in use {by_whom}. Nothing was started. "
            f"{remedy}, or choose another directory with RX_STATE_DIR.",
            exit_code=2,
        )


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _alive(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
