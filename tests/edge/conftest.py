"""One real S3 (weed mini), one stand-in for Django and as many real nginx as a test wants, for the tests of the
edge alone.
"""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

import boto3
import httpx
import pytest
from botocore.config import Config

from rxproject.edge import render
from tests.edge.servers import (
    BUCKET,
    MEMORY,
    REGION,
    ROOT,
    SECRETS,
    TEMPLATE,
    VECTORS,
    Edge,
    StandIn,
    StartEdge,
    Store,
    nginx_command,
    running,
    standing_in,
    values,
)
from tests.waiting import free_port, listens, until


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("weed")
    actions = {"bootstrap": ["Admin"], "edge": [f"Read:{BUCKET}", f"List:{BUCKET}"], "stranger": ["Read:elsewhere"]}
    identities = [
        {"name": name, "credentials": [{"accessKey": name, "secretKey": SECRETS[name]}], "actions": allowed}
        for name, allowed in actions.items()
    ]
    (folder / "s3.json").write_text(json.dumps({"identities": identities}))
    ports = {flag: free_port() for flag in ("s3", "master", "volume", "filer", "admin")}
    # gRPC ports default to port + 10000, which a random port may push out of range.
    grpc = {f"{flag}.port.grpc": free_port() for flag in ("s3", "master", "volume", "filer", "admin")}
    options = {f"{flag}.port": port for flag, port in ports.items()} | grpc
    arguments = [
        which("weed") or str(ROOT / ".venv/bin/weed"), "-logtostderr=true", "mini", f"-dir={folder / 'data'}",
        "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-s3.config={folder / 's3.json'}", f"-bucket={BUCKET}",
        "-admin.ui=false", "-webdav=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false",
        "-s3.autoCreateBucket=false", *(f"-{name}={value}" for name, value in options.items()),
    ]  # fmt: skip
    (folder / "data").mkdir()
    client = boto3.client(
        "s3", endpoint_url=f"http://127.0.0.1:{ports['s3']}", region_name=REGION, aws_access_key_id="bootstrap",
        aws_secret_access_key=SECRETS["bootstrap"],
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )  # fmt: skip

    def writable() -> bool:
        try:
            client.put_object(Bucket=BUCKET, Key="probe", Body=b"probe")
        except Exception:  # noqa: BLE001  any answer but success means "not yet"
            return False
        return True

    with running(arguments, env=dict(os.environ), log=folder / "weed.log"):
        until(writable, f"weed (log: {folder / 'weed.log'})")
        yield Store(ports["s3"], client)


@pytest.fixture(scope="session")
def django_server() -> Iterator[StandIn]:
    with standing_in() as server:
        yield server


@pytest.fixture
def django(django_server: StandIn) -> StandIn:
    """The stand-in as good as new."""
    django_server.seen.clear()
    django_server.status, django_server.headers, django_server.delay = 200, {}, 0.0
    django_server.body = b"from upstream"
    return django_server


@pytest.fixture(scope="session")
def start_edge(tmp_path_factory: pytest.TempPathFactory, store: Store, django_server: StandIn) -> Iterator[StartEdge]:
    with ExitStack() as stack:

        def start(*, env: dict[str, str] | None = None, overrides: dict[str, str] | None = None, **hosts: str) -> Edge:
            run_dir = tmp_path_factory.mktemp("edge")
            tmpfs_dir = Path(stack.enter_context(TemporaryDirectory(prefix="rx-edge-", dir=MEMORY)))
            port = free_port()
            usual = {"s3": store.host, "web": django_server.host, "generate": django_server.host}
            filled = values(run_dir, tmpfs_dir, port, **(usual | hosts)) | (overrides or {})
            (run_dir / "nginx.conf").write_text(render(TEMPLATE.read_text(), filled))
            secrets = {
                "RX_LINK_KEYS": VECTORS["keys"],
                "RX_EDGE_ACCESS_KEY": "edge",
                "RX_EDGE_SECRET_KEY": SECRETS["edge"],
            }
            stack.enter_context(
                running(nginx_command(run_dir), env=secrets if env is None else env, log=run_dir / "stderr.log")
            )
            until(lambda: listens(port), f"nginx (log: {run_dir / 'stderr.log'})")
            client = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False))
            return Edge(f"http://127.0.0.1:{port}", client, run_dir, tmpfs_dir)

        yield start


@pytest.fixture(scope="session")
def edge(start_edge: StartEdge) -> Edge:
    """The edge as deployed: a good key, a keyring of two."""
    return start_edge()
