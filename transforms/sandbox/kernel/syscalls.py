"""What a process of the sandbox may ask of the kernel: all of it is listed here, and nothing else is answered.

Three lists, each with all of the one before: a renderer's own, that of the one kind that runs poppler, the zygote's.
A renderer has read every file that it needs before the first byte of input (`preload.py`). So it names no path any
more, and what lies on this machine cannot be found out by asking: the answer to each such call is EPERM.
"""

import errno
import os
from collections.abc import Mapping
from typing import Final

from transforms.sandbox.kernel import seccomp
from transforms.sandbox.kernel.numbers import Machine, machine
from transforms.sandbox.kernel.seccomp import ALWAYS, Rule, Where

_FILES: Final = ("read", "write", "close", "lseek", "ftruncate", "pread64", "fstat")  # what it holds already
_CHANNEL: Final = ("poll", "ppoll", "recvmsg", "sendto")
_MEMORY: Final = ("brk", "munmap")
_THREADS: Final = (
    "futex", "rseq", "set_robust_list", "exit", "exit_group", "restart_syscall", "sched_yield", "sched_getaffinity",
    "sysinfo",
)  # fmt: skip
_SIGNALS: Final = ("rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack")
_CLOCKS: Final = (
    "setitimer", "getitimer", "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time",
    "getrusage", "times",
)  # fmt: skip
_ITSELF: Final = ("getpid", "gettid", "getppid", "getrandom")

_GETFD, _SETFD, _GETFL, _DUPFD_CLOEXEC = 1, 2, 3, 1030  # fcntl(2)
_WRITING: Final = os.O_ACCMODE | os.O_CREAT | os.O_TRUNC
_PROT_EXEC: Final = 4
# mmap(2): private and of no file, at a place that the kernel chooses. Memory at places of its own choice would cost
# more in page tables than the limit of its address space counts; huge and locked pages are not in that limit either.
_MAP_PRIVATE, _MAP_ANONYMOUS = 0x02, 0x20
_MAP_LOCKED, _MAP_HUGETLB = 0x2000, 0x40000
_MAP_FIXED, _MAP_GROWSDOWN, _MAP_FIXED_NOREPLACE = 0x10, 0x100, 0x100000
_MAP_KIND: Final = (
    0x0F | _MAP_ANONYMOUS | _MAP_FIXED | _MAP_FIXED_NOREPLACE | _MAP_GROWSDOWN | _MAP_LOCKED | _MAP_HUGETLB
)
_MREMAP_MAYMOVE: Final = 1
# MADV_DONTNEED, _FREE, _HUGEPAGE, _POPULATE_WRITE. Not MADV_MERGEABLE: it tells who else has the same page.
_ADVICE: Final = (4, 8, 14, 23)
# clone(2) as pthread_create calls it; musl adds CLONE_DETACHED, which does nothing.
_THREAD: Final = 0x003D0F00
_CLONE_DETACHED: Final = 0x00400000
_CLONE_THREAD: Final = 0x00010000
# CLONE_PARENT (a child of the zygote's, which does not expect it), CLONE_PTRACE, and everything in a namespace.
_CLONE_APART: Final = 0x00008000 | 0x00002000 | 0x7E020000

ASKED: Final = ("clone", "fork", "vfork")  # the parent is asked each time, see `../tally.py`
# On ENOSYS libc takes the older call, whose flags do not lie in memory, out of a filter's reach.
_UNKNOWN: Final = ("clone3",)


def _always(*names: str) -> dict[str, Rule]:
    return dict.fromkeys(names, ALWAYS)


def _one_of(argument: int, *values: int) -> Rule:
    return [[Where(argument, value)] for value in values]


