"""What the stack consists of: each server with its command, its probe and what it needs first."""

import os
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rxproject.buckets import Identity, identities_file
from rxproject.local.stack import binaries, migrated, readiness
from rxproject.local.stack.edge import prepare_home
from rxproject.local.stack.ports import Place
from rxproject.local.stack.processes.process import Command
from rxproject.local.stack.roles import Environments, Role, shell
from rxproject.local.stack.state import write_private

WORKER_NODE, BEAT_NODE = Place().worker, Place().beat  # of `make run`
# `control` has the sweeps, the others a lane each (see CELERY_TASK_ROUTES).
_QUEUES = "advertised,images,documents,large"
# Sweeps, erasure, reconciliation: they never wait behind a render, and may do what a renderer must not.
_HOUSEKEEPING = "control"
# None of them asks S3 before it is ready: their imports and its start take their time together.
_BEFORE_DJANGO = ("redis", "migrate")
# Seconds to finish open requests; whatever is cut off is asked for again.
_GRACE = 8


@dataclass(frozen=True, slots=True)
class Sizes:
    """Processes and threads, for a small machine. A waiter on /generate costs a thread and little else."""

    web_processes: int = 2
    web_threads: int = 16
    generate_processes: int = 2
    generate_threads: int = 112
    worker_threads: int = 0  # 0: one for each core, and the one that is kept for presets and tiles


@dataclass(frozen=True, slots=True)
class Component:
    """One server. `command` is called right before the start and may write the server's files."""

    name: str
    command: Callable[[], Command]
    ready: readiness.Probe
    after: tuple[str, ...] = ()
    task: bool = False  # runs to its end once, instead of staying
    is_done: Callable[[], bool] = lambda: False  # of a task: there is nothing to do, so it need not run


def components(env: Environments, *, edge: bool, sizes: Sizes, lock_fd: int) -> dict[str, Component]:
    """All components by name; those that others need come first."""
    build = _Builder(env=env, edge=edge, sizes=sizes, lock_fd=lock_fd)
    every = [build.s3(), build.redis(), build.migrate(), build.web(), build.beat()]
    if env.uses_worker:
        every.append(build.worker())
    if env.uses_lambda:
        every.append(build.gateway())
    if edge:
        every += [build.generate(), build.edge_server()]
    return {component.name: component for component in every}


def demo_task(env: Environments, output: Path) -> Component:
    """Loads the sample prescriptions as the web role, while servers start; writes what demo.json says to `output`."""
    argv = (sys.executable, "manage.py", "demo_load", "--output", str(output))
    command = Command(name="demo", argv=argv, env=env.of(Role.WEB), cwd=env.place.checkout, log=env.state.log("demo"))
    return Component("demo", lambda: command, lambda: True, after=("s3", *_BEFORE_DJANGO), task=True)


def require_binaries(names: Collection[str]) -> None:
    """Raise StackError when a program that one of these components needs is missing."""
    for name, find in (("s3", binaries.weed), ("redis", binaries.valkey), ("edge", binaries.nginx)):
        if name in names:
            find()


