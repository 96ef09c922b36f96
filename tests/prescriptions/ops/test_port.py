"""Where Prometheus asks worker and beat; and what the database knows is told once, however many are asked."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from prescriptions.infra import per_process
from prescriptions.ops import port, scrape
from tests.conftest import Site
from tests.deploy.certificates import certificates


def names(text: str) -> set[str]:
    return {family.name for family in text_string_to_metric_families(text)}


OF_THE_DATABASE = {"rx_variants_open", "rx_reviews", "rx_duty_age_seconds", "rx_variant_oldest_seconds"}


@pytest.fixture(scope="module")
def token(site: Site) -> dict[str, str]:
    return {"Authorization": f"Bearer {site.manage('rxtoken', 'create', '--name', 'prom', '--scopes', 'ops:read')}"}


# --- The stack's --------------------------------------------------------------------------------------------------
def test_beat_alone_tells_what_the_database_knows_and_both_what_processes_counted(
    site: Site, token: dict[str, str]
) -> None:
    ports = site.stack.ports
    assert site.http.get("/healthz").status_code == 200

    beat, web = (httpx.get(f"http://127.0.0.1:{one}/metrics", headers=token) for one in (ports.metrics, ports.web))

    assert (beat.status_code, web.status_code) == (200, 200)
    assert (beat.headers["content-type"], beat.headers["cache-control"]) == (web.headers["content-type"], "no-store")
    assert names(beat.text) >= OF_THE_DATABASE
    assert not OF_THE_DATABASE & names(web.text)
    assert {"rx_http_requests", "rx_build_info"} <= names(beat.text) & names(web.text)


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic cng6cng="}])
def test_without_a_good_token_beat_tells_nothing(site: Site, header: dict[str, str]) -> None:
    answer = httpx.get(f"http://127.0.0.1:{site.stack.ports.metrics}/metrics", headers=header)

    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert "rx_" not in answer.text


def test_a_clients_token_is_not_enough_and_there_is_no_other_page(site: Site, token: dict[str, str]) -> None:
    address = f"http://127.0.0.1:{site.stack.ports.metrics}"

    assert httpx.get(f"{address}/metrics", headers=site.bearer).status_code == 403
    assert httpx.get(f"{address}/readyz", headers=token).status_code == 404
    assert httpx.post(f"{address}/metrics", headers=token).status_code == 501


# --- In this process ----------------------------------------------------------------------------------------------
@contextmanager
def opened(certificate: str = "") -> Iterator[int]:
    with port.Port(("127.0.0.1", 0), certificate) as server:
        number = int(server.socket.getsockname()[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield number
        finally:
            server.shutdown()
            thread.join()


def test_with_a_certificate_it_speaks_tls_and_nothing_else(tmp_path: Path) -> None:
    tls = certificates(tmp_path)
    with opened(str(tls / "beat" / "server.pem")) as number:
        known = ssl.create_default_context(cafile=str(tls / "trust" / "ca.pem"))

        assert httpx.get(f"https://127.0.0.1:{number}/none", verify=known).status_code == 404
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://127.0.0.1:{number}/none")
        assert httpx.get(f"https://127.0.0.1:{number}/none", verify=known).status_code == 404


@pytest.mark.django_db
def test_of_two_beats_the_one_that_leads_tells_it_and_a_worker_never_does(settings: Settings) -> None:
    settings.RX_ROLE = "beat"
    with per_process.anew():
        assert [*port.AtPort().parts()] == [scrape.database]
        assert [*port.AtPort().parts()] == [scrape.database]
    with per_process.anew():
        assert [*port.AtPort().parts()] == []
    settings.RX_ROLE = "worker"
    with per_process.anew():
        assert [*port.AtPort().parts()] == []


def test_a_port_that_cannot_be_had_keeps_nobody_from_working(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with opened() as number:
        settings.RX_METRICS_LISTEN = f"127.0.0.1:{number}"
        assert port.open_port() is None
    assert [record.message for record in caplog.records] == ["the port of metrics cannot be opened"]
    settings.RX_METRICS_LISTEN = ""
    assert port.open_port() is None
