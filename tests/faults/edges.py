"""A second nginx in front of the same servers."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from rxproject.local.stack import binaries, readiness
from rxproject.local.stack.edge import prepare_home
from rxproject.local.stack.ports import pick
from tests.conftest import Site
from tests.waiting import until


@contextmanager
def another_edge(site: Site, folder: Path, **settings: str) -> Iterator[httpx.Client]:
    """One with some settings of its own, which lives in `folder`."""
    port = pick(front=None).front
    env = {**site.stack.env_for("edge"), "RX_EDGE_LISTEN": f"127.0.0.1:{port}", **settings}
    for name in ("RX_EDGE_RUN_DIR", "RX_EDGE_TMPFS_DIR"):
        env[name] = str(folder)
    env["RX_EDGE_JS_DIR"] = str(folder / "js")
    config = prepare_home(folder, env, site.stack.state)
    directives = "daemon off; user root;" if os.geteuid() == 0 else "daemon off;"
    process = subprocess.Popen([binaries.nginx(), f"-p{folder}", f"-c{config}", "-estderr", f"-g{directives}"], env=env)
    try:
        until(lambda: process.poll() is not None or readiness.http_answers(port, "/edge-healthz"), "nginx")
        assert process.poll() is None
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client
    finally:
        process.terminate()
        process.wait(10)
