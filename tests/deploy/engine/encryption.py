"""TLS between the containers: nobody answers in the clear, and nobody takes another's certificate."""

import json
from typing import Final

from tests.deploy.engine.journey import Lines, insist
from tests.deploy.engine.product import Product

SYSTEM: Final = "/opt/venv/lib/python3.11/site-packages/botocore/cacert.pem"
# What each service has below /tls, and where it listens, besides Docker's own name server.
_FILES: Final = {
    "nginx": {"trust/ca.pem"}, "worker": {"trust/ca.pem"}, "beat": {"trust/ca.pem", "beat/server.pem"},
    "web": {"trust/ca.pem", "web/server.pem"}, "generate": {"trust/ca.pem", "web/server.pem"},
    "postgres": {"postgres/server.pem"}, "valkey": {"trust/ca.pem", "valkey/server.pem"},
    "seaweedfs": {"s3/server.pem"}, "s3": {"trust/ca.pem", "gate/server.pem"},
}  # fmt: skip
_PORTS: Final = {
    "web": {8000}, "generate": {8000}, "beat": {9100}, "postgres": {5432}, "valkey": {6379}, "s3": {8333, 9333},
}  # fmt: skip

# What somebody says who knows of no TLS, and what is answered.
_IN_THE_CLEAR: Final = r"""
import json, socket, struct
get = b"GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n"
start = b"user\0rx_app\0database\0rx\0\0"
said = {
    "web:8000": get % b"/livez", "generate:8000": get % b"/livez", "s3:8333": get % b"/healthz",
    "s3:9333": get % b"/vol/vacuum", "valkey:6379": b"PING\r\n",
    "postgres:5432": struct.pack("!ii", 8 + len(start), 196608) + start,
}
answers = {}
for place, words in said.items():
    host, port = place.split(":")
    with socket.create_connection((host, int(port)), 5) as plain:
        plain.sendall(words)
        try:
            answers[place] = plain.recv(4096).decode("latin-1")
        except OSError as error:
            answers[place] = type(error).__name__
print(json.dumps(answers))
"""

# Handshakes: with whom, by which authorities, under which name.
_HANDS: Final = r"""
import json, socket, ssl, sys
answers = {}
for place in ("web:8000", "generate:8000", "s3:8333", "s3:9333", "valkey:6379"):
    host, port = place.split(":")
    for what, authorities, name in (("good", "/tls/trust/ca.pem", host), ("another name", "/tls/trust/ca.pem", "nginx"),
                                    ("another authority", sys.argv[1], host)):
        try:
            with socket.create_connection((host, int(port)), 5) as plain:
                with ssl.create_default_context(cafile=authorities).wrap_socket(plain, server_hostname=name) as secure:
                    answers[f"{place} {what}"] = secure.version()
        except ssl.SSLCertVerificationError:
            answers[f"{place} {what}"] = "refused"
print(json.dumps(answers))
"""

# The product's own clients, told of authorities by RX_CA_FILE.
_CLIENTS: Final = """
import json, django
django.setup()
from celery import current_app
from django.conf import settings
from django.core.files.storage import storages
from django.db import connection
from prescriptions.infra import plain_s3, redis_client, storage
from prescriptions.infra.storage import ObjectMissing
from prescriptions.upkeep import remains
def broker():
    with current_app.connection_for_write() as link:
        link.ensure_connection(max_retries=1, timeout=5)
def head():
    assert plain_s3.is_enough()
    try:
        storage.head_variant("nobody/has/this")
    except ObjectMissing:
        pass
def compact():
    assert remains._compact_store()
tried = {
    "S3 by the SDK": storage.reachable,
    "S3 without it": head,
    "django-storages": lambda: storages["variants"].exists("x"),
    "PostgreSQL": connection.ensure_connection,
    "Valkey": redis_client.connection().ping,
    "Celery": broker,
    "the store's master": compact,
}
answers = {}
for name, attempt in tried.items():
    try:
        attempt()
        answers[name] = "reached"
    except Exception as error:
        answers[name] = type(error).__name__
print(json.dumps(answers))
"""


def encryption(product: Product) -> Lines:
    yield from _in_the_clear(product)
    yield from _hands(product)
    yield from _clients(product)
    yield from _files(product)
    yield from _doors(product)


def _asked(product: Product, script: str, *words: str, env: str = "RX_X=") -> dict[str, str]:
    said = product.compose("exec", "-T", "--env", env, "web", "python", "-c", script, *words)
    answers: dict[str, str] = json.loads(said.strip().splitlines()[-1])
    return answers


def _in_the_clear(product: Product) -> Lines:
    answers = _asked(product, _IN_THE_CLEAR)
    for place in ("web:8000", "generate:8000", "s3:8333", "s3:9333"):
        insist(" 200 " not in answers[place].partition("\r\n")[0], answers)
    insist("PONG" not in answers["valkey:6379"] and "NOAUTH" not in answers["valkey:6379"], answers)
    insist(answers["postgres:5432"].startswith("E") and "no encryption" in answers["postgres:5432"], answers)
    yield "in the clear: " + ", ".join(f"{place} {said[:24]!r}" for place, said in answers.items())


def _hands(product: Product) -> Lines:
    answers = _asked(product, _HANDS, SYSTEM)
    wrong = {
        what: said for what, said in answers.items() if said != ("TLSv1.3" if what.endswith(" good") else "refused")
    }
    insist(not wrong, wrong)
    yield f"{len(answers)} handshakes: TLSv1.3 with the right name and authority, refused with another"


def _clients(product: Product) -> Lines:
    reached = _asked(product, _CLIENTS)
    insist(set(reached.values()) == {"reached"}, reached)
    refused = _asked(product, _CLIENTS, env=f"RX_CA_FILE={SYSTEM}")
    insist("reached" not in refused.values(), refused)
    yield f"our own clients, told of another authority: {refused}"
    ask = "SELECT ssl, version FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'rx_app'"
    sessions = product.inside("postgres", "psql", "--username=rx", "-At", f"--command={ask}", "rx").split()
    insist(bool(sessions) and set(sessions) == {"t|TLSv1.3"}, sessions)
    yield f"PostgreSQL: {len(sessions)} sessions of rx_app, all TLSv1.3"


def _files(product: Product) -> Lines:
    for service, expected in _FILES.items():
        found = product.inside(service, "find", "/tls", "-name", "*.pem").split()
        insist({file.removeprefix("/tls/") for file in found} == expected, f"{service}: {found}")
        for file in found:
            insist(len(product.inside(service, "cat", file)) > 500, f"{service} cannot read {file}")
    yield "each server reads its own key and no other; that of the authority is in no running container"


def _doors(product: Product) -> Lines:
    """Ports that listen to more than their own container."""
    for service, expected in _PORTS.items():
        lines = product.inside(service, "sh", "-c", "cat /proc/net/tcp /proc/net/tcp6").splitlines()
        listening = [line.split()[1].split(":") for line in lines if len(line.split()) > 3 and line.split()[3] == "0A"]
        # 127.0.0.0/8, as the kernel writes it.
        ports = {int(port, 16) for address, port in listening if not address.endswith("7F")}
        insist(ports == expected, f"{service} listens at {ports}")
    yield f"doors: {_PORTS}"