def renderer(pid: int) -> Mapping[str, Rule]:
    """Of the renderer with this number."""
    return {
        **_always(*_FILES, *_CHANNEL, *_MEMORY, *_THREADS, *_SIGNALS, *_CLOCKS, *_ITSELF),
        "mmap": [
            [
                Where(0, 0),
                Where(0, 0, high=True),
                Where(2, 0, mask=_PROT_EXEC),
                Where(3, _MAP_PRIVATE | _MAP_ANONYMOUS, mask=_MAP_KIND),
            ]
        ],
        "mremap": _one_of(3, 0, _MREMAP_MAYMOVE),
        "mprotect": [[Where(2, 0, mask=_PROT_EXEC)]],
        "madvise": _one_of(2, *_ADVICE),
        "fcntl": _one_of(1, _GETFD, _SETFD, _GETFL),
        # abort() raises its signal on itself: that must work, or a crash would become a hang.
        "tgkill": _one_of(0, pid),
        # Threads alone: libheif's decoder does not work without one.
        "clone": [[Where(0, _THREAD, mask=seccomp.WORD ^ _CLONE_DETACHED)]],
    }


def with_programs(pid: int) -> Mapping[str, Rule]:
    """Of the renderer that runs poppler, and of poppler. Which files and programs, Landlock says."""
    return {
        **renderer(pid),
        **_always(
            "execve", "wait4", "waitid", "pipe2", "pipe", "dup", "dup2", "dup3", "access", "faccessat", "faccessat2",
            "stat", "lstat", "newfstatat", "statx", "fstatfs", "statfs", "readlink", "readlinkat", "getdents64",
            "arch_prctl", "set_tid_address", "uname", "getcwd", "getuid", "geteuid", "getgid", "getegid", "readv",
            "writev", "mprotect", "mremap", "fork", "vfork", "close_range",
        ),
        "mmap": [[Where(3, 0, mask=_MAP_HUGETLB | _MAP_LOCKED)]],
        "open": [[Where(1, os.O_RDONLY, mask=_WRITING)]],
        "openat": [[Where(2, os.O_RDONLY, mask=_WRITING)]],
        "prlimit64": [[Where(2, 0), Where(2, 0, high=True)]],  # to look, not to set
        "fcntl": _one_of(1, _GETFD, _SETFD, _GETFL, _DUPFD_CLOEXEC),
        # Processes alone: threads are of no use to it, and would have to be counted as well.
        "clone": [[Where(0, 0, mask=_CLONE_THREAD | _CLONE_APART)]],
    }  # fmt: skip


def zygote(pid: int) -> Mapping[str, Rule]:
    """Of the process that renderers are forked from. They need it, too, until they confine themselves."""
    return {
        **with_programs(pid),
        **_always(
            "clone", "fcntl", "kill", "tgkill", "sendmsg", "recvfrom", "prctl", "prlimit64", "seccomp", "setpgid",
            "ioctl", "getsockname", "getsockopt", "mmap", "madvise",
        ),
    }  # fmt: skip


def confine_zygote() -> None:
    """Binds this process. Raises OSError where a renderer could not be confined."""
    here = _here()
    _try(here)
    _allow(zygote(os.getpid()), here)


def leave_to_parent() -> int:
    """From here on this process starts threads and processes only as the answer on this descriptor allows.

    Raises OSError.
    """
    here = _here()
    return seccomp.install(seccomp.asking(ASKED, here), here, listen=True)


def confine_renderer(*, may_exec: bool) -> None:
    """Binds this process. Raises OSError."""
    allowed = with_programs if may_exec else renderer
    _allow(allowed(os.getpid()), _here())


def _allow(rules: Mapping[str, Rule], here: Machine) -> None:
    seccomp.install(seccomp.compiled(rules, here, unknown=_UNKNOWN), here)


def _here() -> Machine:
    if (found := machine()) is None:
        raise OSError(errno.ENOSYS, "the numbers of this processor's system calls are not known")
    return found


def _try(here: Machine) -> None:
    """In a process of its own: a kernel may have filters, and not hand over what they ask. Raises OSError."""
    if (pid := os.fork()) == 0:
        try:
            os.close(leave_to_parent())
            _allow(renderer(os.getpid()), here)
            os._exit(0)
        finally:
            os._exit(1)
    if os.waitpid(pid, 0)[1]:
        raise OSError(errno.EPERM, "system calls cannot be filtered here")
