"""Sandboxes: one for all tests that leave it as it was, and a fresh one for those that end or count its processes."""

from collections.abc import Iterator

import pytest

from transforms.sandbox import Sandbox


@pytest.fixture(scope="session")
def shared_box() -> Iterator[Sandbox]:
    """As shipped. A test that uses it takes an owner of its own."""
    made = Sandbox()
    yield made
    made.close()


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """As shipped, for one test."""
    made = Sandbox()
    yield made
    made.close()
