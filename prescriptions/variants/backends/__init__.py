"""Backends: how a claimed miss gets made. RX_BACKEND names one, by short name or dotted path, like EMAIL_BACKEND.

RX_FALLBACK_BACKEND takes over what the first one could not do for trouble of its own.
"""

from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from prescriptions.infra.per_process import per_process
from prescriptions.variants.backends.names import SHORT_NAMES, name_of, needs_worker
from prescriptions.variants.fairness.tickets import Ticket

__all__ = ["SHORT_NAMES", "Backend", "BackendUnavailable", "current", "name_of", "named", "needs_worker"]


class BackendUnavailable(Exception):
    """Nobody could be told of the claim."""


class Backend(Protocol):
    """Takes a claim to wherever it is made. Returns at once; the row and a wake-up tell the outcome."""

    def dispatch(self, ticket: Ticket) -> None:
        """Raises BackendUnavailable."""

    def hurry(self, ticket: Ticket) -> None:
        """Somebody waits now for what was dispatched before, perhaps by one who did not."""


def current() -> Backend:
    """The backend that RX_BACKEND names, one per process."""
    return named(settings.RX_BACKEND)


@per_process
def named(name: str) -> Backend:
    """A backend by short name or dotted path, one per process. Raises ImportError."""
    backend: Backend = import_string(SHORT_NAMES.get(name, name))()
    return backend
