"""The site whose parts the tests of this folder kill and stop: nobody else uses it."""

import pytest

from tests.conftest import Site


@pytest.fixture(scope="session")
def site(private_site: Site) -> Site:
    return private_site
