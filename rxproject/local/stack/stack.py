"""The whole stack as one object: start, wait until it can be used, keep it running, stop."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from rxproject.local.stack import keys, readiness
from rxproject.local.stack.components import Component, Sizes, components, demo_task, require_binaries
from rxproject.local.stack.errors import StackError
from rxproject.local.stack.ports import Place, Ports, pick, require_free, s3_ports
from rxproject.local.stack.processes.launch import launch
from rxproject.local.stack.processes.process import Child
from rxproject.local.stack.processes.supervisor import Patience, Supervisor
from rxproject.local.stack.roles import Environments
from rxproject.local.stack.state import Lock, write_env, write_private
from rxproject.local.stack.view import View

# One level of servers ends together, and those that serve before those that store: at most three levels.
_GRACE_SECONDS = 10.0
_TICK_SECONDS = 0.1
_READY_SECONDS = 30.0
_LOG_CHECK_SECONDS = 10.0
_LOG_BYTES = 64 * 1024 * 1024


class Stopped(Exception):
    """`request_stop` was called while the stack was starting or running."""


class Stack(View):
    """One installation in `state_dir`. Start and stop it in the main thread, or use it as a context manager.

    `port=None` picks a free front door. `only` starts some components by name (`{"s3", "redis"}`: a second).
    `overrides` are RX_ settings for the Django roles; a changed one counts from a role's next `restart`.
    `quick_stop` kills S3 instead of letting it flush for two seconds; nothing that was acknowledged is lost.
    Without `run` no dead server is started again. `place` and `ports`: of one host among several, whose ports somebody
    else has picked.
    """

    def __init__(
        self,
        *,
        state_dir: Path,
        port: int | None = None,
        edge: bool = True,
        demo: bool = False,
        only: Collection[str] | None = None,
        overrides: Mapping[str, str] | None = None,
        sizes: Sizes = Sizes(),  # noqa: B008 - frozen
        place: Place = Place(),  # noqa: B008 - frozen
        ports: Ports | None = None,
        patience: Patience = Patience(),  # noqa: B008 - frozen
        quick_stop: bool = False,
        say: Callable[[str], None] = lambda _line: None,
    ) -> None:
        super().__init__(state_dir)
        self._port = port
        self._edge = edge
        self._demo = demo
        self._only = None if only is None else frozenset(only)
        self.overrides = dict(overrides or {})
        self._sizes = sizes
        self.place = place
        self._given_ports = ports
        self._quick_stop = quick_stop
        self._say = say
        self._lock = Lock(self.state)
        self._stop_requests = 0
        self._hurry = threading.Event()
        self._supervisor = Supervisor(patience=patience, say=say, hurry=self._hurry)
        self._components: dict[str, Component] = {}

    # --- Life ---------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start everything; return once it can be used. Raises StackError, or Stopped on `request_stop`."""
        try:
            self._prepare()
            launch(list(self._components.values()), self._supervisor, tick=self._tick, say=self._say)
            if "web" in self._components:
                self._await_front_door()
                write_env(self.state.stack_env, self.env_for("web"))
            if self._demo:  # it appears complete or not at all
                write_private(self.state.demo, self._demo_copy.read_text())
        except BaseException:
            self.stop()
            raise
        return self

    def run(self) -> None:
        """Keep everything running until `request_stop`. Raises StackError when a server keeps dying."""
        next_log_check = 0.0
        with contextlib.suppress(Stopped):
            while True:
                self._tick()
                self.tend()
                if time.monotonic() >= next_log_check:
                    next_log_check = time.monotonic() + _LOG_CHECK_SECONDS
                    self._bound_logs()
                time.sleep(_TICK_SECONDS)

    def tend(self) -> None:
        """One look of `run`: start dead servers again, after a pause. Raises StackError when one keeps dying."""
        self._supervisor.check()

    def request_stop(self) -> None:
        """For signal handlers: `start` and `run` end soon. A second call makes `stop` kill."""
        self._stop_requests += 1
        if self._stop_requests > 1:
            self._hurry.set()

    def stop(self) -> None:
        """End every server, dependents first, within half a minute; may be called twice."""
        for level in reversed(_levels(self._components.values())):
            if self._quick_stop and "s3" in level and (child := self._supervisor.child("s3")):
                child.signal(signal.SIGKILL)
            self._supervisor.stop(level, grace=_GRACE_SECONDS)
        if self._env is not None:
            self.state.forget_last_run()
            if "s3" in self._components:
                _remove_sockets(self._env.ports)
        self._lock.release()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # --- What tests and the command ask ------------------------------------------------------------------

    def pid_of(self, name: str) -> int:
        """Process id of a running server (of its master, where it has workers)."""
        return self._child(name).pid

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Signal one server's master and return at once."""
        os.kill(self.pid_of(name), number)

    def restart(self, name: str) -> None:
        """Stop one server (it may be dead already), start it again, return once it is ready."""
        component = self._components[name]
        self._supervisor.stop([name], grace=_GRACE_SECONDS)
        launch([component], self._supervisor, tick=self._tick)

    def halt(self, name: str) -> None:
        """Stop one server and leave it stopped; `restart` brings it back."""
        self._supervisor.stop([name], grace=_GRACE_SECONDS)

    def rotate_access_log(self) -> None:
        """Let the edge begin a new access log, as it does when the old one is long."""
        self.state.rotate_access_log()
        if edge := self._supervisor.child("edge"):
            edge.signal(signal.SIGUSR1)

    # --- Inside -------------------------------------------------------------------------------------------

    def _child(self, name: str) -> Child:
        child = self._supervisor.child(name)
        if child is None:
            raise RuntimeError(f"{name} is not running; known components: {', '.join(self._components)}")
        return child

    def _tick(self) -> None:
        if self._stop_requests:
            raise Stopped

    def _prepare(self) -> None:
        """Everything that can be refused, before anything is started."""
        require_binaries(self._only if self._only is not None else {"s3", "redis", *(["edge"] if self._edge else [])})
        self.state.create()
        self._lock.acquire(self._say)
        if self._port is not None and self._only is None:
            require_free(self._port)
        self.state.forget_last_run()
        self.state.uploads.mkdir(mode=0o700)  # fails where somebody else made it, to look into it
        for log in self.state.logs():
            if log != self.state.access_log:
                log.unlink()
        self._env = Environments(
            state=self.state,
            keys=keys.load_or_create(self.state.secrets),
            ports=self._pick_ports(),
            overrides=self.overrides,
            place=self.place,
        )
        every = components(self._env, edge=self._edge, sizes=self._sizes, lock_fd=self._lock.fd)
        if self._demo:
            every["demo"] = demo_task(self._env, self._demo_copy)
        if unknown := (self._only or frozenset()) - every.keys():
            raise StackError(f"There is no component {', '.join(sorted(unknown))}; there are {', '.join(every)}.")
        self._components = {name: one for name, one in every.items() if self._only is None or name in self._only}

    def _pick_ports(self) -> Ports:
        if self._given_ports is not None:
            return self._given_ports
        remembered = self.state.run / "s3.port"
        before = int(remembered.read_text()) if remembered.exists() else None
        chosen = pick(front=self._port, s3_before=before)
        write_private(remembered, str(chosen.s3))
        return chosen

    def _await_front_door(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while (status := readiness.http_status(self.ports.front, "/readyz", host=self.place.here)) != 200:
            self._tick()
            self._supervisor.check()
            if time.monotonic() > deadline:
                said = f"answers {status}" if status else "does not answer"
                raise StackError(
                    f"{self.base_url}/readyz {said} after {_READY_SECONDS:g} s; see {self.log_path('web')}"
                )
            time.sleep(_TICK_SECONDS)

    @property
    def _demo_copy(self) -> Path:
        """What the command writes, and finds again: from it the next load takes the passwords and the token."""
        return self.state.run / "demo.json"

    def _bound_logs(self) -> None:
        """Empty a log that has grown too long: its writers append, so they go on at the new end. nginx begins one."""
        for log in self.state.logs():
            if log.stat().st_size <= _LOG_BYTES:
                continue
            if log == self.state.access_log:
                self.rotate_access_log()
            else:
                os.truncate(log, 0)


def _levels(every: Iterable[Component]) -> list[list[str]]:
    """Names by depth: first those that need nothing, then those that need only these, and so on."""
    depth: dict[str, int] = {}
    for component in every:  # in order of need, see components()
        depth[component.name] = 1 + max((depth.get(name, -1) for name in component.after), default=-1)
    return [[name for name, at in depth.items() if at == level] for level in sorted(set(depth.values()))]


def _remove_sockets(chosen: Ports) -> None:
    """SeaweedFS leaves its unix sockets in /tmp, named by port."""
    for port in s3_ports(chosen.s3):
        for socket in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108 - where it puts them
            socket.unlink(missing_ok=True)
