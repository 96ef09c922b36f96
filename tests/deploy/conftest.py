"""The stacks of a deployment on AWS, with secrets as make-secrets.sh makes them."""

import pytest

from tests.deploy.cloudformation import Stacks, make_secrets


@pytest.fixture(scope="session")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Stacks:
    return Stacks(secret=make_secrets(tmp_path_factory.mktemp("secrets"))[0])
