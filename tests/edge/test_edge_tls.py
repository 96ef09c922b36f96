"""Django behind TLS: the edge asks whoever shows a good certificate, and nobody else."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.certificates import certificate_for, certificates
from tests.edge.servers import StandIn, StartEdge, standing_in


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def secured(tls: Path) -> Iterator[StandIn]:
    # By an address, because names would have to be resolved; checked as a name all the same.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_for("127.0.0.1", tls))
    with standing_in(tls=context) as server:
        yield server


def over_tls(authorities: Path) -> dict[str, str]:
    return {"RX_EDGE_WEB_SCHEME": "https", "RX_EDGE_WEB_CA_FILE": str(authorities)}


@pytest.mark.parametrize("path", ["/queue", "/generate/x", "/api/v1/prescriptions"])
def test_django_is_asked_over_tls(start_edge: StartEdge, secured: StandIn, tls: Path, path: str) -> None:
    edge = start_edge(overrides=over_tls(tls / "trust/ca.pem"), web=secured.host, generate=secured.host)

    assert edge.http.get(path).text == "from upstream"


def test_whoever_cannot_show_who_they_are_is_asked_nothing(
    start_edge: StartEdge, secured: StandIn, django: StandIn, tls: Path, tmp_path: Path
) -> None:
    stranger = certificates(tmp_path / "stranger")
    wrong_authority = start_edge(overrides=over_tls(stranger / "trust/ca.pem"), web=secured.host)
    with_another_name = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with_another_name.load_cert_chain(certificate_for("elsewhere", tls))
    secured.seen.clear()
    with standing_in(tls=with_another_name) as other:
        wrong_name = start_edge(overrides=over_tls(tls / "trust/ca.pem"), web=other.host)
        no_tls = start_edge(overrides=over_tls(tls / "trust/ca.pem"), web=django.host)

        for edge in (wrong_authority, wrong_name, no_tls):
            assert edge.http.get("/queue", headers={"Cookie": "secret"}).status_code == 503
        assert (secured.seen, other.seen, django.seen) == ([], [], [])
