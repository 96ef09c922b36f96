"""Numbers of the system calls that anything of the sandbox may make, as the kernel has them for each processor.

x86-64: arch/x86/entry/syscalls/syscall_64.tbl; aarch64: include/uapi/asm-generic/unistd.h, which lacks the older calls.
"""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Machine:
    """`audit` is what the kernel calls this processor (AUDIT_ARCH_*). Numbers from `foreign` on are of another ABI."""

    audit: int
    numbers: Mapping[str, int]
    foreign: int | None = None


_X86_64: Final = {
    "read": 0, "write": 1, "close": 3, "lseek": 8, "ftruncate": 77, "pread64": 17, "fstat": 5, "poll": 7,
    "ppoll": 271, "recvmsg": 47, "sendto": 44, "brk": 12, "mmap": 9, "munmap": 11, "mremap": 25, "mprotect": 10,
    "madvise": 28, "futex": 202, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "sigaltstack": 131,
    "setitimer": 38, "getitimer": 36, "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230,
    "nanosleep": 35, "gettimeofday": 96, "time": 201, "getrusage": 98, "times": 100, "getpid": 39, "gettid": 186,
    "getppid": 110, "sched_getaffinity": 204, "sched_yield": 24, "getrandom": 318, "sysinfo": 99, "rseq": 334,
    "set_robust_list": 273, "exit": 60, "exit_group": 231, "tgkill": 234, "restart_syscall": 219, "clone": 56,
    "clone3": 435, "fcntl": 72, "open": 2, "openat": 257, "access": 21, "faccessat": 269, "faccessat2": 439,
    "stat": 4, "lstat": 6, "newfstatat": 262, "statx": 332, "fstatfs": 138, "statfs": 137, "readlink": 89,
    "readlinkat": 267, "getdents64": 217, "pipe": 22, "pipe2": 293, "dup": 32, "dup2": 33, "dup3": 292, "vfork": 58,
    "fork": 57, "wait4": 61, "waitid": 247, "execve": 59, "arch_prctl": 158, "set_tid_address": 218, "prlimit64": 302,
    "uname": 63, "getcwd": 79, "getuid": 102, "geteuid": 107, "getgid": 104, "getegid": 108, "readv": 19,
    "writev": 20, "kill": 62, "setpgid": 109, "sendmsg": 46, "prctl": 157, "seccomp": 317, "ioctl": 16,
    "close_range": 436, "recvfrom": 45, "getsockname": 51, "getsockopt": 55,
}  # fmt: skip
_AARCH64: Final = {
    "read": 63, "write": 64, "close": 57, "lseek": 62, "ftruncate": 46, "pread64": 67, "fstat": 80, "ppoll": 73,
    "recvmsg": 212, "sendto": 206, "brk": 214, "mmap": 222, "munmap": 215, "mremap": 216, "mprotect": 226,
    "madvise": 233, "futex": 98, "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139, "sigaltstack": 132,
    "setitimer": 103, "getitimer": 102, "clock_gettime": 113, "clock_getres": 114, "clock_nanosleep": 115,
    "nanosleep": 101, "gettimeofday": 169, "getrusage": 165, "times": 153, "getpid": 172, "gettid": 178,
    "getppid": 173, "sched_getaffinity": 123, "sched_yield": 124, "getrandom": 278, "sysinfo": 179, "rseq": 293,
    "set_robust_list": 99, "exit": 93, "exit_group": 94, "tgkill": 131, "restart_syscall": 128, "clone": 220,
    "clone3": 435, "fcntl": 25, "openat": 56, "faccessat": 48, "faccessat2": 439, "newfstatat": 79, "statx": 291,
    "fstatfs": 44, "statfs": 43, "readlinkat": 78, "getdents64": 61, "pipe2": 59, "dup": 23, "dup3": 24, "wait4": 260,
    "waitid": 95, "execve": 221, "set_tid_address": 96, "prlimit64": 261, "uname": 160, "getcwd": 17, "getuid": 174,
    "geteuid": 175, "getgid": 176, "getegid": 177, "readv": 65, "writev": 66, "kill": 129, "setpgid": 154,
    "sendmsg": 211, "prctl": 167, "seccomp": 277, "ioctl": 29, "close_range": 436, "recvfrom": 207,
    "getsockname": 204, "getsockopt": 209,
}  # fmt: skip

# The ABI "x32" runs on the same processor with numbers of its own, which no rule here knows.
_X32: Final = 0x40000000
MACHINES: Final[Mapping[str, Machine]] = {
    "x86_64": Machine(0xC000003E, _X86_64, foreign=_X32),
    "aarch64": Machine(0xC00000B7, _AARCH64),
}


def machine() -> Machine | None:
    """The processor that this runs on; None for one that nobody has a table for."""
    return MACHINES.get(platform.machine())
