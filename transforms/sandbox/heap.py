"""Makes a fresh child as fast as a process that has rendered before: nearly all of a fork's cost is first-touch
page faults, so the heap is grown and touched while nobody waits. Never changes what is rendered.
"""

import ctypes
from typing import Final

from transforms.limits import MIB

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8  # mallopt(3)
_FAULTED_BYTES: Final = 48 * MIB  # what a 12 MP JPEG -> 1080 px needs
_MADV_POPULATE_WRITE: Final = 23  # Linux 5.14: all pages in one call, instead of one fault each


def keep() -> bool:
    """Tells glibc to keep freed memory in one heap instead of returning it. Call once, before forking.

    False on other C libraries: renders are slower there, and nothing else.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    options = ((_TRIM_THRESHOLD, 1024 * MIB), (_TOP_PAD, 64 * MIB), (_MMAP_MAX, 0), (_ARENA_MAX, 1))
    return min(int(mallopt(option, value)) for option, value in options) == 1


def give_back() -> None:
    """Returns what is free to the system; what needs it again meets its page faults."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))


def fault_in() -> None:
    """Touches the pages of the heap that the next render will use."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.malloc.restype = ctypes.c_void_p
    block = libc.malloc(ctypes.c_size_t(_FAULTED_BYTES))
    if not block:
        return
    page = 4096
    start = -(-block // page) * page
    length = (block + _FAULTED_BYTES - start) // page * page
    if libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(length), _MADV_POPULATE_WRITE) != 0:
        ctypes.memset(block, 1, _FAULTED_BYTES)
    libc.free(ctypes.c_void_p(block))
