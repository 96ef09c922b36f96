"""What stands in a line: a claim, whose it is, and what it costs. Imports next to nothing: settings lead here, too."""

from dataclasses import dataclass

from transforms.version import PIPELINE

# Presets and tiles that somebody waits for; other sizes that somebody waits for; what nobody waits for.
RANKS = (ADVERTISED, OTHER, BULK) = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A claim in a lane's line: whose (`unit`), of which rank, and what it costs (megapixels, at least 1).

    `pipeline`: of the only release that makes it; each has lines of its own. Without a unit it is a message's own,
    which is made where the line has nothing.
    """

    variant_id: str
    owner: str
    lane: str
    unit: str = ""
    rank: int = OTHER
    cost: float = 1.0
    pipeline: str = PIPELINE
