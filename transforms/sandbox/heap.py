"""Makes a fresh child's memory cheap: nearly all of a fork's cost is first-touch page faults. Never changes a pixel."""

import ctypes
from typing import Final

from transforms.limits import MIB

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8  # mallopt(3)
_HUGEPAGE: Final = 14  # madvise(2)
_HUGE_BYTES: Final = 2 * MIB
# What a photo of 12 megapixels takes to be decoded and scaled. Not all of the heap: large pages are made empty one by
# one, whether all of each is needed or not.
_LARGE_PAGES_BYTES: Final = 48 * MIB


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
    """Returns what is free to the system. New memory is cheaper for a fork than a copy of the old, and the first of it
    comes in large pages: a fresh child's first render meets hundreds of page faults instead of thousands.
    """
    libc = ctypes.CDLL(None)
    if trim := getattr(libc, "malloc_trim", None):
        trim(ctypes.c_size_t(0))
        _ask_for_large_pages(libc)


def _ask_for_large_pages(libc: ctypes.CDLL) -> None:
    """For what the heap grows by next: it is mapped, marked and left untouched. Kernels may take no notice."""
    libc.malloc.restype = ctypes.c_void_p
    if start := libc.malloc(ctypes.c_size_t(_LARGE_PAGES_BYTES)):
        first = -(-start // _HUGE_BYTES) * _HUGE_BYTES
        length = (start + _LARGE_PAGES_BYTES - first) // _HUGE_BYTES * _HUGE_BYTES
        libc.madvise(ctypes.c_void_p(first), ctypes.c_size_t(length), _HUGEPAGE)
        libc.free(ctypes.c_void_p(start))
