"""What each process has for itself: made when first asked for, and made anew in a fork.

A connection that two processes share answers one of them with what the other has asked. Safe in threads.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar, TypeVarTuple

Arguments = TypeVarTuple("Arguments")
T = TypeVar("T")
_Made = dict[tuple[Callable[..., Any], tuple[Any, ...]], Any]

_made: _Made = {}
_lock = threading.RLock()
# What this process has from its parents. Kept, not closed: closing would tell servers that the parents are leaving.
_inherited: list[_Made] = []


def per_process(make: Callable[[*Arguments], T]) -> Callable[[*Arguments], T]:
    """Call `make` once for the same arguments, and give what it returned to everyone who calls in this process.

    Threads wait for the one that makes it. If it raises, the next caller tries again.
    """

    @wraps(make)
    def get(*arguments: *Arguments) -> T:
        made, key = _made, (make, arguments)
        if key not in made:
            with _lock:
                if key not in made:
                    made[key] = make(*arguments)
        found: T = made[key]
        return found

    return get


@contextmanager
def anew() -> Iterator[None]:
    """For tests: inside, everything is made anew, of the settings as they are there. Afterwards it is as it was."""
    global _made
    before, _made = _made, {}
    try:
        yield
    finally:
        _made = before


def forget() -> None:
    """For tests: everything is made anew from here on."""
    global _made
    _made = {}


def _after_fork() -> None:
    global _lock
    _inherited.append(_made)
    forget()
    _lock = threading.RLock()  # a thread that held it did not come along


os.register_at_fork(after_in_child=_after_fork)
