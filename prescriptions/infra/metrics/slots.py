"""Which files of RX_METRICS_DIR this process counts in: those of the first slot that no living process holds.

Whoever takes over a dead process's slot goes on where that one ended: no counter falls, and there are never more files
than there were processes at once. The kernel gives a slot free however its process died.
"""

import fcntl
import os
from pathlib import Path
from typing import Final

from prescriptions.infra.per_process import per_process

_MOST: Final = 1000
# What each kind of file starts with; there is room for several times all the labels that there are.
_KINDS: Final = ("counter", "histogram", "gauge_max", "gauge_min")
_BYTES: Final = 256 * 1024


class NoSlot(Exception):
    """This process counts nothing: the directory is missing, full, or has too many processes."""


_held: list[int] = []  # file descriptors of locks


def name(directory: Path) -> str:
    """The slot of this process, taken at its first call; a fork takes one of its own. Raises NoSlot."""
    taken = _take(directory)
    if not taken:
        raise NoSlot
    return taken


@per_process
def _take(directory: Path) -> str:
    """Empty where there is none. Tried once: nobody opens a thousand files each time that something is not counted."""
    try:
        for number in range(_MOST):
            lock = os.open(directory / f"{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                continue
            _held.append(lock)
            for kind in _KINDS:
                _reserve(directory / f"{kind}_{number}.db")
            return str(number)
    except OSError:
        return ""
    return ""


def _reserve(path: Path) -> None:
    """Files are written through memory: on a full disk that kills the process, unless the space is its own already."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not os.fstat(file).st_size:
            os.posix_fallocate(file, 0, _BYTES)
    finally:
        os.close(file)


def _leave_to_parent() -> None:
    """In a fork: as long as this process has the file open, too, the slot would outlive the parent."""
    for lock in _held:
        os.close(lock)
    _held.clear()


os.register_at_fork(after_in_child=_leave_to_parent)
