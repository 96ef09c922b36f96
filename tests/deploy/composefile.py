"""docker-compose.yml as data, and what runstack would start, for the tests that compare the two."""

import re
from pathlib import Path
from typing import Any

import yaml

from rxproject.local.stack.components import Component, Sizes, components
from rxproject.local.stack.keys import Keys
from rxproject.local.stack.ports import Ports
from rxproject.local.stack.roles import Environments, Role
from rxproject.local.stack.state import StateDir
from rxproject.settings import VARIABLES

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
TEXT = FILE.read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]

# runstack's name -> the service's name
SERVICE_OF = {
    "s3": "seaweedfs",
    "redis": "valkey",
    "migrate": "migrate",
    "web": "web",
    "generate": "generate",
    "worker": "worker",
    "beat": "beat",
    "edge": "nginx",
}
# What one machine has without a process: SQLite, loopback, and a probe that makes the buckets.
ONLY_IN_CONTAINERS = {"postgres", "s3", "buckets", "grants", "certificates"}
DJANGO = (Role.WEB, Role.GENERATE, Role.WORKER, Role.BEAT)
PORTS = Ports(front=8000, s3=12000, redis=12010, web=12011, generate=12012, gateway=12013, metrics=12014)

# ${NAME}, ${NAME:-default}, ${NAME:?message}
_VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>[A-Z0-9_]+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")


def runstack(state_dir: Path) -> tuple[Environments, dict[str, Component]]:
    """The environments and components of a stack in `state_dir`; nothing is started."""
    state = StateDir(state_dir)
    state.create()
    env = Environments(state=state, keys=Keys(), ports=PORTS, overrides={})
    return env, components(env, edge=True, sizes=Sizes(), lock_fd=-1)


def variables(text: str) -> list[tuple[str, str, str]]:
    """(name, '?' or '-' or '', default or message) of everything that is filled in from .env."""
    return [(m["name"], m["kind"] or "", m["rest"] or "") for m in _VARIABLE.finditer(text)]


def fill(text: str, values: dict[str, str]) -> str:
    """What Compose makes of one string: its own variables from `values`, and `$$` as `$`."""

    def value(match: re.Match[str]) -> str:
        return values.get(match["name"]) or (match["rest"] or "" if match["kind"] == "-" else "")

    return _VARIABLE.sub(value, text).replace("$$", "$")


def settings_names() -> set[str]:
    """Every RX_ name that rxproject/settings.py reads from the environment."""
    return set(VARIABLES)
