"""The parent's side of one child: hand it a job, wait, and tell from the way it ended what went wrong."""

import fcntl
import logging
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from transforms.errors import (
    RenderCrashed,
    RendererBusy,
    RendererUnavailable,
    RenderMemory,
    RenderTimeout,
    TransformError,
)
from transforms.limits import Limits
from transforms.sandbox import wire
from transforms.sandbox.tally import Tally

log = logging.getLogger(__name__)

# Beyond its computing time, until the parent ends a child: an honest one is ended by its own timer first.
_CPU_GRACE_SECONDS: Final = 0.5
_BEHIND: Final = 19  # the niceness of those that stand behind


class NeverStartedError(Exception):
    """The child was gone before it took the job: any other child can have it."""


class Worker:
    """One child process, seen from its parent. Serves one owner; used by one thread at a time."""

    def __init__(
        self,
        channel: socket.socket,
        exit_pipe: int,
        kill: Callable[[int], None],
        limits: Limits,
        *,
        may_exec: bool = False,
    ) -> None:
        """`exit_pipe` is the descriptor on which the zygote reports the child's end; `kill` ends a child by its pid."""
        self._channel = channel
        self._may_exec = may_exec
        self._questions: list[int] = []  # the descriptor on which it asks for threads or programs
        self._tally: Tally | None = None
        self._exit_pipe: list[int] = [exit_pipe]
        self._kill = kill
        self._limits = limits
        self._memfds: list[int] = []
        self.pid: int | None = None  # known once the child has said that it is ready
        self.owner: str | None = None
        self.behind = False  # it stands behind other children
        self.expires = 0.0  # time.monotonic() seconds from which an idle one is not used any more
        self.may_compute = 0.0  # seconds of computing time in all that it may have used until then

    def wait_ready(self, deadline: float) -> None:
        """Raises NeverStartedError, or RendererUnavailable past `deadline` (time.monotonic() seconds)."""
        if self.pid is None:
            if not (message := self._receive(deadline)):
                raise NeverStartedError if message is not None else RendererUnavailable
            self.pid = int(message)
            if self._questions:
                (questions,) = self._questions
                most = self._limits.child_programs if self._may_exec else self._limits.child_threads
                self._tally = Tally(questions, self.pid, most=most, programs=self._may_exec)

    def run(self, request: wire.Request, data: bytes) -> tuple[wire.Fields, bytes]:
        """The child's answer and what it wrote. Raises NeverStartedError, WireError, or a TransformError."""
        try:
            source, result = self._files(data)
            return self.converse(request, source, result), self._read(result)
        finally:
            for descriptor in self._memfds:
                os.ftruncate(descriptor, 0)  # whoever still holds it has nothing
            _close(self._memfds)

    def converse(self, request: wire.Request, source: int, result: int) -> wire.Fields:
        """The child's answer; it reads from one descriptor and writes to the other. Raises as `run` does."""
        ready_by = min(request.deadline, time.monotonic() + self._limits.child_ready_seconds)
        if self.behind:
            self.wait_ready(ready_by)
            self._step_back()
        try:
            socket.send_fds(self._channel, [request.encode()], [source, result])
        except OSError as error:
            raise NeverStartedError from error
        self.wait_ready(ready_by)
        started = self._receive(ready_by)
        if started is None:
            raise RendererUnavailable
        if started != wire.STARTED:
            raise NeverStartedError
        answer = self._answer(min(request.deadline, time.monotonic() + self._limits.child_wall_seconds))
        if not answer:
            raise self._exit_error()
        if self.is_talking():
            raise wire.WireError("more than one answer")
        return wire.fields_of(answer)

    def _step_back(self) -> None:
        """Whatever else wants to compute goes first. For good: without privileges nobody can take that back."""
        if self.pid:
            with suppress(OSError):  # it has ended, which its channel tells
                os.setpriority(os.PRIO_PROCESS, self.pid, _BEHIND)

    def is_talking(self) -> bool:
        """True if it has said anything that nobody asked for, or has ended."""
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        return bool(poll.poll(0))

    def fileno(self) -> int:
        """The descriptor of its channel, readable when `is_talking`."""
        return self._channel.fileno()

    def _answer(self, deadline: float) -> bytes:
        """What the child says at the end of its job, b"" if it has ended.

        Raises RenderTimeout where it computes too long, RendererBusy where it is not done by `deadline` all the same.
        """
        most = self.computed() + self._limits.child_cpu_seconds + _CPU_GRACE_SECONDS
        while True:
            # One thread cannot use up what is left of its computing time in less time than that.
            left = most - self.computed()
            answer = self._receive(min(deadline, time.monotonic() + max(left, 0.1)))
            if answer is not None:
                return answer
            if self.computed() >= most:
                raise RenderTimeout
            if time.monotonic() >= deadline:
                raise RendererBusy

    def computed(self) -> float:
        """Seconds of computing time that the child has used, asked of the kernel: it is not taken at its word. 0 once
        it has ended.
        """
        if not self.pid:
            return 0.0
        try:
            return time.clock_gettime(~self.pid << 3 | 2)  # what clock_getcpuclockid(3) computes; Python has no name
        except OSError:
            return 0.0

    def kill(self) -> None:
        """Ends the child, whatever it is doing."""
        if self.pid:
            self._kill(self.pid)
        if self.pid and self._may_exec:
            # The zygote ends what the child has started as well, unless it is gone itself.
            with suppress(OSError):
                os.killpg(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Lets go of the child: an idle one sees it and ends. Safe in a forked copy of this process."""
        self._channel.close()
        for descriptors in (self._exit_pipe, self._questions, self._memfds):
            _close(descriptors)

    def _files(self, data: bytes) -> tuple[int, int]:
        """One that holds `data` for good, one for the result. They live in memory: a prescription touches no disk."""
        try:
            for name in ("source", "result"):
                self._memfds.append(os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING))
            source, result = self._memfds
            view = memoryview(data)
            while view:
                view = view[os.write(source, view) :]
            fcntl.fcntl(source, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW)
            bound(result, self._limits.variant_bytes)
        except OSError as error:  # this process has no descriptor or memory left; nothing is known of the file
            raise RendererUnavailable from error
        return source, result

    def _read(self, descriptor: int) -> bytes:
        """A copy: the child could still change the file."""
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0)

    def _receive(self, deadline: float) -> bytes | None:
        """The next message, b"" if the child is gone, None if `deadline` came first."""
        if not self._receivable(deadline - time.monotonic()):
            return None
        try:
            message, descriptors, _, _ = socket.recv_fds(self._channel, wire.MESSAGE_BYTES, 1, socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:
            return b""
        self._questions += descriptors if self.pid is None else []  # later it cannot send any
        return message

    def _receivable(self, seconds: float) -> bool:
        """Is there a message, or the child's end, within so many seconds? Meanwhile its questions are answered."""
        deadline = time.monotonic() + seconds
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        if self._tally:
            poll.register(self._questions[0], select.POLLIN)
        left = max(0.0, seconds)
        while ready := dict(poll.poll(left * 1000)):
            if self._channel.fileno() in ready:
                return True
            (questions,) = ready
            if not (self._tally and ready[questions] & select.POLLIN and self._tally.answer()):
                poll.unregister(questions)  # all that could ask have ended, or they ask too much
            if (left := deadline - time.monotonic()) < 0:
                return False
        return False

    def _exit_error(self) -> TransformError:
        poll = select.poll()
        (exit_pipe,) = self._exit_pipe
        poll.register(exit_pipe, select.POLLIN)
        ready = poll.poll(self._limits.child_exit_seconds * 1000)
        report = os.read(exit_pipe, wire.EXIT_REPORT.size) if ready else b""
        if len(report) != wire.EXIT_REPORT.size:
            # Silence of a zygote that lives: the child closed its channel and goes on. One that has died took it along.
            return RendererUnavailable() if ready else RenderCrashed()
        status, peak_kb = wire.EXIT_REPORT.unpack(report)
        ending = os.waitstatus_to_exitcode(status)
        log.warning("A renderer ended in a job: code %d, %d MiB at its peak.", ending, peak_kb // 1024)
        return exit_error(status, peak_kb, self._limits)


def bound(result: int, most: int) -> None:
    """Makes the file for a result as large as it may be: the kernel refuses whatever would make it larger.

    It takes no memory before it is written. Raises OSError.
    """
    os.ftruncate(result, most)
    fcntl.fcntl(result, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)


def exit_error(status: int, peak_kb: int, limits: Limits) -> TransformError:
    """What a wait status and a peak of resident memory (KiB) say about a job that got no answer."""
    if not os.WIFSIGNALED(status):
        return RenderCrashed()
    if os.WTERMSIG(status) in (signal.SIGPROF, signal.SIGXCPU):
        return RenderTimeout()
    # A child that a signal ended with half of its memory resident ran out of it: engines abort() when an allocation
    # fails (PDFium), or the kernel steps in. No legal page needs as much.
    if peak_kb * 1024 >= limits.child_memory_bytes // 2:
        return RenderMemory()
    # Nothing that a renderer does ends in SIGKILL: the machine is short of memory, or a person did it.
    return RendererUnavailable() if os.WTERMSIG(status) == signal.SIGKILL else RenderCrashed()


def _close(descriptors: list[int]) -> None:
    """Closes and forgets each, in an order that a fork in between cannot turn into closing one twice."""
    while descriptors:
        os.close(descriptors.pop())
