"""The process that renderers are forked from: a fresh interpreter with the engines loaded and nothing else.
It holds no credential, reads no input, and ends with the process that started it.
"""

import gc
import json
import os
import resource
import select
import signal
import socket
from contextlib import suppress
from typing import Final, NoReturn

from transforms.limits import Limits
from transforms.render import render as shipped_render
from transforms.sandbox import child, confine, heap, preload, wire

_CHANNEL: Final = 3  # what a child's descriptor is called; standard input, output and errors come before it


def main(control_fd: int, parent: int, *, limits: Limits, render: child.Render = shipped_render) -> NoReturn:
    """Serves `control_fd`, a file descriptor, until it closes or `parent`, a pid, is gone.

    `render` is what children make variants with. A test's own boot program hands in another one.
    """
    # Stopping is the parent's business: it finishes its renders first, then closes the control channel.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # What the parent ignored or blocked would have been inherited, and a child's CPU timer would do nothing.
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    parent_handle = _watch(parent)
    if os.getppid() != parent:
        os._exit(0)
    heap.keep()
    preload.engines()
    executables = preload.poppler()
    gc.collect()
    heap.give_back()
    gc.freeze()  # children share these pages as long as the collector leaves them alone
    confinement = confine.zygote(executables=executables)
    control = socket.socket(fileno=control_fd)
    control.send(json.dumps(confinement.as_dict()).encode())
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 2)
    os.close(null)
    _Forker(control, parent_handle, confinement, limits, render).run()


def _watch(process: int) -> int | None:
    """A descriptor that becomes readable when `process` ends.

    PR_SET_PDEATHSIG would not do: it follows the thread that called fork, and a worker thread may end long
    before its process. End of file on the control channel is the other half, where the kernel has no pidfd.
    """
    try:
        return os.pidfd_open(process)
    except OSError:
        return None


class _Forker:
    def __init__(
        self,
        control: socket.socket,
        parent: int | None,
        confinement: confine.Confinement,
        limits: Limits,
        render: child.Render,
    ) -> None:
        self._control = control
        self._parent = parent
        self._confinement = confinement
        self._limits = limits
        self._render = render
        self._pid = os.getpid()
        self._exit_pipes: dict[int, int] = {}  # by pid
        self._groups: set[int] = set()  # children that lead a process group of their own

    def run(self) -> NoReturn:
        wake, woken = os.pipe()
        for descriptor in (wake, woken):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        poll = select.poll()
        for source in (self._control.fileno(), wake, self._parent):
            if source is not None:
                poll.register(source, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if self._parent in ready:
                self._end()
            if wake in ready:
                os.read(wake, 4096)
                self._reap()
            if self._control.fileno() in ready:
                self._do_next()

    def _do_next(self) -> None:
        message, descriptors, _, _ = socket.recv_fds(self._control, 64, 2)
        if not message:
            self._end()
        if message in (wire.FORK, wire.FORK_WITH_EXEC):
            channel, exit_pipe = descriptors
            self._fork(channel, exit_pipe, may_exec=message == wire.FORK_WITH_EXEC)
        elif message.startswith(wire.KILL) and (pid := int(message[1:])) in self._exit_pipes:
            # Not yet waited for, so the number cannot have been given to anybody else.
            os.kill(pid, signal.SIGKILL)

    def _end(self) -> NoReturn:
        """PR_SET_PDEATHSIG takes the children along, but not what they have started."""
        for group in self._groups:
            with suppress(OSError):
                os.killpg(group, signal.SIGKILL)
        os._exit(0)

    def _fork(self, channel: int, exit_pipe: int, *, may_exec: bool) -> None:
        try:
            pid = os.fork()
        except OSError:  # no memory or no process left: the parent sees the channel close and reports it
            os.close(channel)
            os.close(exit_pipe)
            return
        if pid == 0:
            self._become_child(channel, may_exec=may_exec)
        os.close(channel)
        self._exit_pipes[pid] = exit_pipe
        if may_exec:
            os.setpgid(pid, pid)  # here as well as there: neither may come too late
            self._groups.add(pid)

    def _become_child(self, channel: int, *, may_exec: bool) -> NoReturn:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            # Other children's pipes, the control channel, files that are mapped: none of this one's business.
            os.dup2(channel, _CHANNEL, inheritable=False)
            os.closerange(_CHANNEL + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
            if may_exec:
                os.setpgid(0, 0)
            child.serve(
                _CHANNEL,
                zygote=self._pid,
                seccomp=self._confinement.seccomp,
                may_exec=may_exec,
                limits=self._limits,
                render=self._render,
            )
        finally:
            os._exit(os.EX_SOFTWARE)

    def _reap(self) -> None:
        while self._exit_pipes:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None:
                return
            pid = ended.si_pid
            if pid in self._groups:
                # An external program must not outlive its renderer, which is not yet waited for: the number is
                # still its own.
                self._groups.remove(pid)
                os.killpg(pid, signal.SIGKILL)
            _, status, usage = os.wait4(pid, 0)
            exit_pipe = self._exit_pipes.pop(pid)
            with suppress(BrokenPipeError):  # nobody waits for it: an idle or surplus child
                os.write(exit_pipe, wire.EXIT_REPORT.pack(status, usage.ru_maxrss))
            os.close(exit_pipe)
