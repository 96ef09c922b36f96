"""How many threads or programs a renderer has, counted from outside: it has to ask its parent for each one.

The limit that Linux has (RLIMIT_NPROC) does not bind root, and counts all processes of a user together.
"""

import contextlib
import errno
import fcntl
import os
import struct
from pathlib import Path
from typing import Final

# include/uapi/linux/seccomp.h: struct seccomp_notif (id, who asks, flags, the call), struct seccomp_notif_resp.
_QUESTION: Final = struct.Struct("=QII64x")
_ANSWER: Final = struct.Struct("=QqiI")
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_CONTINUE: Final = 1
_PROC: Final = Path("/proc")
_PATIENCE: Final = 100  # a decoder that is not hostile is never refused


class Tally:
    """Of one renderer, whose number is `pid`. `most` threads may live at once; with `programs`, that many processes."""

    def __init__(self, questions: int, pid: int, *, most: int, programs: bool) -> None:
        """`questions` is the descriptor that `syscalls.leave_to_parent` gave."""
        self._questions = questions
        self._pid = pid
        self._most = most
        self._count = self._processes if programs else self._threads
        self._refused = 0
        self._allowed: set[int] = set()  # who was last allowed one, which may not have begun yet

    def answer(self) -> bool:
        """The next question, if whoever asked still waits. False: too many were refused, leave the others waiting."""
        buffer = bytearray(_QUESTION.size)
        with contextlib.suppress(OSError):  # it has ended meanwhile
            fcntl.ioctl(self._questions, _RECEIVE, buffer)
            number, asks, _flags = _QUESTION.unpack(buffer)
            allowed = self._has_room(asks)
            self._refused += not allowed
            flags, error = (_CONTINUE, 0) if allowed else (0, -errno.EAGAIN)
            fcntl.ioctl(self._questions, _SEND, _ANSWER.pack(number, 0, error, flags))
        return self._refused < _PATIENCE

    def _has_room(self, asks: int) -> bool:
        """Whoever asks again has got what it asked for before; of others that live, nobody knows."""
        try:
            living = self._count()
        except OSError:
            return False
        self._allowed = {other for other in self._allowed if other in living} - {asks}
        if len(living) + len(self._allowed) >= self._most:
            return False
        self._allowed.add(asks)
        return True

    def _threads(self) -> set[int]:
        return {int(name) for name in os.listdir(_PROC / str(self._pid) / "task")}  # noqa: PTH208  # numbers, no paths

    def _processes(self) -> set[int]:
        """It leads a process group, which nothing that it starts can leave."""
        found = set()
        for name in os.listdir(_PROC):  # noqa: PTH208  # as above
            if name.isdecimal():
                with contextlib.suppress(OSError):  # it has ended meanwhile
                    if os.getpgid(int(name)) == self._pid:
                        found.add(int(name))
        return found
