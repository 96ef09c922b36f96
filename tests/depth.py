"""How far a run looks for what nobody has thought of: a little in each run, `make fuzz` for long."""

import os
from typing import Final

DEPTH: Final = int(os.environ.get("RX_FUZZ", "1"))


def examples(usual: int) -> int:
    """How many random examples Hypothesis tries."""
    return usual * DEPTH
