"""TLS inside docker-compose.yml: who shows which certificate, who checks it, and what makes them."""

import re
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Thread

import httpx
import pytest

from tests.deploy.certificates import PROGRAM, certificates
from tests.deploy.composefile import ROOT, SERVICES, TEXT
from tests.edge.servers import running
from tests.waiting import free_port, listens, until

CA = "/tls/trust/ca.pem"


@contextmanager
def server(pem: Path) -> Iterator[int]:
    """Shakes hands over TLS with whoever comes; the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                try:
                    context.wrap_socket(connection, server_side=True).close()
                except OSError:
                    connection.close()

        thread = Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def shakes_hands(pem: Path, name: str, authorities: Path) -> bool:
    with server(pem) as port, socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
        try:
            ssl.create_default_context(cafile=authorities).wrap_socket(plain, server_hostname=name).close()
        except ssl.SSLCertVerificationError:
            return False
        return True


# --- What makes them ------------------------------------------------------------------------------------------------
def test_each_server_has_a_certificate_for_its_names_and_for_no_other(tmp_path: Path) -> None:
    tls, stranger = certificates(tmp_path / "tls"), certificates(tmp_path / "stranger")

    for folder, names in PROGRAM.SERVERS.items():
        for name in (*names, "127.0.0.1"):
            assert shakes_hands(tls / folder / "server.pem", name, tls / "trust/ca.pem")
        assert not shakes_hands(tls / folder / "server.pem", "nginx", tls / "trust/ca.pem")
    assert not shakes_hands(stranger / "web" / "server.pem", "web", tls / "trust/ca.pem")
    assert not shakes_hands(tls / "web" / "server.pem", "web", stranger / "trust/ca.pem")


def test_a_key_can_be_read_by_its_servers_group_and_that_of_the_authority_by_nobody_else(tmp_path: Path) -> None:
    tls = certificates(tmp_path)

    modes = {str(file.relative_to(tls)): stat.S_IMODE(file.stat().st_mode) for file in tls.rglob("*.*")}
    assert modes == {
        "authority/authority.pem": 0o600,
        "trust/ca.pem": 0o644,
        **{f"{server}/server.pem": 0o640 for server in PROGRAM.SERVERS},
    }
    assert "PRIVATE KEY" not in (tls / "trust/ca.pem").read_text()
    assert len({(tls / server / "server.pem").read_text().partition("PRIVATE")[2] for server in PROGRAM.SERVERS}) == 6


def test_what_is_good_is_left_and_what_is_broken_missing_or_about_to_end_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = certificates(tmp_path)
    before = {file: file.read_bytes() for file in tls.rglob("*.pem")}
    assert list(PROGRAM.make(tls)) == []

    (tls / "web" / "server.pem").write_text("half of")
    (tls / "s3" / "server.pem").unlink()
    (tls / "gate" / "server.pem").write_bytes(before[tls / "postgres" / "server.pem"])
    (tls / "trust" / "ca.pem").unlink()
    made = [line.partition(",")[0] for line in PROGRAM.make(tls)]
    assert made == ["the authority", *(f"a certificate for {name}" for name in ("web", "s3", "gate"))]
    assert (tls / "valkey" / "server.pem").read_bytes() == before[tls / "valkey" / "server.pem"]
    assert (tls / "trust" / "ca.pem").read_bytes() == before[tls / "trust" / "ca.pem"]

    later = PROGRAM._now() + timedelta(days=825 - 364)
    monkeypatch.setattr(PROGRAM, "_now", lambda: later)
    assert len(list(PROGRAM.make(tls))) == len(PROGRAM.SERVERS)


def test_a_new_authority_is_trusted_beside_the_one_before_it(tmp_path: Path) -> None:
    tls = certificates(tmp_path / "tls")
    old, trusted = (tmp_path / "old.pem"), (tmp_path / "old-ca.pem")
    old.write_bytes((tls / "web" / "server.pem").read_bytes())
    trusted.write_bytes((tls / "trust" / "ca.pem").read_bytes())

    assert len(list(PROGRAM.make(tls, "authority"))) == 1 + len(PROGRAM.SERVERS)

    assert shakes_hands(old, "web", tls / "trust/ca.pem")
    assert shakes_hands(tls / "web" / "server.pem", "web", tls / "trust/ca.pem")
    assert not shakes_hands(tls / "web" / "server.pem", "web", trusted)
    list(PROGRAM.make(tls, "authority"))
    assert not shakes_hands(old, "web", tls / "trust/ca.pem"), "of those before it only the last one is kept"


def test_renewed_are_all_certificates_and_not_the_authority(tmp_path: Path) -> None:
    tls = certificates(tmp_path)
    before = {file: file.read_bytes() for file in tls.rglob("*.pem")}
    script = ROOT / SERVICES["certificates"]["entrypoint"][1]

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        env = {"TLS_DIR": str(tls)}
        return subprocess.run([sys.executable, script, *words], env=env, capture_output=True, text=True, check=False)

    done = run("renew")
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", len(PROGRAM.SERVERS))
    same = {file.parent.name for file, text in before.items() if file.read_bytes() == text}
    assert same == {"authority", "trust"}
    assert run("everything").returncode == 1


# --- Who shows and who checks them ----------------------------------------------------------------------------------
def test_whatever_a_container_calls_is_called_over_tls() -> None:
    # Health checks ask their own container.
    plain = re.findall(r"\b(?:http|redis)://(?!127\.0\.0\.1[:/])\S+", "\n".join(re.findall(r"^[^#]+", TEXT, re.M)))
    assert plain == []
    for name, service in SERVICES.items():
        told = service.get("environment", {})
        called = {key: value for key, value in told.items() if "://" in str(value) and key.startswith("RX_")}
        if name in ("web", "generate", "worker", "beat", "migrate", "grants"):
            assert called["RX_DATABASE_URL"].endswith("@postgres:5432/rx?sslmode=verify-full")
            assert called["RX_REDIS_URL"].startswith("rediss://")
        if called.keys() - {"RX_BASE_URL"}:
            assert told["RX_CA_FILE"] == CA
            assert "trust:/tls/trust:ro" in service["volumes"]
    edge = SERVICES["nginx"]["environment"]
    assert {edge["RX_EDGE_S3_SCHEME"], edge["RX_EDGE_WEB_SCHEME"]} == {"https"}
    assert {edge["RX_EDGE_CA_FILE"], edge["RX_EDGE_WEB_CA_FILE"]} == {CA}


def test_each_server_has_the_file_with_its_own_key_and_nobody_has_another() -> None:
    mounted = {
        name: {volume for volume in service.get("volumes", []) if "/tls/" in volume}
        for name, service in SERVICES.items()
    }
    trust = "trust:/tls/trust:ro"

    assert mounted.pop("certificates") == {
        f"{volume}:/tls/{volume.removeprefix('tls-')}"
        for volume in ("authority", "trust", *(f"tls-{server}" for server in PROGRAM.SERVERS))
    }
    assert {name: found for name, found in mounted.items() if found} == {
        **{name: {trust} for name in ("nginx", "worker", "migrate", "grants", "buckets")},
        "beat": {trust, "tls-beat:/tls/beat:ro"},
        **{name: {trust, "tls-web:/tls/web:ro"} for name in ("web", "generate")},
        "postgres": {"tls-postgres:/tls/postgres:ro"},
        "valkey": {trust, "tls-valkey:/tls/valkey:ro"},
        "seaweedfs": {"tls-s3:/tls/s3:ro"},
        "s3": {trust, "tls-gate:/tls/gate:ro"},
    }


def test_a_folder_of_the_image_belongs_to_the_group_of_the_server_that_reads_it() -> None:
    made = re.findall(
        r"install -d -o 10001 -g (\d+) -m (\d+) (/tls/[a-z0-9/ ]+)",
        (ROOT / "Dockerfile").read_text().replace("\\\n", ""),
    )
    groups = {Path(path).name: group for group, mode, paths in made for path in paths.split() if mode == "2750"}
    readers = {
        "web": "web",
        "beat": "beat",
        "postgres": "postgres",
        "valkey": "valkey",
        "s3": "seaweedfs",
        "gate": "s3",
    }

    assert groups == {
        folder: SERVICES[name].get("user", "10001:10001").split(":")[1] for folder, name in readers.items()
    }
    assert [(mode, paths.strip()) for _, mode, paths in made if mode != "2750"] == [
        ("0700", "/tls/authority"),
        ("0755", "/tls/trust"),
    ]


def test_servers_speak_tls_alone() -> None:
    valkey = SERVICES["valkey"]["command"][-1].splitlines()
    assert {"port 0", "tls-port 6379", "tls-auth-clients no"} <= set(valkey)
    postgres, script = SERVICES["postgres"]["command"], SERVICES["postgres"]["entrypoint"][2]
    assert "ssl=on" in postgres
    [written] = re.findall(r"cat >(\S+) <<EOF", script)
    assert f"hba_file={written}" in postgres
    assert re.findall(r"^(?:local|host\w*) .+$", script, re.M) == [
        "local all all trust",
        "hostssl all all all scram-sha-256",
    ]
    for name in ("web", "generate"):
        assert "--certfile=/tls/web/server.pem" in SERVICES[name]["command"]


def test_gunicorn_shows_its_certificate_and_answers_nobody_in_the_clear(tmp_path: Path) -> None:
    tls = certificates(tmp_path / "tls")
    port = free_port()
    (tmp_path / "hello.py").write_text(
        "def app(environ, start):\n    start('200 OK', [('Content-Length', '2')])\n    return [b'ok']\n"
    )
    kept = [word for word in SERVICES["web"]["command"][2:] if word.startswith(("--worker-class", "--no-control"))]
    command = [sys.executable, "-m", "gunicorn", "hello:app", *kept, f"--bind=127.0.0.1:{port}"]
    with running([*command, f"--certfile={tls}/web/server.pem", f"--chdir={tmp_path}"], env={}, log=tmp_path / "log"):
        until(lambda: listens(port), (tmp_path / "log").read_text)
        known = ssl.create_default_context(cafile=tls / "trust/ca.pem")
        with httpx.Client(verify=known) as client:
            assert [client.get(f"https://127.0.0.1:{port}/").text for _ in range(3)] == ["ok"] * 3
        with pytest.raises(httpx.HTTPError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"https://127.0.0.1:{port}/")
        with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
            plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert b"200" not in plain.recv(4096)
