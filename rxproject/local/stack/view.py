"""A running stack as those see it who use it and did not start it: addresses, keys and files. It stops nothing."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Self

from rxproject import buckets
from rxproject.buckets import Identity
from rxproject.local.stack import keys
from rxproject.local.stack.keys import Keys
from rxproject.local.stack.ports import Ports
from rxproject.local.stack.roles import Environments, Role
from rxproject.local.stack.state import StateDir, write_private

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


class View:
    """The installation in `state_dir`; what it answers is known once somebody has started it."""

    def __init__(self, state_dir: Path) -> None:
        self.state = StateDir(state_dir.resolve())
        self._env: Environments | None = None
        self._clients: dict[Identity, S3Client] = {}

    @classmethod
    def attach(cls, state_dir: Path) -> Self:
        """See what another process runs there, after its `hand_over`."""
        view = cls(state_dir)
        told = json.loads(_note(view.state).read_text())
        view._env = Environments(
            state=view.state,
            keys=keys.load_or_create(view.state.secrets),
            ports=Ports(**told["ports"]),
            overrides=told["overrides"],
        )
        return view

    def hand_over(self) -> None:
        """Write down what `attach` needs besides the keys."""
        told = {"ports": asdict(self.ports), "overrides": dict(self._environments.overrides)}
        write_private(_note(self.state), json.dumps(told))

    @property
    def base_url(self) -> str:
        return self._environments.base_url

    @property
    def ports(self) -> Ports:
        return self._environments.ports

    @property
    def keys(self) -> Keys:
        return self._environments.keys

    def env_for(self, role: str) -> dict[str, str]:
        """The whole environment of web, generate, worker, beat or edge."""
        if role == Role.EDGE:
            return self._environments.edge(self.state.tmpfs())
        return self._environments.of(Role(role))

    def s3_client(self, identity: str) -> "S3Client":
        """The client with the rights of bootstrap, web, renderer or edge; making one takes longer than most calls."""
        who = Identity(identity)
        if who not in self._clients:
            self._clients[who] = buckets.client(self._environments.s3_endpoint, who, self.keys.s3[who.value])
        return self._clients[who]

    def log_path(self, name: str) -> Path:
        return self.state.log(name)

    @property
    def _environments(self) -> Environments:
        if self._env is None:
            raise RuntimeError("the stack was not started")
        return self._env


def _note(state: StateDir) -> Path:
    return state.run / "view.json"
