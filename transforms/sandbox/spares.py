"""The parent's side of the zygote: starts it, asks it for children, and ends it."""

import contextlib
import json
import logging
import os
import select
import socket
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO, Final

from transforms.errors import RendererUnavailable
from transforms.limits import LIMITS
from transforms.sandbox import confine, zygote
from transforms.sandbox.worker import Worker

log = logging.getLogger(__name__)

_START_SECONDS: Final = float(LIMITS.child_wall_seconds)  # it takes half a second; who asks waits no longer than this
_SEND_SECONDS: Final = 2.0
_STOP_SECONDS: Final = 2.0
LIBRARY: Final = Path(__file__).parents[2]  # the folder that holds `transforms`
_PROGRAM: Final = "transforms/sandbox/boot.py"
_PASSED_ON: Final = ("LD_LIBRARY_PATH",)  # some interpreters do not start without it (AWS Lambda's)


class Nursery:
    """One zygote process. Thread-safe: each request is one datagram."""

    def __init__(self, library: Path = LIBRARY) -> None:
        """Starts it and waits until the engines are loaded. Raises RendererUnavailable."""
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError as error:
            raise RendererUnavailable from error
        self._control.settimeout(_SEND_SECONDS)
        try:
            with theirs, os.fdopen(os.memfd_create("stderr"), "rb") as errors:
                self._process = _start(theirs, library, errors.fileno())
                theirs.close()
                self.confinement = self._greeting(errors)
        except (OSError, ValueError, TypeError) as error:
            self.close()
            log.error("The renderer process did not start: %s", error)
            raise RendererUnavailable from error

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def hire(self, *, may_exec: bool = False) -> Worker:
        """A child in the making. Raises OSError if the zygote is gone, RendererUnavailable if we are at a limit."""
        ours, theirs, obituary, report = _channels()
        worker = Worker(ours, obituary, self.kill)
        try:
            kind = zygote.FORK_WITH_EXEC if may_exec else zygote.FORK
            socket.send_fds(self._control, [kind], [theirs.fileno(), report])
        except OSError:
            worker.close()
            raise
        finally:
            theirs.close()
            os.close(report)
        return worker

    def kill(self, pid: int) -> None:
        """Ends a child that hangs. The zygote does it: it alone knows whether the number is still that child's."""
        with contextlib.suppress(OSError):
            self._control.send(zygote.KILL + b"%d" % pid)

    def close(self) -> None:
        """Ends the zygote and, with it, every child."""
        self._control.close()
        if self._process is None:
            return
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def forget(self) -> None:
        """In a forked copy of this process: lets go of the parent's zygote without disturbing it."""
        self._control.close()
        if self._process:
            self._process.returncode = 0  # not our child: no waiting, no warning

    def _greeting(self, errors: BinaryIO) -> confine.Confinement:
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        if not poll.poll(_START_SECONDS * 1000):
            raise TimeoutError(f"it was not ready within {_START_SECONDS:g} s")
        greeting = self._control.recv(4096)
        if not greeting:
            raise ValueError(f"it ended while loading the engines.\n{_tail(errors)}")
        return confine.Confinement(**json.loads(greeting))


def _tail(errors: BinaryIO) -> str:
    """The last of what an interpreter wrote that has not seen any input yet."""
    size = os.fstat(errors.fileno()).st_size
    return os.pread(errors.fileno(), 4096, max(0, size - 4096)).decode(errors="replace")


def _channels() -> tuple[socket.socket, socket.socket, int, int]:
    """Both ends of a child's channel, and of the pipe that tells its end. Raises RendererUnavailable."""
    try:
        obituary, report = os.pipe()
    except OSError as error:
        raise RendererUnavailable from error
    try:
        return *socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET), obituary, report
    except OSError as error:
        os.close(obituary)
        os.close(report)
        raise RendererUnavailable from error


def _start(control: socket.socket, library: Path, errors: int) -> subprocess.Popen[bytes]:
    # Where our own packages came from; a relative entry would be the working directory again.
    folders = (folder for folder in sys.path if Path(folder).is_absolute())
    arguments = (str(control.fileno()), str(os.getpid()), str(library), *folders)
    return subprocess.Popen(
        # -I: no PYTHON* variable, no user site, no working directory among the places where code is looked for.
        (sys.executable, "-I", "-B", str(library / _PROGRAM), *arguments),
        pass_fds=(control.fileno(),),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        cwd="/",
        env={"LANG": "C.UTF-8", **{name: os.environ[name] for name in _PASSED_ON if name in os.environ}},
        process_group=0,  # a Ctrl-C in the terminal is for the parent; priorities of the session stay shared
    )
