"""Addresses and ports: loopback, unless somebody says otherwise. Only the front door's port is fixed; all others are
picked when the stack starts.
"""

import random
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rxproject.local.stack.errors import StackError

PROJECT = Path(__file__).resolve().parents[3]
LOOPBACK = "127.0.0.1"
# Below the kernel's ephemeral range (from 32768), so that no outgoing connection sits on a port between the
# moment it is picked and the moment a server binds it. SeaweedFS's second ports stay below, too.
_LOWEST, _HIGHEST = 12_000, 22_000
_GRPC_OFFSET = 10_000
S3_SPAN = 5
_ATTEMPTS = 200
# Not the generator that programs seed: two that start at the same moment with the same seed would pick the same ports.
_RANDOM = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Ports:
    """`s3` is the first of five: S3, master, volume, filer, admin; each again 10000 higher for gRPC."""

    front: int
    s3: int
    redis: int
    web: int
    generate: int
    gateway: int
    metrics: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where servers listen and stores are: one machine's loopback. Of several hosts each has its own.

    `name`: Celery's nodes are told apart by it. `enter`: what every server's command begins with, such as nsenter.
    """

    here: str = LOOPBACK
    s3: str = LOOPBACK
    redis: str = LOOPBACK
    name: str = "runstack"
    enter: tuple[str, ...] = ()
    checkout: Path = PROJECT

    @property
    def worker(self) -> str:
        return f"worker@{self.name}"

    @property
    def beat(self) -> str:
        return f"beat@{self.name}"


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return _bind(probe, port)


def require_free(port: int) -> None:
    """Raise unless the front door's port can be bound now."""
    if not 0 < port < 65_536:
        raise StackError(f"RX_PORT must be a number from 1 to 65535, not {port}.", exit_code=2)
    with socket.socket() as probe:
        try:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((LOOPBACK, port))
        except PermissionError:
            problem = "needs root"
        except OSError:
            problem = "is taken by another program"
        else:
            return
    raise StackError(
        f"Port {port} on {LOOPBACK} {problem}, so the front door cannot open there. Nothing was started. "
        f"Choose another with RX_PORT=<port> (or --port <port>), or end what uses it.",
        exit_code=2,
    )


def pick(*, front: int | None, s3_before: int | None = None) -> Ports:
    """Choose free ports. `s3_before` is kept when it is free: SeaweedFS names a directory after it."""
    with ExitStack() as held:  # all are held until the last is chosen, so that none is chosen twice
        if front is not None:
            _hold(held, front)
        s3 = s3_before if s3_before is not None and _hold(held, *s3_ports(s3_before)) else None
        if s3 is None:
            s3 = _pick_s3(held)
        redis, web, generate, gateway, metrics = (_pick_one(held) for _ in range(5))
        return Ports(
            front=_pick_one(held) if front is None else front,
            s3=s3,
            redis=redis,
            web=web,
            generate=generate,
            gateway=gateway,
            metrics=metrics,
        )


def s3_ports(first: int) -> tuple[int, ...]:
    """All ports of SeaweedFS: HTTP, then gRPC."""
    http = range(first, first + S3_SPAN)
    return (*http, *(port + _GRPC_OFFSET for port in http))


def _pick_s3(held: ExitStack) -> int:
    for _ in range(_ATTEMPTS):
        first = _RANDOM.randrange(_LOWEST, _HIGHEST - S3_SPAN)
        if _hold(held, *s3_ports(first)):
            return first
    raise _none_free()


def _pick_one(held: ExitStack) -> int:
    for _ in range(_ATTEMPTS):
        port = _RANDOM.randrange(_LOWEST, _HIGHEST)
        if _hold(held, port):
            return port
    raise _none_free()


def _none_free() -> StackError:
    return StackError(f"No free ports between {_LOWEST} and {_HIGHEST} on {LOOPBACK}; end what uses them.", exit_code=2)


def _hold(held: ExitStack, *ports: int) -> bool:
    """Bind every port and keep it bound until `held` closes; all or none."""
    with ExitStack() as mine:
        for port in ports:
            if not _bind(mine.enter_context(socket.socket()), port):
                return False
        held.push(mine.pop_all())
        return True


def _bind(sock: socket.socket, port: int) -> bool:
    try:
        # As servers do: a connection of the last run in TIME_WAIT must not make the port look taken.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((LOOPBACK, port))
    except OSError:
        return False
    return True
