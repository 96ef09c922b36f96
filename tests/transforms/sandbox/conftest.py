"""Sandboxes: one for all tests that leave its zygote alone, and a fresh one for those that end or watch processes."""

from collections.abc import Iterator

import pytest

from transforms.limits import Limits
from transforms.sandbox import Sandbox

# How long a test takes must not matter to a child that waits for its owner.
PATIENT = Limits(child_idle_seconds=60)


@pytest.fixture(scope="session")
def shared_box() -> Iterator[Sandbox]:
    """A test that uses it takes an owner of its own."""
    made = Sandbox(limits=PATIENT)
    yield made
    made.close()


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """For one test."""
    made = Sandbox(limits=PATIENT)
    yield made
    made.close()
