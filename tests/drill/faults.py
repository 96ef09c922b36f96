"""What can break, each as a way to break it and, where it does not mend by itself, a way to mend it."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

import redis

from rxproject.local.stack.stack import Stack
from tests.faults.proxy import Fault, FaultProxy, Kind
from tests.waiting import generation, kill_all

FROZEN_SECONDS: Final = 30.0
TROUBLE_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Scene:
    """What faults are done to. `pause` waits while the supervisor does its work."""

    stack: Stack
    s3: FaultProxy
    pause: Callable[[float], None]


Break = Callable[[Scene], None]


def kill(name: str, depth: int = 0) -> Break:
    """kill -9 of a server's master, of its children (1) or of theirs (2)."""

    def act(scene: Scene) -> None:
        pid = scene.stack.pid_of(name)
        kill_all([pid] if depth == 0 else generation(pid, depth))

    return act


def freeze(name: str) -> Break:
    """SIGSTOP to all of a server for half a minute."""

    def act(scene: Scene) -> None:
        group = scene.stack.pid_of(name)
        os.killpg(group, signal.SIGSTOP)
        try:
            scene.pause(FROZEN_SECONDS)
        finally:
            os.killpg(group, signal.SIGCONT)

    return act


def spoil(fault: Fault) -> Break:
    """Everything that Django's processes ask of S3 for a quarter of a minute."""

    def act(scene: Scene) -> None:
        scene.s3.faults.append(replace(fault))
        try:
            scene.pause(TROUBLE_SECONDS)
        finally:
            scene.s3.faults.clear()

    return act


@contextmanager
def _valkey(scene: Scene) -> Iterator[redis.Redis]:
    connection = redis.Redis.from_url(scene.stack.env_for("web")["RX_REDIS_URL"], socket_timeout=5)
    try:
        yield connection
    finally:
        connection.close()


def flush(scene: Scene) -> None:
    with _valkey(scene) as connection:
        connection.flushall()


def fill(scene: Scene) -> None:
    """Valkey takes nothing new: noeviction, and less memory than it uses."""
    with _valkey(scene) as connection:
        connection.config_set("maxmemory-policy", "noeviction")
        connection.config_set("maxmemory", "1mb")
    scene.pause(TROUBLE_SECONDS)
    with _valkey(scene) as connection:
        connection.config_set("maxmemory", "0")


def restart_often(scene: Scene) -> None:
    """Twenty restarts of Valkey, one a second."""
    for _ in range(20):
        scene.stack.restart("redis")
        scene.pause(0.5)


def read_only(scene: Scene) -> None:
    """The folder where uploads wait cannot be written."""
    folder = scene.stack.state.uploads
    aside = folder.with_name(f"{folder.name}-aside")
    folder.rename(aside)
    try:
        scene.pause(TROUBLE_SECONDS)
    finally:
        aside.rename(folder)


FAULTS: Final[dict[str, Break]] = {
    "nothing at all": lambda scene: scene.pause(TROUBLE_SECONDS),
    "kill nginx's workers": kill("edge", 1),
    "kill nginx": kill("edge"),
    "kill web's workers": kill("web", 1),
    "kill web": kill("web"),
    "kill generate's workers": kill("generate", 1),
    "kill generate": kill("generate"),
    "kill worker": kill("worker"),
    "kill zygote": kill("worker", 1),
    "kill renderers": kill("worker", 2),
    "kill beat": kill("beat"),
    "kill Valkey": kill("redis"),
    "kill S3": kill("s3"),
    **{f"freeze {name}": freeze(name) for name in ("web", "generate", "worker", "beat", "redis", "s3", "edge")},
    "S3 answers 403": spoil(Fault(Kind.STATUS, status=403, code="AccessDenied")),
    "S3 answers 500": spoil(Fault(Kind.STATUS, status=500, code="InternalError")),
    "S3 is slow": spoil(Fault(Kind.DELAY, seconds=3)),
    "S3 resets": spoil(Fault(Kind.RESET)),
    "S3 cuts bodies": spoil(Fault(Kind.TRUNCATE, after=1000)),
    "S3 hangs": spoil(Fault(Kind.HANG)),
    "flush Valkey": flush,
    "Valkey is full": fill,
    "restart Valkey 20 times": restart_often,
    "uploads' folder is gone": read_only,
}


def tending(stack: Stack) -> Callable[[float], None]:
    """Waits as the supervisor of `make run` does: the dead are started again."""

    def pause(seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            stack.tend()
            time.sleep(0.1)

    return pause
