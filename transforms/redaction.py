"""The name of a redaction: a digest that ties a redacted variant's key to the page and to the boxes burnt out of it.

Django gives keys these names and a renderer checks them: no picture is stored as hiding what it shows.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Final

from transforms.geometry import Box

PREFIX: Final = "redacted-"
_VERSION: Final = "rx-redaction-v1"


def digest(page_id: str, boxes: Iterable[Box]) -> str:
    """8 hex digits over page (`{rx}_{n}`) and boxes; their order does not matter."""
    sides = sorted([box.x, box.y, box.width, box.height] for box in boxes)
    return hashlib.sha256(json.dumps([_VERSION, page_id, sides]).encode()).hexdigest()[:8]
