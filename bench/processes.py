"""Processor time and rest of whole process trees: a stack of twenty processes is compared with a peer of one."""

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")


def _table() -> dict[int, tuple[int, int]]:
    """Of each process: its parent and its clock ticks, with those of the children that it has waited for."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                # pid (name) state ppid ...: the name may hold spaces and brackets; proc(5) counts from 1
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has just ended
            found[int(entry.name)] = int(fields[1]), sum(map(int, fields[11:15]))
    return found


def cpu_seconds(roots: Iterable[int]) -> float:
    """User and system time of these processes and all their descendants, ended ones included."""
    table = _table()
    children: dict[int, list[int]] = {}
    for pid, (parent, _) in table.items():
        children.setdefault(parent, []).append(pid)
    todo, ticks = [pid for pid in roots if pid in table], 0
    while todo:
        pid = todo.pop()
        ticks += table[pid][1]
        todo += children.get(pid, [])
    return ticks / _TICKS


def settle(roots: Iterable[int], *, share: float = 0.05, seconds: float = 0.5, most: float = 30) -> None:
    """Return once these trees use less than `share` of a core for `seconds`, at the latest after `most` seconds."""
    pids, deadline = list(roots), time.monotonic() + most
    while time.monotonic() < deadline:
        before = cpu_seconds(pids)
        time.sleep(seconds)
        if cpu_seconds(pids) - before < share * seconds:
            return
