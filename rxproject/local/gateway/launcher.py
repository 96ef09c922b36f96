"""Runs as a program of its own and becomes one Lambda runtime, with Lambda's limits. Imports no project code."""

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: str, memory_mib: str, task_root: str, handler: str) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        sys.exit("the gateway is gone")  # it died before the line above took effect
    # Lambda ends a process that uses more; here it is told so by malloc, which hits the same code.
    memory = int(memory_mib) * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.chdir(task_root)
    sys.path.insert(0, task_root)
    from awslambdaric.__main__ import main as serve  # Lazy: within the limits, as on Lambda

    serve(["awslambdaric", handler])


if __name__ == "__main__":
    main(*sys.argv[1:])