@dataclass(frozen=True, slots=True)
class _Builder:
    env: Environments
    edge: bool
    sizes: Sizes
    lock_fd: int

    def _command(self, name: str, argv: list[str], env: dict[str, str], cwd: Path | None = None) -> Command:
        return Command(
            name=name,
            argv=(*self.env.place.enter, *argv),
            env=env,
            cwd=cwd or self.env.place.checkout,
            log=self.env.state.log(name),
            keep_fds=(self.lock_fd,) if self.lock_fd >= 0 else (),
        )

    def _python(self, name: str, module: str, args: list[str], role: Role) -> Command:
        return self._command(name, [sys.executable, "-m", module, *args], self.env.of(role))

    def s3(self) -> Component:
        host, first, keys = self.env.place.s3, self.env.ports.s3, self.env.keys

        def command() -> Command:
            config = self.env.state.run / "s3.json"
            write_private(config, identities_file(keys.s3))
            (self.env.state.s3 / "mini.options").unlink(missing_ok=True)  # the last run's ports
            flags = {
                "dir": self.env.state.s3,
                "ip": host,
                "ip.bind": host,
                "s3.config": config,
                "s3.port": first,
                "master.port": first + 1,
                "volume.port": first + 2,
                "filer.port": first + 3,
                "admin.port": first + 4,
                "admin.ui": "false",
                "webdav": "false",
                "s3.port.iceberg": 0,
                "s3.port.lance": 0,
                "master.telemetry": "false",  # on by default
                "s3.autoCreateBucket": "false",
            }
            argv = [
                binaries.weed(),
                "-logtostderr=true",
                "mini",
                *(f"-{name}={value}" for name, value in flags.items()),
            ]
            # The filer and the volumes have HTTP ports too, which would answer anybody on this machine.
            tokens = {
                "WEED_JWT_SIGNING_KEY": keys.volume_write,
                "WEED_JWT_FILER_SIGNING_KEY": keys.filer_write,
                "WEED_JWT_FILER_SIGNING_READ_KEY": keys.filer_read,
            }
            return self._command("s3", argv, {**shell(), **tokens}, cwd=self.env.state.run)

        secret = keys.s3[Identity.BOOTSTRAP.value]
        return Component("s3", command, lambda: readiness.s3_is_writable(first, secret, host=host))

    def redis(self) -> Component:
        host, port, password = self.env.place.redis, self.env.ports.redis, self.env.keys.redis_password

        def command() -> Command:
            config = self.env.state.run / "redis.conf"  # not argv, which every user of the machine can read
            write_private(
                config,
                f"bind {host}\nport {port}\nrequirepass {password}\nprotected-mode yes\ndaemonize no\n"
                # Messages are hints and the rows are the truth: nothing is kept over a restart.
                f'save ""\nappendonly no\ndir {self.env.state.run}\n'
                # How often it looks after itself when nobody asks anything; ten times a second without this.
                "hz 1\n",
            )
            return self._command("redis", [binaries.valkey(), str(config)], shell(), cwd=self.env.state.run)

        return Component("redis", command, lambda: readiness.redis_answers(port, password, host=host))

    def migrate(self) -> Component:
        def command() -> Command:
            # The checks ask servers that may not be up yet.
            argv = [sys.executable, "manage.py", "migrate", "--noinput", "--skip-checks"]
            return self._command("migrate", argv, self.env.of(Role.WEB))

        return Component("migrate", command, lambda: True, task=True, is_done=self._is_migrated)

    def _is_migrated(self) -> bool:
        own = self.env.state.database
        return self.env.of(Role.WEB)["RX_DATABASE_URL"] == f"sqlite:///{own}" and migrated.is_up_to_date(own)

    def web(self) -> Component:
        port = self.env.ports.web if self.edge else self.env.ports.front
        # Without the edge this one has the waiters of /generate too.
        threads = self.sizes.web_threads if self.edge else self.sizes.web_threads + self.sizes.generate_threads
        return self._gunicorn("web", Role.WEB, port, self.sizes.web_processes, threads)

    def generate(self) -> Component:
        return self._gunicorn(
            "generate",
            Role.GENERATE,
            self.env.ports.generate,
            self.sizes.generate_processes,
            self.sizes.generate_threads,
        )

    def _gunicorn(self, name: str, role: Role, port: int, processes: int, threads: int) -> Component:
        args = [
            "rxproject.wsgi:application",
            f"--bind={self.env.place.here}:{port}",
            f"--name={name}",
            "--worker-class=rxproject.serving.Threads",
            f"--workers={processes}",
            f"--threads={threads}",
            "--preload",  # one import of Django instead of one for each process
            "--timeout=60",
            f"--graceful-timeout={_GRACE - 2}",
            f"--worker-tmp-dir={self.env.state.run}",
            "--no-control-socket",
            "--log-level=warning",
            "--logger-class=rxproject.gunicorn_logger.Masked",
            "--limit-request-line=8190",  # as much as the edge lets through
        ]
        return Component(
            name,
            lambda: self._python(name, "gunicorn", args, role),
            lambda: readiness.http_answers(port, "/livez", host=self.env.place.here),
            after=_BEFORE_DJANGO,
        )

    def worker(self) -> Component:
        threads = self.sizes.worker_threads or (os.cpu_count() or 1) + 1
        args = [
            "--app=rxproject",
            "worker",
            f"--hostname={self.env.place.worker}",
            f"--queues={_QUEUES}",
            "--pool=threads",
            f"--concurrency={threads}",
            "--prefetch-multiplier=1",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",  # of events, which nobody reads; a worker's sign of life is its own
            "--loglevel=INFO",
        ]
        return Component(
            "worker",
            lambda: self._python("worker", "celery", args, Role.WORKER),
            lambda: readiness.worker_answers(self.env.redis_url, self.env.place.worker),
            after=_BEFORE_DJANGO,
        )

    def beat(self) -> Component:
        schedule = self.env.state.run / "beat-schedule"

        def command() -> Command:
            for old in schedule.parent.glob(f"{schedule.name}*"):  # dbm adds suffixes of its own
                old.unlink()
            args = [
                "--app=rxproject",
                "worker",
                f"--schedule={schedule}",
                f"--hostname={self.env.place.beat}",
                f"--queues={_HOUSEKEEPING}",
                "--pool=threads",
                "--concurrency=4",
                "--prefetch-multiplier=1",
                "--without-gossip",
                "--without-mingle",
                "--without-heartbeat",
                "--loglevel=INFO",
            ]
            return self._python("beat", "celery", args, Role.BEAT)

        return Component(
            "beat",
            command,
            lambda: readiness.worker_answers(self.env.redis_url, self.env.place.beat),
            after=_BEFORE_DJANGO,
        )

    def gateway(self) -> Component:
        port = self.env.ports.gateway

        def command() -> Command:
            argv = [sys.executable, "-m", "rxproject.local.gateway"]
            return self._command("gateway", argv, self.env.gateway())

        # Unsigned callers are refused: that it answers at all is what counts.
        return Component("gateway", command, lambda: readiness.http_status(port, "/") == 403, after=("s3",))

    def edge_server(self) -> Component:
        def command() -> Command:
            home = self.env.state.tmpfs()
            env = self.env.edge(home)
            config = prepare_home(home, env, self.env.state, self.env.place.checkout / "deploy" / "nginx")
            # Root would be changed to `nobody`, who may not enter the state directory.
            directives = "daemon off; user root;" if os.geteuid() == 0 else "daemon off;"
            argv = [binaries.nginx(), f"-p{home}", f"-c{config}", "-estderr", f"-g{directives}"]
            return self._command("edge", argv, env, cwd=home)

        port = self.env.ports.front
        # Whether Django answers behind it is asked at the end, of /readyz.
        probe = partial(readiness.http_answers, port, "/edge-healthz", host=self.env.place.here)
        return Component("edge", command, probe, after=("web", "generate"))
