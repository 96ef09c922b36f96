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
import struct
from contextlib import suppress
from typing import Final, NoReturn

from transforms.sandbox import child, confine, heap, preload

FORK: Final = b"F"  # with two descriptors: the child's channel, and the pipe its end is reported on
FORK_WITH_EXEC: Final = b"E"
KILL: Final = b"K"  # followed by a pid
OBITUARY: Final = struct.Struct("=iq")  # wait status, peak resident kilobytes


def main(control_fd: int, parent: int) -> NoReturn:
    """Serves `control_fd` until it closes or `parent` is gone."""
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
    gc.freeze()  # children share these pages as long as the collector leaves them alone
    confinement = confine.zygote(executables=executables)
    control = socket.socket(fileno=control_fd)
    control.send(json.dumps(confinement.as_dict()).encode())
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 2)
    os.close(null)
    _Forker(control, parent_handle, confinement).run()


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
    def __init__(self, control: socket.socket, parent: int | None, confinement: confine.Confinement) -> None:
        self._control = control
        self._parent = parent
        self._confinement = confinement
        self._pid = os.getpid()
        self._obituaries: dict[int, int] = {}  # pid -> pipe
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
                os._exit(0)
            if wake in ready:
                os.read(wake, 4096)
                self._bury()
            if self._control.fileno() in ready:
                self._obey()

    def _obey(self) -> None:
        message, descriptors, _, _ = socket.recv_fds(self._control, 64, 2)
        if not message:
            os._exit(0)  # PR_SET_PDEATHSIG takes the children along
        if message in (FORK, FORK_WITH_EXEC):
            channel, obituary = descriptors
            self._fork(channel, obituary, may_exec=message == FORK_WITH_EXEC)
        elif message.startswith(KILL) and (pid := int(message[1:])) in self._obituaries:
            # Not yet waited for, so the number cannot have been given to anybody else.
            os.kill(pid, signal.SIGKILL)

    def _fork(self, channel: int, obituary: int, *, may_exec: bool) -> None:
        try:
            pid = os.fork()
        except OSError:  # no memory or no process left: the parent sees the channel close and reports it
            os.close(channel)
            os.close(obituary)
            return
        if pid == 0:
            self._become_child(channel, may_exec=may_exec)
        os.close(channel)
        self._obituaries[pid] = obituary
        if may_exec:
            os.setpgid(pid, pid)  # here as well as there: neither may come too late
            self._groups.add(pid)

    def _become_child(self, channel: int, *, may_exec: bool) -> NoReturn:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            # Other children's pipes and the control channel: none of this one's business.
            os.closerange(3, channel)
            os.closerange(channel + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
            if may_exec:
                os.setpgid(0, 0)
            child.serve(channel, zygote=self._pid, seccomp=self._confinement.seccomp, may_exec=may_exec)
        finally:
            os._exit(os.EX_SOFTWARE)

    def _bury(self) -> None:
        while self._obituaries:
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
            obituary = self._obituaries.pop(pid)
            with suppress(BrokenPipeError):  # nobody waits for it: an idle or surplus child
                os.write(obituary, OBITUARY.pack(status, usage.ru_maxrss))
            os.close(obituary)
