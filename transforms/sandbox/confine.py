"""What a renderer process gives up for good: network, exec, other people's files, privileges, most resources.

Where a machine does not allow one of these (an old kernel, a strict container) the rest still holds;
`Confinement` says what does, and the system check shows it. Without seccomp, nothing is rendered (see `pool.py`).
"""

import ctypes
import os
import resource
import signal
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil
from typing import Final

from transforms.limits import Limits
from transforms.sandbox.kernel import landlock, syscalls

_PDEATHSIG, _DUMPABLE, _NO_NEW_PRIVS = 1, 4, 38
_CAPABILITY_VERSION: Final = 0x20080522

_OPEN_FILES: Final = 64
_JOBS: Final = 30  # so many jobs of the longest duration one child may do


@dataclass(frozen=True, slots=True)
class Confinement:
    """What holds in the renderers of this machine. `landlock` is the kernel's ABI version, 0 for none.

    `poppler` is no protection: it says that the second PDF engine can be run.
    """

    no_new_privileges: bool
    capabilities_dropped: bool
    seccomp: bool
    landlock: int
    poppler: bool

    def as_dict(self) -> dict[str, bool | int]:
        """By the names of the fields."""
        return asdict(self)

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the protections that this machine does not give; empty where all hold."""
        return tuple(name for name, value in asdict(self).items() if not value and name != "poppler")


def prctl(option: int, value: int) -> bool:
    """One Linux prctl(2) with one argument; False where the kernel refuses."""
    call = ctypes.CDLL(None, use_errno=True).prctl
    zero = ctypes.c_ulong(0)
    return int(call(ctypes.c_int(option), ctypes.c_ulong(value), zero, zero, zero)) == 0


def zygote(*, executables: Sequence[str] = ()) -> Confinement:
    """Confines the calling process for good, before it forks. Children that may exec at all may run `executables`."""
    _prefer_for_oom_killer()
    no_new_privileges = prctl(_NO_NEW_PRIVS, 1)
    version = landlock.restrict(executables=executables)
    dropped = _drop_capabilities()
    try:
        syscalls.confine_zygote()
        seccomp = True
    except OSError:
        seccomp = False
    # Last: a process that is not dumpable may not open its own /proc files any more.
    prctl(_DUMPABLE, 0)
    return Confinement(
        no_new_privileges=no_new_privileges,
        capabilities_dropped=dropped,
        seccomp=seccomp,
        landlock=version,
        poppler=bool(executables) and version > 0,  # nothing else limits what a child with exec could run
    )


def die_with(parent: int) -> None:
    """SIGKILL for this process as soon as `parent`, which forked it and has one thread, is gone."""
    prctl(_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def limit(limits: Limits, *, may_exec: bool) -> None:
    """Bounds what the calling child may use up. Raises OSError."""
    for what, amount in (
        (resource.RLIMIT_AS, limits.child_memory_bytes),
        # A document. Sheets of A4 add a little to its pages.
        (resource.RLIMIT_FSIZE, limits.document_bytes + limits.variant_bytes),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0),  # a core file would hold the picture
    ):
        resource.setrlimit(what, (amount, amount))
    # A job's own CPU time is measured by a timer. This is the end of a child that escapes it; an external program
    # inherits it and has no timer.
    cpu_seconds = ceil(limits.child_cpu_seconds * (1 if may_exec else _JOBS))
    # The hard limit comes later: at equal ones the kernel sends SIGKILL, which looks as if somebody else had done it.
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))


def _drop_capabilities() -> bool:
    """Even where the service runs as root, a renderer cannot override permissions or raise its limits."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    nothing = (ctypes.c_uint32 * 6)()
    return int(ctypes.CDLL(None, use_errno=True).capset(header, nothing)) == 0


def _prefer_for_oom_killer() -> None:
    """When the machine itself is short of memory, a renderer goes before the process that waits for it."""
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123  # not a path of ours
            file.write("500")
    except OSError:
        pass
