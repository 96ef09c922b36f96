"""Ties itself to the life of runstack, then becomes the server. Imports no project code.

A program, not a `preexec_fn`: that would run Python between fork and exec in a process that has threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
# Python ignores SIGPIPE, shells ignore SIGINT for background jobs, and ignored signals survive exec.
_RESET = (
    signal.SIGPIPE,
    signal.SIGXFSZ,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGHUP,
    signal.SIGTERM,
    signal.SIGCHLD,
)


def main(parent: str, *argv: str) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        sys.exit("runstack is gone")  # it died before the line above took effect
    for number in _RESET:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.execv(argv[0], argv)  # noqa: S606 - exactly the command that runstack built


if __name__ == "__main__":
    main(*sys.argv[1:])
