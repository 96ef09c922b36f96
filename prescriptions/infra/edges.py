"""Edges and their access logs: the format of RX_ACCESS_LOGS."""

import re
from pathlib import Path
from typing import Final

ALLOWED: Final = (
    "name=/path/of/access.log with commas between them, each name once: 1 to 27 lower-case letters, digits and dashes"
)
_LOG: Final = re.compile(r"\s*([a-z0-9-]{1,27})=(/[^,\x00-\x1f]*[^,/\s\x00-\x1f])\s*")


def parse(text: str) -> dict[str, Path]:
    """The log of each edge, by the edge's name; none in an empty text. Raises ValueError."""
    entries = text.split(",") if text.strip() else []
    pairs = [match for entry in entries if (match := _LOG.fullmatch(entry))]
    logs = {match[1]: Path(match[2]) for match in pairs}
    if len(logs) < len(entries):
        raise ValueError(ALLOWED)
    return logs
