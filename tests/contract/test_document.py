"""The OpenAPI document as its readers take it: two linters and two generators of clients."""

import json
import subprocess
import sys
from importlib import import_module
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Site
from tests.contract import node
from tests.prescriptions.conftest import picture

pytestmark = pytest.mark.contract
ROOT = Path(__file__).resolve().parents[2]


def test_redocly_has_nothing_to_say(document: Path) -> None:
    said = node.run("redocly", "lint", "--format=json", "--config", "redocly.yaml", str(document))

    assert json.loads(said.stdout)["problems"] == []


def test_spectral_has_nothing_to_say(document: Path) -> None:
    said = node.run("spectral", "lint", "--format=json", "--ruleset", "spectral.yaml", str(document))

    assert json.loads(said.stdout[said.stdout.index("[") : said.stdout.rindex("]") + 1]) == []


@pytest.fixture(scope="module")
def generated(document: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What openapi-python-client makes of the document."""
    folder = tmp_path_factory.mktemp("python")
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--path", str(document)]
    config = ["--config", str(ROOT / "tests/contract/openapi-python-client.yaml")]
    done = subprocess.run(
        [*command, *config, "--fail-on-warning", "--output-path", str(folder / "rx_generated")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield lambda name: import_module(f"rx_generated.{name}")
    sys.path.remove(str(folder))


def test_a_generated_python_client_goes_the_whole_way(site: Site, generated: Any, photo: bytes) -> None:
    def operation(name: str) -> Any:
        return generated(f"api.{name}")

    models = SimpleNamespace(**vars(generated("models")))
    client = generated("client").AuthenticatedClient(base_url=site.stack.base_url, token=site.token)
    client = client.with_headers({"Accept": "application/json"})
    order = f"G-{uuid4().hex[:8]}"
    lines = [{"name": "Amoxicillin 500 mg", "quantity_ordered": 21, "schedule": "H"}]

    body = models.OrderRequestRequest.from_dict({"lines": lines})
    written = operation("orders.orders_update").sync(order, client=client, body=body)
    file = generated("types").File(payload=BytesIO(photo), file_name="photo.jpg", mime_type="image/jpeg")
    upload = models.UploadRequest(files=[file], order_ref=order)
    key = uuid4().hex
    sent = operation("prescriptions.prescriptions_create").sync_detailed(
        client=client, body=upload, idempotency_key=key
    )
    found = operation("prescriptions.prescriptions_retrieve").sync(sent.parsed.id, client=client)
    variant = operation("pictures.variants_retrieve").sync(found.id, "1", "thumb", client=client)
    told = operation("events.events_list").sync(client=client, types="prescription.received")
    missing = operation("prescriptions.prescriptions_retrieve").sync("0" * 32, client=client)

    client.get_httpx_client().close()
    assert written.lines[0].name == "Amoxicillin 500 mg"
    assert (sent.status_code, sent.headers["Location"].rpartition("/")[2]) == (201, found.id)
    assert found.lines[0].decision == "pending"
    assert site.http.get(variant.url).headers["Content-Length"] == str(variant.bytes_)
    assert found.id in [event.data.prescription for event in told.events]
    assert (missing.status, missing.type_) == (404, "/docs/problems#not-found")


@pytest.mark.usefixtures("typescript")
def test_the_typescript_client_goes_the_whole_way(site: Site, photo: bytes, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(photo)
    scan = picture(1100, 1100, "PNG", compress_level=0)
    (tmp_path / "scan.png").write_bytes(scan)
    environment = {"RX_URL": site.stack.base_url, "RX_TOKEN": site.token, "RX_ORDER": f"T-{uuid4().hex[:8]}"}

    done = node.run("node", "journey.mjs", str(tmp_path / "photo.jpg"), str(tmp_path / "scan.png"), **environment)

    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert {**outcome, "rx": ""} == {
        "rx": "",
        "lines": 1,
        "type": "image/webp",
        "whole": True,
        "events": ["prescription.received"],
        "refused": "not-found",
        "pieces": [len(scan), len(photo)],
        "seen": [0, len(scan), len(scan)],
        "unfit": [True, "unsupported-media-type"],
        "strange": [True, 401, "authentication-failed"],
    }
