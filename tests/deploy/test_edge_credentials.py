"""The edge with the keys of its ECS task's role: nginx.sh and a real nginx against stand-ins for the task's own address
and for S3.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from rxproject.local.stack import binaries
from tests.edge.servers import NGINX, VECTORS, Address, StandIn, running, standing_in, values
from tests.waiting import free_port, listens, until

SCRIPT = NGINX.parent / "compose" / "nginx.sh"
URI = "/v2/credentials/5c3a"
# In place of the image's wget: it asks the stand-in for what 169.254.170.2 would be asked.
WGET = """#!{python}
import sys, urllib.request
assert sys.argv[-1].startswith("http://169.254.170.2/")
url = sys.argv[-1].replace("169.254.170.2", "{host}")
data = urllib.request.build_opener(urllib.request.ProxyHandler({{}})).open(url, timeout=5).read()
open(sys.argv[sys.argv.index("-O") + 1], "wb").write(data)
"""


def keys(number: int) -> bytes:
    """As ECS gives them."""
    role = {"RoleArn": "arn:aws:iam::123456789012:role/edge", "Expiration": "2026-12-01T06:00:00Z"}
    mine = {"AccessKeyId": f"ASIA{number}", "SecretAccessKey": f"s{number}", "Token": f"session/{number}="}
    return json.dumps(role | mine).encode()


def programs(folder: Path, endpoint: StandIn) -> str:
    """A PATH with nginx and wget as the image has them."""
    folder.mkdir()
    # njs is built into this nginx, and root must not be changed to somebody who may not read the test's folder.
    user = "user root;" if os.geteuid() == 0 else ""
    nginx = f'#!/bin/sh\nexec \'{binaries.nginx()}\' "$1" "$2" "$3" "$4" "$5" "$6" -g \'daemon off; {user}\'\n'
    for name, text in (("nginx", nginx), ("wget", WGET.format(python=sys.executable, host=endpoint.host))):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def environment(folder: Path, endpoint: StandIn, s3: StandIn, port: int) -> dict[str, str]:
    hosts = {"s3": s3.host, "web": "127.0.0.1:9", "generate": "127.0.0.1:9"}
    return values(folder, folder, port, **hosts) | {
        "PATH": programs(folder / "bin", endpoint),
        "RX_LINK_KEYS": VECTORS["keys"],
        "RX_EDGE_CREDENTIALS_FILE": str(folder / "credentials.json"),
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": URI,
    }


@contextmanager
def edge(folder: Path, endpoint: StandIn, s3: StandIn) -> Iterator[httpx.Client]:
    """An edge that asks for keys five times a second."""
    port = free_port()
    logs = folder / "logs"
    logs.mkdir()
    argv = ["/bin/sh", str(SCRIPT), str(logs), "1000000", "60", "0.2"]
    with running(argv, env=environment(folder, endpoint, s3, port), log=folder / "log"):
        until(lambda: listens(port), (folder / "log").read_text)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
            yield client


def used(s3: StandIn, client: httpx.Client) -> str:
    """The access key that S3 is asked with now. Its token goes with it, and both are signed."""
    client.get(Address().path())
    headers = s3.seen[-1].headers
    name = headers["authorization"][0].partition("Credential=")[2].partition("/")[0]
    assert headers["x-amz-security-token"] == [f"session/{name.removeprefix('ASIA')}="]
    assert "x-amz-date;x-amz-security-token," in headers["authorization"][0]
    return name


def test_the_edge_signs_with_its_tasks_role_and_with_new_keys_before_the_old_ones_end(tmp_path: Path) -> None:
    with standing_in() as endpoint, standing_in() as s3:
        endpoint.body = keys(1)
        with edge(tmp_path, endpoint, s3) as client:
            assert used(s3, client) == "ASIA1"
            assert endpoint.seen[0].target == URI
            file = tmp_path / "credentials.json"
            assert file.stat().st_mode & 0o777 == 0o600

            endpoint.body = keys(2)
            until(lambda: used(s3, client) == "ASIA2", "the new keys")

            # What is no answer, or half of one, takes nothing away.
            for status, body in ((500, b"no"), (200, keys(3)[:90]), (200, b"{}")):
                endpoint.status, endpoint.body = status, body
                asked = len(endpoint.seen)
                until(lambda asked=asked: len(endpoint.seen) > asked + 2, "two more questions")
                assert used(s3, client) == "ASIA2"

            endpoint.status, endpoint.body = 200, keys(4)
            until(lambda: used(s3, client) == "ASIA4", "keys after the trouble")


def test_an_edge_whose_role_has_no_keys_does_not_start(tmp_path: Path) -> None:
    with standing_in() as endpoint, standing_in() as s3:
        endpoint.status = 404
        env = environment(tmp_path, endpoint, s3, free_port())
        sleep = tmp_path / "bin" / "sleep"
        sleep.write_text("#!/bin/sh\n")
        sleep.chmod(0o755)

        refused = subprocess.run(
            ["/bin/sh", NGINX / "credentials.sh", env["RX_EDGE_CREDENTIALS_FILE"], "once"],
            env=env, capture_output=True, text=True,
        )  # fmt: skip

        assert refused.returncode == 1
        assert refused.stderr == "The task's role has no keys, so the edge cannot read from S3\n"
        assert not Path(env["RX_EDGE_CREDENTIALS_FILE"]).exists()
        assert len(endpoint.seen) == 4
