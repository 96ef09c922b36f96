"""Makes a fresh child's memory cheap: nearly all of a fork's cost is first-touch page faults. Never changes a pixel."""

import ctypes

from transforms.limits import MIB

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8  # mallopt(3)


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
    """Returns what is free to the system. New memory is cheaper for a fork than a copy of the old."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(ctypes.c_size_t(0))
