"""Calls to the gateway: signed, named after the request that asked, and tried again where that can help."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pytest_django import Settings

from prescriptions.infra import per_process
from prescriptions.models import Page
from prescriptions.variants import claims, making
from prescriptions.variants.backends import BackendUnavailable
from prescriptions.variants.backends.api_gateway import LambdaBackend
from tests.edge.servers import StandIn, standing_in
from tests.prescriptions.conftest import claim
from transforms.errors import RenderCrashed

MADE = {"bytes": 7, "width": 150, "height": 200, "etag": '"e"', "created": True, "ms": {"total": 12.5}}


@dataclass
class Gateway:
    """Answers one status after the other, the last one for ever, and remembers what it was sent."""

    statuses: list[int] = field(default_factory=list)
    seen: list[dict[str, str]] = field(default_factory=list)
    made: Any = field(default_factory=lambda: MADE)
    refusal: Any = field(default_factory=lambda: {"message": "Internal server error"})

    def answer(self, headers: dict[str, str]) -> tuple[int, Any]:
        self.seen.append(headers)
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return status, self.made if status == 200 else self.refusal


@pytest.fixture
def gateway(settings: Settings) -> Iterator[Gateway]:
    gateway = Gateway()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            status, content = gateway.answer({name.lower(): value for name, value in self.headers.items()})
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        settings.RX_GATEWAY_URL = f"http://127.0.0.1:{server.server_port}/render"
        settings.RX_GATEWAY_ACCESS_KEY, settings.RX_GATEWAY_SECRET_KEY = "key", "secret"
        yield gateway
        server.shutdown()


@pytest.mark.django_db
def test_a_function_of_another_release_is_trouble_and_no_fault_of_the_file(gateway: Gateway, row: Page) -> None:
    gateway.statuses, gateway.refusal = [409], {"code": "pipeline-differs", "detail": "target has p9"}
    variant = claim(row)

    making.make(variant.pk, variant.owner, maker=LambdaBackend().call)

    variant.refresh_from_db()
    assert (variant.state, variant.error_code, len(gateway.seen)) == ("retry", claims.TROUBLE, 1)


@pytest.mark.django_db
def test_the_request_that_asked_goes_along_and_is_signed(gateway: Gateway, row: Page) -> None:
    gateway.statuses = [200]

    LambdaBackend().call(claim(row, request_id="edge-7"), {})

    (seen,) = gateway.seen
    assert seen["x-request-id"] == "edge-7"
    assert "SignedHeaders=content-type;host;x-amz-date;x-request-id," in seen["authorization"]


@pytest.fixture
def task_role(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """What an ECS task asks for its role's keys."""
    settings.RX_GATEWAY_ACCESS_KEY = settings.RX_GATEWAY_SECRET_KEY = ""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    with standing_in() as endpoint, per_process.anew():
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://{endpoint.host}/role")
        keys = {
            "AccessKeyId": "ASIA1",
            "SecretAccessKey": "s",
            "Token": "session",
            "Expiration": "2999-01-01T00:00:00Z",
        }
        endpoint.body = json.dumps(keys).encode()
        yield endpoint


@pytest.mark.django_db
def test_a_tasks_role_signs_and_is_asked_for_its_keys_once(gateway: Gateway, row: Page, task_role: StandIn) -> None:
    gateway.statuses = [200]
    backend = LambdaBackend()

    backend.call(claim(row), {})
    backend.call(claim(row, "full/75,100/0/default.webp"), {})

    for seen in gateway.seen:
        assert "Credential=ASIA1/" in seen["authorization"]
        assert seen["x-amz-security-token"] == "session"
    assert len(task_role.seen) == 1


@pytest.mark.django_db
def test_a_role_without_keys_is_trouble_and_the_next_backends(gateway: Gateway, row: Page, task_role: StandIn) -> None:
    task_role.body = b"{}"

    with pytest.raises(BackendUnavailable, match="no AWS credentials"):
        LambdaBackend().call(claim(row), {})

    assert gateway.seen == []


@pytest.mark.django_db
def test_work_that_nobody_asked_for_has_no_request_id(gateway: Gateway, row: Page) -> None:
    gateway.statuses = [200]

    LambdaBackend().call(claim(row, request_id=""), {})

    assert "x-request-id" not in gateway.seen[0]


@pytest.mark.django_db
@pytest.mark.parametrize("status", [429, 500, 503])
def test_trouble_of_the_gateway_is_tried_again(gateway: Gateway, row: Page, status: int) -> None:
    gateway.statuses = [status, 200]

    made = LambdaBackend(backoff_seconds=0.01).call(claim(row), {})

    assert (made.size, made.width, made.height, made.etag) == (7, 150, 200, '"e"')
    assert len(gateway.seen) == 2


@pytest.mark.django_db
@pytest.mark.parametrize("status", [500, 503])
def test_trouble_that_stays_is_the_next_backends_and_opens_the_breaker(
    gateway: Gateway, row: Page, status: int
) -> None:
    gateway.statuses = [status]
    backend = LambdaBackend(backoff_seconds=0.01)

    with pytest.raises(BackendUnavailable, match=str(status)):
        backend.call(claim(row), {})
    with pytest.raises(BackendUnavailable, match="breaker"):
        backend.call(claim(row, "full/75,100/0/default.webp"), {})

    # five failures in a row; the sixth call was not made
    assert len(gateway.seen) == 5


@pytest.mark.usefixtures("servers")
@pytest.mark.django_db
def test_a_function_that_died_is_told_from_one_whose_time_was_up(gateway: Gateway, row: Page) -> None:
    gateway.statuses = [502]

    with pytest.raises(RenderCrashed):
        LambdaBackend().call(claim(row), {})
    with pytest.raises(BackendUnavailable, match="502"):
        LambdaBackend(late_seconds=0).call(claim(row, "full/75,100/0/default.webp"), {})


@pytest.mark.django_db
def test_a_page_for_an_engine_that_the_function_lacks_is_the_next_backends_at_once(gateway: Gateway, row: Page) -> None:
    gateway.statuses, gateway.refusal = [501], {"code": "engine-missing", "permanent": False}
    backend = LambdaBackend()

    for form in ("full/150,200", "full/75,100", "full/60,80", "full/48,64", "full/36,48", "full/30,40"):
        with pytest.raises(BackendUnavailable, match="engine-missing"):
            backend.call(claim(row, f"{form}/0/default.webp"), {})

    # each was asked once, and the function itself is in good health
    assert len(gateway.seen) == 6


@pytest.mark.django_db
@pytest.mark.parametrize("made", [[], {"message": "OK"}, {**MADE, "etag": None, "ms": None}])
def test_a_200_that_does_not_say_what_was_made_is_trouble(gateway: Gateway, row: Page, made: Any) -> None:
    gateway.statuses, gateway.made = [200], made

    with pytest.raises(BackendUnavailable, match="200 without JSON of ours"):
        LambdaBackend().call(claim(row), {})
