"""Who asks for a variant, and whether somebody waits for it. Handed from the door down to the line."""

import hashlib
from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True, slots=True)
class Asker:
    """`name` is the unit that shares are counted by. `bulk`: nobody is waiting for it just now."""

    name: str
    bulk: bool = False

    @classmethod
    def client(cls, name: str) -> Self:
        """The client of an API token: all its tokens are one unit."""
        return cls(f"client:{name}")

    @classmethod
    def staff(cls, key: object) -> Self:
        """A member of staff, by primary key."""
        return cls(f"staff:{key}")

    @classmethod
    def holders(cls, rx: str) -> Self:
        """Whoever holds a link to this prescription: its links cannot be told apart, so they are one unit. Also whom
        the sweep asks for: it knows nothing but the row.
        """
        return cls(f"rx:{rx}")

    def in_bulk(self) -> Self:
        return replace(self, bulk=True)

    @property
    def unit(self) -> str:
        """The name as Redis and messages have it: 16 hex digits, which say nothing of a client."""
        return hashlib.blake2b(self.name.encode(), digest_size=8).hexdigest()
