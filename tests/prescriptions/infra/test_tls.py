"""Redis and S3 over TLS: both clients of each talk to whoever has a certificate of the authority they were told of."""

import selectors
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import kombu
import kombu.exceptions
import pytest
import redis
from pytest_django import Settings

from prescriptions.infra import per_process, plain_s3, redis_client, storage
from rxproject.configuration.environment import redis_address
from tests.deploy.certificates import certificates

Reach = Callable[[], object]


def _pump(secure: ssl.SSLSocket, plain: socket.socket) -> None:
    with suppress(OSError), secure, plain, selectors.DefaultSelector() as selector:
        ends = {secure: plain, plain: secure}
        for end in ends:
            selector.register(end, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                end: Any = key.fileobj
                if not (data := end.recv(65536)):
                    return
                ends[end].sendall(data)
                while isinstance(end, ssl.SSLSocket) and end.pending():
                    ends[end].sendall(end.recv(65536))


@contextmanager
def behind_tls(pem: Path, host: str, port: int) -> Iterator[int]:
    """A door with TLS to a server without; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    def serve(listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with suppress(OSError):
                secure = context.wrap_socket(connection, server_side=True)
                Thread(target=_pump, args=(secure, socket.create_connection((host, port))), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        Thread(target=serve, args=(listening,), daemon=True).start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            listening.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Ours, and somebody else's."""
    return certificates(tmp_path_factory.mktemp("tls")), certificates(tmp_path_factory.mktemp("stranger"))


def test_redis_is_asked_by_both_clients_if_its_certificate_is_good(tls: tuple[Path, Path], settings: Settings) -> None:
    plain = urlsplit(settings.RX_REDIS_URL)
    ours, stranger = (str(folder / "trust/ca.pem") for folder in tls)

    def celery() -> None:
        with kombu.Connection(settings.RX_REDIS_URL, connect_timeout=30) as connection:
            connection.ensure_connection(max_retries=1)

    with behind_tls(tls[0] / "valkey" / "server.pem", str(plain.hostname), int(plain.port or 0)) as port:
        address = f"rediss://:{plain.password}@127.0.0.1:{port}/0"
        for ca_file, refusal in ((ours, None), (stranger, redis.ConnectionError), ("", redis.ConnectionError)):
            settings.RX_REDIS_URL = redis_address(ca_file).parse(address)
            with per_process.anew():
                if refusal is None:
                    assert redis_client.connection().ping()
                    celery()
                else:
                    with pytest.raises(refusal, match="CERTIFICATE_VERIFY_FAILED"):
                        redis_client.connection().ping()
                    with pytest.raises(kombu.exceptions.OperationalError, match="CERTIFICATE_VERIFY_FAILED"):
                        celery()


def test_s3_is_asked_with_and_without_the_sdk_if_its_certificate_is_good(
    tls: tuple[Path, Path], settings: Settings
) -> None:
    plain = urlsplit(settings.RX_S3_ENDPOINT)
    settings.RX_S3_TRIES = 1
    with behind_tls(tls[0] / "s3" / "server.pem", str(plain.hostname), int(plain.port or 0)) as port:
        settings.RX_S3_ENDPOINT = f"https://127.0.0.1:{port}"
        for folder, good in zip(tls, (True, False), strict=True):
            settings.RX_S3_CA_FILE = str(folder / "trust/ca.pem")
            with per_process.anew():
                assert plain_s3.is_enough()
                if good:
                    storage.reachable()
                    with pytest.raises(storage.ObjectMissing):
                        storage.head_variant("nobody/has/this")
                else:
                    with pytest.raises(storage.StorageUnavailable, match="SSLError"):
                        storage.reachable()
                    with pytest.raises(storage.StorageUnavailable, match="SSLCertVerificationError"):
                        storage.head_variant("nobody/has/this")
