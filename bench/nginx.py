"""The nginx that our edge is compared with: the same program, as few directives as it takes."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rxproject.local.stack import binaries, readiness
from rxproject.local.stack.ports import LOOPBACK, pick

# As many processes as our edge, a log line for each request; what is served comes from memory as our cache does.
_CONFIG = """
worker_processes auto; pid {home}/nginx.pid; error_log stderr error; daemon off; {user}
events {{ worker_connections 1024; }}
http {{
    access_log {home}/access.log; sendfile on; tcp_nopush on; keepalive_requests 10000; default_type image/webp;
    client_body_temp_path {home}; proxy_temp_path {home}; fastcgi_temp_path {home}; uwsgi_temp_path {home};
    scgi_temp_path {home}; {cache}
    server {{ listen {listen} backlog=1024; {serve} }}
}}
"""
# Its memory as our edge's: request_pool_size.
_CACHE = "proxy_cache_path {home}/cache levels=1:2 keys_zone=plain:1m use_temp_path=off; request_pool_size 16k;"
_PROXY = "location / {{ proxy_cache plain; proxy_cache_valid 200 1h; proxy_pass {behind}; }}"


@dataclass(frozen=True, slots=True)
class Server:
    """Where it answers, and its master process."""

    url: str
    pid: int


@contextmanager
def plain_nginx(files: Mapping[str, bytes], *, behind: str = "") -> Iterator[Server]:
    """Serves these files, or (`behind`, an address) keeps what the server there says of them."""
    memory = Path("/dev/shm")  # noqa: S108 - a private directory is made inside it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None, prefix="rx-bench-") as folder:
        home, port = Path(folder), pick(front=None).front
        (home / "files").mkdir()
        for name, data in files.items():
            (home / "files" / name).write_bytes(data)
        config = _CONFIG.format(
            home=home,
            listen=f"{LOOPBACK}:{port}",
            user="user root;" if os.geteuid() == 0 else "",
            cache=_CACHE.format(home=home) if behind else "",
            serve=_PROXY.format(behind=behind) if behind else f"root {home}/files;",
        )
        (home / "nginx.conf").write_text(config)
        process = subprocess.Popen([binaries.nginx(), f"-p{home}", f"-c{home}/nginx.conf", "-estderr"])
        try:
            while not readiness.http_answers(port, f"/{next(iter(files))}"):
                time.sleep(0.05)
                if process.poll() is not None:
                    raise RuntimeError("the plain nginx did not start")
            yield Server(f"http://{LOOPBACK}:{port}", process.pid)
        finally:
            process.terminate()
            process.wait(10)
