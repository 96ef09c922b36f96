"""The stores on AWS: who answers has shown who it is, what must not be lost outlives its stack, and nobody gets in."""

import contextlib
import os
import re
import ssl
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from kombu import Connection

from rxproject.settings import VARIABLES
from tests.deploy.cloudformation import AWS, FILES_TOLD, Stacks

SERVING = ("web", "generate", "worker", "beat", "shell")


# --- Who answers ----------------------------------------------------------------------------------------------------
def test_the_database_is_known_by_its_certificate_and_valkey_by_its_own(stacks: Stacks) -> None:
    for name, user in (*((one, "rx_app") for one in SERVING), ("migrate", "rx"), ("grants", "rx")):
        environment = stacks.environment(name)
        options = psycopg.conninfo.conninfo_to_dict(environment["RX_DATABASE_URL"])
        assert (options["user"], options["sslmode"]) == (user, "verify-full")
        added = re.search(r"^ADD --chmod=0444 https://\S+ (\S+)$", (AWS / "Dockerfile").read_text(), re.MULTILINE)
        assert added is not None
        assert options["sslrootcert"] == added[1]
        checks = Connection(VARIABLES["RX_REDIS_URL"].read(environment)).ssl
        assert (checks["ssl_cert_reqs"], checks["ssl_check_hostname"]) == (ssl.CERT_REQUIRED, True)
        assert urlsplit(environment["RX_REDIS_URL"]).password == stacks.secret["VALKEY_PASSWORD"]
    database = stacks.resources("data")["Database"]
    assert database["MasterUserPassword"] == stacks.secret["POSTGRES_PASSWORD"]
    assert stacks.resources("data")["DatabaseParameters"]["Parameters"]["rds.force_ssl"] == "1"


def test_back_ups_are_as_old_as_the_proof_of_an_erasure_says(stacks: Stacks) -> None:
    days = Stacks(secret=stacks.secret, given={"data": {"BackupDays": "14"}})

    assert days.resources("data")["Database"]["BackupRetentionPeriod"] == "14"
    assert {item["Value"] for item in days.containers()["beat"]["Environment"] if item["Name"] == "RX_BACKUP_DAYS"} == {
        "14"
    }


def test_the_edge_checks_the_certificate_that_the_gunicorns_show(stacks: Stacks, tmp_path: Path) -> None:
    """The start of both, as it is in the template, with the secret as it was made; then one calls the other."""
    containers = stacks.containers()
    for name in ("web", "generate", "edge-a"):
        script = containers[name]["EntryPoint"][2].replace("/tls/", f"{tmp_path}/")
        for folder in ("web", "trust"):
            (tmp_path / folder).mkdir(exist_ok=True)
        script = script.replace("/bin/sh /etc/rx/start.sh ", "")
        told = {
            one["Name"]: stacks.opened(one["ValueFrom"])
            for one in containers[name]["Secrets"]
            if one["Name"] in FILES_TOLD
        }
        command = ["sh", "-c", script, "sh", "sh", "-c", 'echo "${WEB_TLS-unset}"']
        done = subprocess.run(command, env={**told, "PATH": os.environ["PATH"]}, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, "unset\n"), done.stderr
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "web" / "server.pem")
    for setting in ("RX_EDGE_WEB", "RX_EDGE_GENERATE"):
        host = stacks.environment("edge-a")[setting].partition(":")[0]
        client = ssl.create_default_context(cafile=tmp_path / "trust" / "ca.pem")
        one, other = (ssl.MemoryBIO(), ssl.MemoryBIO()), (ssl.MemoryBIO(), ssl.MemoryBIO())
        asks = client.wrap_bio(one[0], one[1], server_hostname=host)
        answers = server.wrap_bio(other[0], other[1], server_side=True)
        for _ in range(3):
            for side in (asks, answers):
                with contextlib.suppress(ssl.SSLWantReadError):
                    side.do_handshake()
                other[0].write(one[1].read())
                one[0].write(other[1].read())
        assert asks.getpeercert()


# --- What must not be lost --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("stack", "name", "policy"),
    [
        ("data", "Database", "Snapshot"),
        ("data", "AccessLogs", "Retain"),
        ("data", "DatabaseLogs", "Retain"),
        ("service", "Logs", "Retain"),
        ("renderer", "Originals", "Retain"),
        ("renderer", "Anchors", "Retain"),
        ("renderer", "Key", "Retain"),
    ],
)
def test_what_must_not_be_lost_outlives_its_stack(stack: str, name: str, policy: str, stacks: Stacks) -> None:
    resource = stacks.templates[stack]["Resources"][name]

    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == (policy, policy)


def test_the_stores_are_encrypted_with_the_deployments_key_and_nobody_reaches_them_from_outside(stacks: Stacks) -> None:
    data = stacks.resources("data")

    for name, word in (
        ("Database", "StorageEncrypted"),
        ("Cache", "AtRestEncryptionEnabled"),
        ("AccessLogs", "Encrypted"),
    ):
        assert data[name][word] is True
        assert data[name]["KmsKeyId"] == "renderer-Key.Arn"
    assert (data["Database"]["PubliclyAccessible"], data["Database"]["DeletionProtection"]) == (False, True)
    assert (data["Cache"]["TransitEncryptionEnabled"], data["Cache"]["TransitEncryptionMode"]) == (True, "required")
    assert data["CacheParameters"]["Properties"] == {"maxmemory-policy": "noeviction"}
    assert set(data["DatabaseSubnets"]["SubnetIds"]) == {"network-dataa", "network-datab"}
    for group in (*stacks.resources("service", "AWS::Logs::LogGroup").values(), data["DatabaseLogs"]):
        assert group["KmsKeyId"] == "renderer-Key.Arn"
        assert int(group["RetentionInDays"]) >= 365
