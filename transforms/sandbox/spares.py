"""The parent's side of the zygote: starts it, has children forked ahead of need, and ends it."""

import contextlib
import json
import logging
import os
import select
import socket
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import BinaryIO, Final

from transforms.errors import RendererUnavailable
from transforms.limits import Limits
from transforms.sandbox import confine, wire
from transforms.sandbox.worker import Worker

log = logging.getLogger(__name__)

_SEND_SECONDS: Final = 2.0
_STOP_SECONDS: Final = 2.0
_LIBRARY: Final = Path(__file__).parents[2]  # the folder that holds `transforms`
BOOT: Final = Path(__file__).with_name("boot.py")
_PASSED_ON: Final = ("LD_LIBRARY_PATH",)  # some interpreters do not start without it (AWS Lambda's)


class Spares:
    """A zygote and up to `wanted` children forked from it that have done nothing yet.

    Used under its pool's lock, but for `kill`: each request to the zygote is one datagram.
    """

    def __init__(self, wanted: int, limits: Limits, program: Path) -> None:
        """Starts `program` and waits until the engines are loaded. Raises RendererUnavailable."""
        self.wanted = wanted
        self.waiting: deque[Worker] = deque()
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError as error:
            raise RendererUnavailable from error
        self._control.settimeout(_SEND_SECONDS)
        try:
            with theirs, os.fdopen(os.memfd_create("stderr"), "rb") as errors:
                self._process = _start(program, theirs, limits, errors.fileno())
                theirs.close()
                self.confinement = self._greeting(errors)
        except (OSError, ValueError, TypeError) as error:
            self.close()
            log.error("The renderer process did not start: %s", error)
            raise RendererUnavailable from error

    @property
    def pid(self) -> int:
        """The zygote's; 0 before it has one."""
        return self._process.pid if self._process else 0

    @property
    def alive(self) -> bool:
        """False once the zygote has ended."""
        return self._process is not None and self._process.poll() is None

    def take(self) -> Worker:
        """A child that has done nothing: one that waits, or a new one. Raises as `fork` does."""
        return self.waiting.popleft() if self.waiting else self.fork()

    def refill(self) -> None:
        """Has children forked until as many wait as are wanted. They need not be ready."""
        # Whoever waits has a child already. What prevents another one will be met by the next who asks.
        with contextlib.suppress(OSError, RendererUnavailable):
            while len(self.waiting) < self.wanted:
                self.waiting.append(self.fork())

    def fork(self, *, may_exec: bool = False) -> Worker:
        """A child in the making. Raises OSError if the zygote is gone, RendererUnavailable if we are at a limit."""
        ours, theirs, exit_pipe, report = _channels()
        worker = Worker(ours, exit_pipe, self.kill, self._limits, may_exec=may_exec)
        try:
            kind = wire.FORK_WITH_EXEC if may_exec else wire.FORK
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
            self._control.send(wire.KILL + b"%d" % pid)

    def close(self) -> None:
        """Ends the zygote and, with it, every child."""
        while self.waiting:
            self.waiting.popleft().close()
        self._control.close()
        if self._process is None:
            return
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def forget(self) -> None:
        """In a forked copy of this process: lets go of the parent's processes without disturbing them."""
        for worker in self.waiting:
            worker.close()
        self._control.close()
        if self._process:
            self._process.returncode = 0  # not our child: no waiting, no warning

    def _greeting(self, errors: BinaryIO) -> confine.Confinement:
        seconds = self._limits.zygote_start_seconds
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        if not poll.poll(seconds * 1000):
            raise TimeoutError(f"it was not ready within {seconds:g} s")
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
        exit_pipe, report = os.pipe()
    except OSError as error:
        raise RendererUnavailable from error
    try:
        return *socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET), exit_pipe, report
    except OSError as error:
        os.close(exit_pipe)
        os.close(report)
        raise RendererUnavailable from error


def _start(program: Path, control: socket.socket, limits: Limits, errors: int) -> subprocess.Popen[bytes]:
    # Where our own packages came from; a relative entry would be the working directory again.
    folders = (folder for folder in sys.path if Path(folder).is_absolute())
    arguments = (str(control.fileno()), str(os.getpid()), limits.to_json(), str(_LIBRARY), *folders)
    return subprocess.Popen(
        # -I: no PYTHON* variable, no user site, no working directory among the places where code is looked for.
        (sys.executable, "-I", "-B", str(program), *arguments),
        pass_fds=(control.fileno(),),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        cwd="/",
        env={"LANG": "C.UTF-8", **{name: os.environ[name] for name in _PASSED_ON if name in os.environ}},
        process_group=0,  # a Ctrl-C in the terminal is for the parent; priorities of the session stay shared
    )
