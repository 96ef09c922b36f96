"""Runs a module on a kernel that seems to have no Landlock: `python -m tests.drill.without_landlock celery ...`."""

import ctypes
import errno
import os
import runpy
import struct
import sys
from typing import Final

_LANDLOCK_CREATE_RULESET: Final = 444  # the same number on every architecture
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
# (code, jump if so, jump if not, value): load the call's number; equal? refuse; allow.
_PROGRAM: Final = (
    (0x20, 0, 0, 0),
    (0x15, 0, 1, _LANDLOCK_CREATE_RULESET),
    (0x06, 0, 0, _ERRNO | errno.ENOSYS),
    (0x06, 0, 0, _ALLOW),
)


def hide() -> None:
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in _PROGRAM))
    program = struct.pack("HxxxxxxQ", len(_PROGRAM), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, program):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    module = sys.argv[1]
    sys.argv[1:2] = []
    hide()
    runpy.run_module(module, run_name="__main__", alter_sys=True)
