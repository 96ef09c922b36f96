"""Where a reader of events has got to, kept where it outlives the program."""

import os
from pathlib import Path
from typing import Protocol


class Cursor(Protocol):
    """Your own table is best: save the position in the transaction in which you did what the event asked for."""

    def load(self) -> int: ...

    def save(self, position: int) -> None: ...


class FileCursor:
    """A position in a file; a crash leaves the old one or the new one, never half of one."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    def load(self) -> int:
        """0 where nothing was saved yet: from the oldest event on."""
        try:
            return int(self._path.read_text())
        except FileNotFoundError:
            return 0

    def save(self, position: int) -> None:
        part = self._path.with_name(f"{self._path.name}.part")
        with part.open("w") as file:
            file.write(str(position))
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._path)
