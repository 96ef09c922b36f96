"""The document as the running stack serves it, and files that clients send."""

from pathlib import Path

import pytest

from tests.conftest import Site
from tests.contract import node


@pytest.fixture(scope="session")
def document(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    answer = site.http.get("/api/v1/schema", headers={"Accept": "application/json"})
    path = tmp_path_factory.mktemp("document") / "openapi.json"
    path.write_bytes(answer.raise_for_status().content)
    return path


@pytest.fixture(scope="session")
def typescript(document: Path) -> None:
    """The client in clients/typescript, built for this document."""
    for command in (("openapi-typescript", str(document), "--output", "src/schema.d.ts"), ("tsc",)):
        done = node.run(*command)
        assert done.returncode == 0, done.stdout + done.stderr
