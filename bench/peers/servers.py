"""Servers that make a picture of a file on their disk: ipx (sharp), thumbor (Pillow), and Django's thumbnail libraries.

All are asked for the same pixels as we are, turned upright as EXIF says, with all cores.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from bench.peers import install
from bench.rows import RESULTS
from rxproject.local.stack import readiness
from rxproject.local.stack.ports import LOOPBACK, pick

IPX: Final = "ipx@3.1.1"
THUMBOR: Final = "thumbor==7.8.0"
# View of `django_site`, and package. Willow is what makes Wagtail's renditions.
DJANGO: Final = {
    "easy": "easy-thumbnails==2.10.1",
    "sorl": "sorl-thumbnail==13.4.0",
    "imagekit": "django-imagekit==6.1.1",
    "wagtail": "willow==1.12.0",
}
_SITE: Final = "django_site"
_START_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class Peer:
    """A running server: `path(file, width, form)` is what to ask it for."""

    name: str
    base_url: str
    pid: int
    path: Callable[[str, int, str], str]
    forms: tuple[str, ...] = ("jpg", "webp")


@contextmanager
def running(name: str, command: list[str], port: int, cwd: Path, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server's process group, from its first answer of any status on. Raises RuntimeError if it does not come up."""
    log = RESULTS / f"{name}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=cwd, env={**os.environ, **env}, stdout=out, stderr=out, process_group=0)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not readiness.http_status(port, "/"):
            if process.poll() is not None or time.monotonic() > deadline:
                said = log.read_text(errors="replace").strip().splitlines()
                raise RuntimeError(f"{name} did not start: {said[-1] if said else 'it said nothing'}")
            time.sleep(0.1)
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # not all of them take their workers along; they hold nothing
        process.wait(10)


@contextmanager
def ipx(files: Path) -> Iterator[Peer]:
    home, port = install.npm("ipx", IPX), pick(front=None).front

    def path(file: str, width: int, form: str) -> str:
        # Without an angle, sharp's rotate() turns the picture upright, which ipx does not do by itself.
        return f"/rotate_undefined,w_{width},f_{ {'jpg': 'jpeg'}.get(form, form) },q_80/{file}"

    script = str(home / "node_modules" / "ipx" / "bin" / "ipx.mjs")
    command = ["node", script, "serve", "--dir", str(files), "--port", str(port), "--host", LOOPBACK]
    with running("ipx", command, port, files) as process:
        yield Peer("ipx", f"http://{LOOPBACK}:{port}", process.pid, path)


@contextmanager
def thumbor(files: Path) -> Iterator[Peer]:
    home, port = install.pip("thumbor", THUMBOR), pick(front=None).front
    settings = {
        "LOADER": "thumbor.loaders.file_loader",
        "FILE_LOADER_ROOT_PATH": str(files),
        "RESULT_STORAGE": "thumbor.result_storages.no_storage",
        "STORAGE": "thumbor.storages.no_storage",
        "RESPECT_ORIENTATION": True,
        "ALLOW_UNSAFE_URL": True,
        "QUALITY": 80,
        "MAX_AGE": 0,
    }
    conf = RESULTS / "thumbor.conf"
    conf.write_text("".join(f"{name} = {value!r}\n" for name, value in settings.items()))

    def path(file: str, width: int, form: str) -> str:
        return f"/unsafe/{width}x0/filters:format({ {'jpg': 'jpeg'}.get(form, form) })/{file}"

    options = ["--port", str(port), "--ip", LOOPBACK, "--conf", str(conf), "--processes", str(os.cpu_count())]
    command = [sys.executable, "-m", "thumbor.server", *options]
    with running("thumbor", command, port, files, PYTHONPATH=str(home)) as process:
        yield Peer("thumbor", f"http://{LOOPBACK}:{port}", process.pid, path)


@contextmanager
def django_library(view: str, files: Path) -> Iterator[Peer]:
    """One of `DJANGO`, as many processes as cores, four threads each."""
    home, port = install.pip("django", *DJANGO.values(), "django>=5.2,<5.3", "gunicorn"), pick(front=None).front
    with tempfile.TemporaryDirectory(prefix="rx-bench-") as made:
        env = {"PYTHONPATH": f"{home}:{Path(__file__).parent}", "BENCH_FILES": str(files), "BENCH_MADE": made}
        subprocess.run(
            [sys.executable, "-m", _SITE],
            check=True,
            capture_output=True,
            text=True,
            cwd=files,
            env={**os.environ, **env},
        )
        options = ["--bind", f"{LOOPBACK}:{port}", "--workers", str(os.cpu_count()), "--threads", "4"]
        command = [sys.executable, "-m", "gunicorn", f"{_SITE}:application", *options]
        with running(view, command, port, files, **env) as process:
            base_url = f"http://{LOOPBACK}:{port}"
            yield Peer(view, base_url, process.pid, lambda file, width, _form: f"/{view}/{width}/{file}", ("jpg",))


SERVERS: Final[dict[str, Callable[[Path], AbstractContextManager[Peer]]]] = {
    "ipx": ipx,
    "thumbor": thumbor,
    **{view: partial(django_library, view) for view in DJANGO},
}
