"""Keeps servers running: a dead one is started again, later each time; one that keeps dying ends everything.

It never starts anything by itself: somebody calls `check()` from the main thread.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from rxproject.local.stack.errors import StackError
from rxproject.local.stack.processes.process import Child, Command, stop_all


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a server may die. Seconds; the pause doubles with each death inside the window."""

    deaths: int = 5
    window: float = 60.0
    first_pause: float = 0.25
    longest_pause: float = 8.0

    def pause(self, deaths: int) -> float:
        return float(min(self.first_pause * 2 ** (deaths - 1), self.longest_pause))


@dataclass(slots=True)
class _Watched:
    command: Command
    child: Child | None
    deaths: deque[float] = field(default_factory=deque)
    start_again_at: float = 0.0
    exit_status: int = 0


class Supervisor:
    """The children of one stack, by name, in the order they were started."""

    def __init__(
        self,
        *,
        patience: Patience = Patience(),
        say: Callable[[str], None] = lambda _line: None,
        hurry: threading.Event | None = None,
    ) -> None:
        self._patience = patience
        self._say = say
        self._hurry = hurry or threading.Event()
        self._watched: dict[str, _Watched] = {}

    def start(self, command: Command) -> Child:
        """Start a command, or start it again after `stop`; a deliberate start forgets earlier deaths."""
        if (before := self._watched.get(command.name)) and before.child is not None:
            raise RuntimeError(f"{command.name} is running already")
        child = Child(command)
        self._watched[command.name] = _Watched(command, child)
        return child

    def child(self, name: str) -> Child | None:
        """The running process of that name; None while it waits to be started again."""
        watched = self._watched.get(name)
        return watched.child if watched else None

    def check(self) -> None:
        """Notice the dead; start them again after their pause. Raises StackError for one that keeps dying."""
        now = time.monotonic()
        for watched in list(self._watched.values()):
            if watched.child is None:
                if now >= watched.start_again_at:
                    watched.child = Child(watched.command)
            elif not watched.child.is_running():
                self._record_death(watched, now)

    def stop(self, names: Iterable[str], *, grace: float) -> None:
        """Stop these together and forget them."""
        watched = [self._watched.pop(name) for name in names if name in self._watched]
        stop_all([one.child for one in watched if one.child is not None], grace=grace, hurry=self._hurry)

    def _record_death(self, watched: _Watched, now: float) -> None:
        assert watched.child is not None  # noqa: S101 - for the type checker
        # Its workers go first: a new master beside old workers would share the port or the queue with them.
        watched.exit_status = watched.child.reap()
        watched.child = None
        deaths = watched.deaths
        deaths.append(now)
        while deaths[0] < now - self._patience.window:
            deaths.popleft()
        name, how = watched.command.name, _describe(watched.exit_status)
        if len(deaths) >= self._patience.deaths:
            raise StackError(
                f"{name} died {len(deaths)} times in {self._patience.window:g} s (last: {how}); giving up. "
                f"The end of {watched.command.log}:\n{tail(watched.command.log)}"
            )
        pause = self._patience.pause(len(deaths))
        watched.start_again_at = now + pause
        self._say(f"{name} died ({how}); starting it again in {pause:g} s")


def _describe(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit code {status}"


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log, indented, for an error message."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            text = file.read().decode(errors="replace")
    except OSError:
        return "  (no log)"
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:]) or "  (empty)"
