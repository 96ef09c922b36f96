"""The small programs in deploy/compose, run with the real servers that the containers run."""

import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from botocore.exceptions import ClientError

from rxproject import buckets
from rxproject.buckets import AUDIT, ORIGINALS, VARIANTS, Identity, identities_file
from rxproject.edge import render
from rxproject.local.stack import binaries, readiness
from rxproject.local.stack.ports import Ports, pick
from tests.deploy.certificates import certificates
from tests.deploy.composefile import ROOT, SERVICES, fill
from tests.waiting import until

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

pytestmark = pytest.mark.xdist_group("compose")
SCRIPTS = ROOT / "deploy" / "compose"
SECRETS = {identity.value: f"{identity.value}-secret" for identity in Identity}


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the containers have below /tls."""
    return certificates(tmp_path_factory.mktemp("tls"))


def https_answers(port: int, tls: Path) -> bool:
    """The server's health, asked over TLS as its clients ask."""
    try:
        context = ssl.create_default_context(cafile=tls / "trust" / "ca.pem")
        return httpx.get(f"https://127.0.0.1:{port}/healthz", verify=context, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def wait_for(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    until(lambda: process.poll() is not None or ready(), log.read_text)
    assert process.poll() is None, log.read_text()


@contextmanager
def running(
    argv: list[str], env: Mapping[str, str], log: Path, ready: Callable[[], bool]
) -> Iterator[subprocess.Popen[bytes]]:
    """A server and its children, ended when the block ends."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv, env=dict(env), stdin=subprocess.DEVNULL, stdout=output, stderr=output, process_group=0
        )
    try:
        wait_for(ready, process, log)
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def path_with(folder: Path, **programs: str) -> str:
    """A PATH on which `programs` are found first, as they are in the images."""
    folder.mkdir()
    for name, target in programs.items():
        (folder / name.replace("_", "-")).symlink_to(target)
    return f"{folder}:{os.environ['PATH']}"


@pytest.fixture(scope="module")
def ports() -> Ports:
    return pick(front=None)


@pytest.fixture(scope="module")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory, ports: Ports, tls: Path) -> Iterator[Path]:
    """SeaweedFS as its container starts it, on other ports; the folder has what the script wrote."""
    folder = tmp_path_factory.mktemp("seaweedfs")
    (folder / "data").mkdir()
    (folder / "data" / "mini.options").write_text("s3.port=1\n")
    mine = {
        "-dir": str(folder / "data"), "-ip.bind": "127.0.0.1", "-s3.port": ports.s3, "-master.port": ports.s3 + 1,
        "-volume.port": ports.s3 + 2, "-filer.port": ports.s3 + 3, "-admin.port": ports.s3 + 4,
    }  # fmt: skip
    mine |= dict.fromkeys(("-s3.cert.file", "-s3.key.file"), str(tls / "s3" / "server.pem"))
    options = dict(option.split("=") for option in SERVICES["seaweedfs"]["command"]) | mine
    env = {
        "PATH": path_with(folder / "bin", weed=binaries.weed()),
        "HOME": str(folder),
        "RUN_DIR": str(folder),
        **{f"S3_{name.upper()}_SECRET": secret for name, secret in SECRETS.items()},
    }
    argv = ["/bin/sh", str(SCRIPTS / "seaweedfs.sh"), *(f"{name}={value}" for name, value in options.items())]
    log = folder / "log"
    with running(argv, env, log, lambda: https_answers(ports.s3, tls)) as process:
        environment = Path(f"/proc/{process.pid}/environ")
        if environment.exists():
            assert b"-secret" not in environment.read_bytes()
        yield folder


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory, ports: Ports, seaweedfs: Path, tls: Path) -> Iterator[str]:
    """The gate in front of it; the address that clients sign for is not SeaweedFS's own."""
    folder = tmp_path_factory.mktemp("gate")
    text = (SCRIPTS / "s3-gate.conf").read_text()
    for container, machine in (
        ("server seaweedfs:8333 resolve", f"server 127.0.0.1:{ports.s3}"),
        ("listen 0.0.0.0:8333", f"listen 127.0.0.1:{ports.web}"),
        ("server seaweedfs:9333 resolve", f"server 127.0.0.1:{ports.s3 + 1}"),
        ("listen 0.0.0.0:9333", f"listen 127.0.0.1:{ports.generate}"),
        ("/tmp/", f"{folder}/"),  # noqa: S108
        ("/tls/", f"{tls}/"),
        ("listen 127.0.0.1:8080", f"listen 127.0.0.1:{ports.gateway}"),
        ("https://127.0.0.1:8333/", f"https://127.0.0.1:{ports.web}/"),
    ):
        assert container in text
        text = text.replace(container, machine)
    (folder / "nginx.conf").write_text(text)
    argv = [binaries.nginx(), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr", "-g", "daemon off;"]
    assert SERVICES["s3"]["entrypoint"][3:] == argv[5:]
    with running(argv, {}, folder / "log", lambda: readiness.http_answers(ports.gateway, "/healthz")):
        yield f"https://127.0.0.1:{ports.web}"


@pytest.fixture(scope="module")
def told(gate: str, tls: Path) -> dict[str, str]:
    """The environment of the container that makes the buckets."""
    names = {"RX_S3_ENDPOINT": gate, "RX_S3_SECRET_KEY": SECRETS["bootstrap"], "RX_CA_FILE": str(tls / "trust/ca.pem")}
    assert set(names) == set(SERVICES["buckets"]["environment"])
    return {"PYTHONPATH": str(ROOT), **names}


def client(told: dict[str, str], identity: Identity, secret_key: str = "") -> "S3Client":
    secret_key = secret_key or SECRETS[identity.value]
    return buckets.client(told["RX_S3_ENDPOINT"], identity, secret_key, ca_file=told["RX_CA_FILE"])


def make_buckets(env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    script = SERVICES["buckets"]["command"][1]
    return subprocess.run([sys.executable, script], cwd=ROOT, env=env, capture_output=True, text=True, timeout=90)


def test_the_identities_are_those_of_runstack_and_only_their_owner_can_read_them(seaweedfs: Path) -> None:
    written = seaweedfs / "s3.json"

    assert json.loads(written.read_text()) == json.loads(identities_file(SECRETS))
    assert written.stat().st_mode & 0o777 == 0o600


def test_the_buckets_are_made_through_the_gate_and_can_be_made_again(told: dict[str, str]) -> None:
    for _ in range(2):
        made = make_buckets(told)
        assert (made.returncode, made.stdout, made.stderr) == (0, "", "")

    s3 = client(told, Identity.BOOTSTRAP)
    assert {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]} == {ORIGINALS, VARIANTS, AUDIT}
    assert s3.get_bucket_versioning(Bucket=ORIGINALS)["Status"] == "Enabled"


def test_each_identity_has_its_rights_through_the_gate_and_no_more(told: dict[str, str]) -> None:
    assert make_buckets(told).returncode == 0
    web, renderer, edge = (client(told, identity) for identity in (Identity.WEB, Identity.RENDERER, Identity.EDGE))
    web.put_object(Bucket=ORIGINALS, Key="rx/document", Body=b"original")

    assert renderer.get_object(Bucket=ORIGINALS, Key="rx/document")["Body"].read() == b"original"
    renderer.put_object(Bucket=VARIANTS, Key="rx/variant", Body=b"variant")
    assert edge.get_object(Bucket=VARIANTS, Key="rx/variant")["Body"].read() == b"variant"
    for refused in (
        lambda: renderer.put_object(Bucket=ORIGINALS, Key="rx/document", Body=b"other"),
        lambda: edge.put_object(Bucket=VARIANTS, Key="rx/variant", Body=b"other"),
        lambda: edge.get_object(Bucket=ORIGINALS, Key="rx/document"),
        lambda: client(told, Identity.WEB, "guessed").get_object(Bucket=ORIGINALS, Key="rx/document"),
    ):
        with pytest.raises(ClientError) as error:
            refused()
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert web.get_object(Bucket=ORIGINALS, Key="rx/document")["Body"].read() == b"original"
    assert web.get_object(Bucket=VARIANTS, Key="rx/variant")["Body"].read() == b"variant"


def kept_objects(word: str, env: dict[str, str], given: bytes) -> subprocess.CompletedProcess[bytes]:
    argv = [sys.executable, "deploy/compose/objects.py", word]
    return subprocess.run(argv, cwd=ROOT, env=env, input=given, capture_output=True, timeout=90)


def test_what_is_backed_up_comes_back_with_all_that_it_carried_and_nothing_is_written_over(
    told: dict[str, str],
) -> None:
    assert make_buckets(told).returncode == 0
    web = client(told, Identity.WEB)
    for name in ("lost", "kept"):
        web.put_object(
            Bucket=ORIGINALS,
            Key=f"back-up/{name}",
            Body=name.encode(),
            ContentType="image/heic",
            Metadata={"sha256": name},
        )
    saved = kept_objects("save", told, b"")
    assert saved.returncode == 0, saved.stderr
    web.delete_object(Bucket=ORIGINALS, Key="back-up/lost")
    web.put_object(Bucket=ORIGINALS, Key="back-up/kept", Body=b"newer")

    loaded = kept_objects("load", told, saved.stdout)

    assert (loaded.returncode, loaded.stderr) == (0, b"1 objects\n")
    lost = web.get_object(Bucket=ORIGINALS, Key="back-up/lost")
    assert (lost["Body"].read(), lost["ContentType"], lost["Metadata"]) == (b"lost", "image/heic", {"sha256": "lost"})
    assert web.get_object(Bucket=ORIGINALS, Key="back-up/kept")["Body"].read() == b"newer"


@pytest.mark.parametrize("given", [b"", b"no tar at all" * 1000])
def test_what_is_no_back_up_is_refused(told: dict[str, str], given: bytes) -> None:
    refused = kept_objects("load", told, given)

    assert refused.returncode == 1
    assert refused.stderr.startswith(b"The objects could not be loaded: ")


def test_valkey_wants_its_password_and_shows_it_to_nobody(tmp_path: Path, ports: Ports) -> None:
    shell, option, script = (fill(part, {}) for part in SERVICES["valkey"]["command"])
    # This Valkey has no TLS; tests/deploy/engine has one.
    lines = [line for line in script.splitlines() if not line.startswith(("tls-", "port 0", "dir /data"))]
    assert len(lines) == len(script.splitlines()) - 8
    script = "\n".join([*lines[:2], f"dir {tmp_path}", f"port {ports.redis}", "bind 127.0.0.1", *lines[2:]])
    env = {
        "PATH": path_with(tmp_path / "bin", valkey_server=binaries.valkey()),
        "VALKEY_PASSWORD": "valkey-secret",
    }

    ready = lambda: readiness.redis_answers(ports.redis, "valkey-secret")  # noqa: E731
    with running([f"/bin/{shell}", option, script], env, tmp_path / "log", ready) as process:
        assert not readiness.redis_answers(ports.redis, "guessed")
        command_line = Path(f"/proc/{process.pid}/cmdline")
        if command_line.exists():
            assert b"valkey-secret" not in command_line.read_bytes()


def test_the_edge_starts_from_the_template_with_nothing_left_to_fill_in(
    tmp_path: Path, ports: Ports, tls: Path
) -> None:
    # njs is built into this nginx, and root must not be changed to somebody who may not read the test's folder.
    user = "user root;" if os.geteuid() == 0 else ""
    wrapper = tmp_path / "nginx"
    wrapper.write_text(
        f"#!/bin/sh\nfor last; do :; done\necho \"$last\" >'{tmp_path}/directives'\n"
        f'exec \'{binaries.nginx()}\' "$1" "$2" "$3" "$4" "$5" "$6" -g \'daemon off; {user}\'\n'
    )
    wrapper.chmod(0o755)
    env = {name: fill(value, {}) for name, value in SERVICES["nginx"]["environment"].items() if value is not None} | {
        "RX_BASE_URL": "https://rx.example.org",
        "RX_LINK_KEYS": "k1:" + "ab" * 32,
        "RX_EDGE_SECRET_KEY": "edge-secret",
        "RX_EDGE_LISTEN": f"127.0.0.1:{ports.front}",
        "RX_EDGE_WEB": "127.0.0.1:9",
        "RX_EDGE_GENERATE": "127.0.0.1:9",
        "RX_EDGE_S3_HOST": "127.0.0.1:9",
        "RX_EDGE_JS_DIR": str(ROOT / "deploy" / "nginx"),
        "RX_EDGE_RUN_DIR": str(tmp_path),
        "RX_EDGE_TMPFS_DIR": str(tmp_path),
        **dict.fromkeys(("RX_EDGE_CA_FILE", "RX_EDGE_WEB_CA_FILE"), str(tls / "trust" / "ca.pem")),
        "PATH": path_with(tmp_path / "bin", nginx=str(wrapper)),
    }

    log, logs = tmp_path / "log", tmp_path / "logs"
    logs.mkdir()
    argv = ["/bin/sh", str(SCRIPTS / "nginx.sh"), str(logs), "50", "0.1"]  # a new file as soon as there is a line
    with running(argv, env, log, lambda: readiness.http_answers(ports.front, "/edge-healthz")) as process:
        assert readiness.http_status(ports.front, "/anything") == 503
        written = (tmp_path / "nginx.conf").read_text()
        assert written == render((ROOT / "deploy" / "nginx" / "nginx.conf.template").read_text(), env)
        assert "edge-secret" not in written
        # nginx logs a request after it has answered it.
        wait_for((logs / "access.log.1").exists, process, log)
        wait_for((logs / "access.log").exists, process, log)
        assert readiness.http_status(ports.front, "/later") == 503
        wait_for((logs / "access.log.2").exists, process, log)
        wait_for((logs / "access.log.1").exists, process, log)  # moved after the one before it
        wait_for((logs / "cache-bytes").exists, process, log)
    assert '"path":"/anything"' in (logs / "access.log.2").read_text()
    assert int((logs / "cache-bytes").read_text()) >= 0
    assert '"path":"/later"' in (logs / "access.log.1").read_text()
    directives = (tmp_path / "directives").read_text().strip()
    assert directives == "daemon off; load_module /usr/lib/nginx/modules/ngx_http_js_module.so;"


def test_the_edge_names_a_value_that_is_missing_and_does_not_start(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "RX_BASE_URL": "https://rx.example.org", "RX_EDGE_RUN_DIR": str(tmp_path)}

    refused = subprocess.run(["/bin/sh", SCRIPTS / "nginx.sh"], env=env, capture_output=True, text=True)

    assert refused.returncode == 1
    assert refused.stderr == (
        "RX_EDGE_CA_FILE is empty or missing; the edge needs a value for it (docker-compose.yml, service nginx)\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_beat_may_have_the_store_compacted_through_the_gate_and_nothing_else(
    gate: str, ports: Ports, tls: Path
) -> None:
    assert SERVICES["beat"]["environment"]["RX_STORE_COMPACT_URL"] == "https://s3:9333"
    known = ssl.create_default_context(cafile=tls / "trust" / "ca.pem")
    with httpx.Client(base_url=f"https://127.0.0.1:{ports.generate}", timeout=60, verify=known) as master:
        assert master.get("/vol/vacuum", params={"garbageThreshold": "0.9"}).status_code == 200
        assert master.post("/vol/vacuum").status_code == 403
        for path in ("/", "/vol/status", "/vol/grow", "/dir/status", "/vol/vacuum/", "/col/delete?collection=rx-audit"):
            assert master.get(path).status_code == 404, path
