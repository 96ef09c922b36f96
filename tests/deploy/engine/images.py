"""Stand-ins for the upstream images, built from packages and tagged with the names that the product's files use."""

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rxproject.local.stack import binaries
from tests.deploy.composefile import ROOT, SERVICES
from tests.deploy.engine import machine, trees
from tests.deploy.engine.daemon import HERE, Engine

_CONTEXT_FILES: Final = ("Dockerfile", "nginx.sh", "postgres.sh")
# What a target is for, by the upstream name without registry folder and tag.
TARGETS: Final = ("python", "node", "nginx", "postgres", "valkey", "seaweedfs")


def wanted() -> dict[str, str]:
    """{target: tag}, as Dockerfile and docker-compose.yml name them."""
    named = re.findall(r"^FROM (\S+:\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    named += [service["image"] for service in SERVICES.values() if "image" in service]
    by_target = {tag.split(":")[0].rsplit("/", 1)[-1]: tag for tag in named}
    return {target: by_target[target] for target in TARGETS}


def build(engine: Engine, cache: Path) -> Iterator[str]:
    """Builds what is not there; a line for each image."""
    context = _context(cache)
    inside = engine.scratch / "context"
    shutil.copytree(context, inside, symlinks=True)
    if engine.ask("docker", "image", "inspect", "stand-in/base").returncode:
        tar = subprocess.Popen(["tar", "-C", str(trees.base(cache)), "-c", "."], stdout=subprocess.PIPE)
        engine.run("docker", "import", "-", "stand-in/base", stdin=tar.stdout)
        if tar.wait():
            raise RuntimeError("the tree could not be packed")
    for target, tag in wanted().items():
        engine.run("docker", "build", "--quiet", "--target", target, "--tag", tag, ".", cwd=inside)
        yield f"{tag}: {_version(engine, target, tag)}"


def _version(engine: Engine, target: str, tag: str) -> str:
    asked = {"nginx": "nginx -v", "postgres": "postgres --version", "valkey": "valkey-server --version",
             "seaweedfs": "weed version", "python": "python --version", "node": "node --version"}[target]  # fmt: skip
    done = engine.ask("docker", "run", "--rm", "--network=none", "--entrypoint", "/bin/sh", tag, "-c", asked)
    return (done.stdout + done.stderr).strip().splitlines()[0]


def _context(cache: Path) -> Path:
    """The programs of this machine and of the project's environment, beside their Dockerfile."""
    context = cache / "context"
    shutil.rmtree(context, ignore_errors=True)
    context.mkdir(parents=True)
    for name in _CONTEXT_FILES:
        shutil.copy(HERE / "images" / name, context)
    shutil.copy(binaries.nginx(), context / "nginx")
    shutil.copy(binaries.weed(), context / "weed")
    (context / "pip.conf").write_text(machine.pip_settings(sys.executable))
    (context / "npmrc").write_text(machine.npm_settings())
    _python(context / "python")
    _node(context / "node")
    return context


def _python(target: Path) -> None:
    """This interpreter, with pip and without any other package."""
    prefix, name = Path(sys.base_prefix), f"python{sys.version_info.major}.{sys.version_info.minor}"
    ignore = shutil.ignore_patterns("site-packages", "__pycache__", "test", "tests", "idlelib", "*.a", "config-*")
    shutil.copytree(prefix / "lib" / name, target / "lib" / name, ignore=ignore, symlinks=True)
    (target / "bin").mkdir()
    shutil.copy(prefix / "bin" / name, target / "bin" / "python3.11")
    for library in (prefix / "lib").glob(f"lib{name}.so*"):
        shutil.copy(library, target / "lib", follow_symlinks=False)
    packages = target / "lib" / name / "site-packages"
    packages.mkdir()
    pip = importlib.util.find_spec("pip")
    if pip is None or pip.origin is None:
        raise RuntimeError("this environment has no pip")
    shutil.copytree(Path(pip.origin).parent, packages / "pip", ignore=shutil.ignore_patterns("__pycache__"))
    (target / "bin" / "pip").write_text('#!/bin/sh\nexec python -m pip "$@"\n')
    (target / "bin" / "pip").chmod(0o755)


def _node(target: Path) -> None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise RuntimeError("node and npm are needed")
    (target / "bin").mkdir(parents=True)
    shutil.copy(Path(node).resolve(), target / "bin" / "node")
    package = Path(npm).resolve().parents[1]
    shutil.copytree(package, target / "lib/node_modules/npm", ignore=shutil.ignore_patterns("man", "docs"))
