"""A backend that only notes what it was asked to make, for tests that are not about rendering."""

from typing import Any

import pytest

from prescriptions.variants.fairness.tickets import Ticket

_asked: list[str] = []
_releases: list[str] = []
_ranks: list[int] = []


class Recorder:
    """Asked once for each variant."""

    def dispatch(self, ticket: Ticket) -> None:
        _asked.append(ticket.variant_id)
        _releases.append(ticket.pipeline)
        _ranks.append(ticket.rank)

    def hurry(self, ticket: Ticket) -> None:
        pass


@pytest.fixture
def recorder(settings: Any) -> list[str]:
    """Nothing is rendered; the ids of variants that were asked for."""
    settings.RX_BACKEND = "tests.prescriptions.recorder.Recorder"
    _asked.clear()
    return _asked


@pytest.fixture
def releases(recorder: list[str]) -> list[str]:
    """Whom each of them was meant for: pipelines, in the same order."""
    _releases.clear()
    return _releases


@pytest.fixture
def ranks(recorder: list[str]) -> list[int]:
    """How each of them stands in line, in the same order."""
    _ranks.clear()
    return _ranks
