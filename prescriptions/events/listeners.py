"""Who listens: which types of events each client has webhooks for, as each process knew it a few seconds ago.

What is written for everybody does not depend on it. What is written only for those who ask (variants), and whether beat
is woken, does: that costs nothing where nobody asks.
"""

import time
from typing import Final

from prescriptions.infra.per_process import per_process
from prescriptions.models import Webhook

_KNOWN_SECONDS: Final = 5.0


class _Known:
    def __init__(self) -> None:
        self.asked = float("-inf")
        self.types: dict[str, frozenset[str]] = {}


@per_process
def _known() -> _Known:
    return _Known()


def listens(client: str, kind: str) -> bool:
    known = _known()
    if time.monotonic() - known.asked > _KNOWN_SECONDS:
        types: dict[str, frozenset[str]] = {}
        for name, wanted in Webhook.objects.filter(disabled_at=None).order_by().values_list("client", "types"):
            types[name] = types.get(name, frozenset()) | frozenset(wanted)
        known.types, known.asked = types, time.monotonic()
    return kind in known.types.get(client, ())


def ask_again() -> None:
    """Something has changed here; others notice within seconds."""
    _known().asked = float("-inf")
