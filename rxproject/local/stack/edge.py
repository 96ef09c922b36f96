"""Prepares nginx's home: configuration, JavaScript and logs. Writes no secret."""

from collections.abc import Mapping
from pathlib import Path

from rxproject.edge import render
from rxproject.local.stack.errors import StackError
from rxproject.local.stack.ports import PROJECT
from rxproject.local.stack.state import StateDir

SOURCE = PROJECT / "deploy" / "nginx"


def prepare_home(home: Path, env: Mapping[str, str], state: StateDir, source: Path = SOURCE) -> Path:
    """Fill `home` (see Environments.edge) and return the path of the configuration in it.

    The checkout and the state directory are linked from here, because nginx cannot take a path with a space.
    """
    if any(character.isspace() for character in str(home)):
        raise StackError(
            f"nginx cannot work in {home}: its path has a space. Choose another directory with RX_STATE_DIR, "
            "or start with --no-edge.",
            exit_code=2,
        )
    links = {
        home / "js": source,
        home / "access.log": state.access_log,
        home / "error.log": state.log("edge"),  # together with what nginx says while it starts
    }
    for link, target in links.items():
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    config = home / "nginx.conf"
    config.write_text(render((source / "nginx.conf.template").read_text(), env))
    return config
