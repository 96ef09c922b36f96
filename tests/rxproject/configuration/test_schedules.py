"""When sweeps are due: often while something is under way, seldom at rest."""

from copy import copy
from datetime import timedelta

import pytest
from django.utils import timezone

from prescriptions.infra import per_process
from prescriptions.models import Page, Variant
from prescriptions.variants import sweep
from rxproject.configuration.schedules import WhileBusy
from tests.prescriptions.conftest import claim, row  # noqa: F401

EVERY = 5.0


def due_after() -> list[float]:
    """Which of the next ticks would sweep."""
    when = copy(WhileBusy(EVERY))  # as beat does, which keeps them in a file
    now = timezone.now()
    return [n for n in (0.5, 1, 2, 3) if when.is_due(now - timedelta(seconds=n * EVERY)).is_due]


@pytest.mark.django_db
def test_a_sweep_that_finds_nothing_under_way_naps_until_there_is_something(row: Page) -> None:  # noqa: F811
    with per_process.anew():
        assert due_after() == [1, 2, 3], "nobody has looked yet"

        sweep.sweep()
        assert due_after() == [3]

        claim(row)  # not due, but it may be soon
        sweep.sweep()
        assert due_after() == [1, 2, 3]

        Variant.objects.update(state="ready")
        sweep.sweep()
        assert due_after() == [3]
