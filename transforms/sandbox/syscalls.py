"""What a renderer may not ask of the kernel (seccomp), as a deny list.

Two layers: EVERYWHERE is dropped once by the zygote and inherited; the rest is added in every child before it sees
a byte of input. Refusals are EPERM, so that a library which merely tries falls back instead of dying.
"""

import errno
import os
from typing import Any, Final

NETWORK: Final = ("socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "sendmmsg")
OTHER_PROCESSES: Final = (
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "kcmp",
    "pidfd_getfd", "perf_event_open", "move_pages", "migrate_pages",
)  # fmt: skip
KERNEL_SURFACE: Final = (
    "bpf", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "keyctl", "add_key",
    "request_key", "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load",
    "personality", "unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "fsopen", "fsconfig",
    "fsmount", "fspick", "move_mount", "open_tree", "mount_setattr", "open_by_handle_at", "name_to_handle_at",
    "swapon", "swapoff", "reboot", "acct", "quotactl", "syslog", "sethostname", "setdomainname", "settimeofday",
    "clock_settime", "adjtimex", "clock_adjtime", "iopl", "ioperm", "modify_ldt", "vmsplice", "fanotify_init",
    "mknod", "mknodat",
)  # fmt: skip
IPC: Final = ("shmget", "shmat", "semget", "msgget", "mq_open")
EVERYWHERE: Final = NETWORK + OTHER_PROCESSES + KERNEL_SURFACE + IPC

EXEC: Final = ("execve", "execveat")
SIGNALS: Final = ("kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal", "pidfd_open")
LIMITS: Final = ("setrlimit", "sched_setscheduler", "sched_setattr", "ioprio_set")
IDENTITY: Final = (
    "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "setfsuid", "setfsgid",
    "capset", "setsid", "setpgid",
)  # fmt: skip
FILES: Final = (
    "creat", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat",
    "mkdir", "mkdirat", "rmdir", "truncate", "chmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchownat",
    "setxattr", "lsetxattr", "removexattr", "lremovexattr", "utimensat", "inotify_init", "inotify_init1",
)  # fmt: skip

_CLONE_THREAD: Final = 0x00010000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4


def drop_everywhere() -> None:
    """Loads the first layer into this process for good. Raises OSError or ImportError where it cannot."""
    # Lazy: optional, and looked for with a program that a child may not run.
    import pyseccomp

    layer = pyseccomp.SyscallFilter(defaction=pyseccomp.ALLOW)
    _deny(layer, EVERYWHERE)
    layer.load()


def drop_for_child(*, may_exec: bool) -> None:
    """Loads the second layer: no new process, no signal to others, no file written.

    `may_exec` leaves fork and exec to the one kind of child that runs an external program.
    """
    # Lazy: as in `drop_everywhere`.
    import pyseccomp as sc

    layer = sc.SyscallFilter(defaction=sc.ALLOW)
    refuse = sc.ERRNO(errno.EPERM)
    _deny(layer, SIGNALS + LIMITS + IDENTITY + FILES)
    # abort() raises its signal through tgkill on itself: that must work, or a crash would become a hang.
    layer.add_rule(refuse, "tgkill", sc.Arg(0, sc.NE, os.getpid()))
    layer.add_rule(refuse, "prlimit64", sc.Arg(2, sc.NE, 0))
    for call, flags in (("open", 1), ("openat", 2)):
        for mask, value in ((os.O_ACCMODE, os.O_WRONLY), (os.O_ACCMODE, os.O_RDWR), (os.O_CREAT, os.O_CREAT)):
            layer.add_rule(refuse, call, sc.Arg(flags, sc.MASKED_EQ, mask, value))
    # Flags of openat2 and clone3 lie in memory, out of a filter's reach; on ENOSYS libc takes the older calls.
    layer.add_rule(sc.ERRNO(errno.ENOSYS), "openat2")
    # It dies with the zygote and cannot be looked into: neither can be undone.
    for option in (_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE):
        # Only half of the register is the option: the kernel ignores the rest, so the filter must as well.
        layer.add_rule(refuse, "prctl", sc.Arg(0, sc.MASKED_EQ, 0xFFFFFFFF, option))
    if not may_exec:
        _deny(layer, (*EXEC, "fork", "vfork"))
        # Threads are allowed: libheif's decoder does not work without one.
        layer.add_rule(refuse, "clone", sc.Arg(0, sc.MASKED_EQ, _CLONE_THREAD, 0))
        layer.add_rule(sc.ERRNO(errno.ENOSYS), "clone3")
    layer.load()


def _deny(layer: Any, names: tuple[str, ...]) -> None:
    # Lazy: as in `drop_everywhere`.
    import pyseccomp

    for name in names:
        # An older libseccomp, or another processor, may not know a call: then there is nothing to refuse.
        if pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name) != -1:
            layer.add_rule(pyseccomp.ERRNO(errno.EPERM), name)
