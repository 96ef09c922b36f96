"""Two Debian trees, made once and kept in build/engine: `base` is what the stand-in images begin with, `root` is where
the engine runs."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.deploy.engine import machine

SUITE: Final = "trixie"
ENGINE: Final = ("docker.io", "docker-cli", "docker-compose", "docker-buildx", "iptables", "procps", "iproute2", "pigz")


def base(cache: Path) -> Path:
    """Debian with apt and certificates, and nothing of this machine but how packages are reached."""
    tree = cache / "base"
    if (cache / "base.done").exists():
        return tree
    shutil.rmtree(tree, ignore_errors=True)
    script = _debootstrap(cache)
    _run(
        ["sh", str(script / "sbin/debootstrap"), "--variant=minbase", "--include=ca-certificates",
         f"--keyring={machine.KEYRING}", SUITE, str(tree), machine.debian_mirror()],
        env={"DEBOOTSTRAP_DIR": str(script / "share/debootstrap"), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
    )  # fmt: skip
    (tree / "etc/apt/apt.conf.d/99machine").write_text(machine.apt_settings())
    if machine.CA_BUNDLE.exists():
        shutil.copy(machine.CA_BUNDLE, tree / "etc/ssl/certs/ca-certificates.crt")
    shutil.rmtree(tree / "var/cache/apt/archives")
    (cache / "base.done").touch()
    return tree


def root(cache: Path) -> Path:
    """The same with Debian's Docker."""
    tree = cache / "root"
    if (cache / "root.done").exists():
        return tree
    shutil.rmtree(tree, ignore_errors=True)
    _run(["cp", "-a", str(base(cache)), str(tree)])
    shutil.copy("/etc/resolv.conf", tree / "etc/resolv.conf")
    install = f"apt-get -qq update && apt-get -qq install --yes --no-install-recommends {' '.join(ENGINE)}"
    # In a namespace of their own, so that nothing stays mounted when this is interrupted.
    inside = f"mount -t proc proc '{tree}/proc' && exec chroot '{tree}' sh -c '{install}'"
    _run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", inside],
        env={"DEBIAN_FRONTEND": "noninteractive", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
    )
    (cache / "root.done").touch()
    return tree


def _debootstrap(cache: Path) -> Path:
    """Where the script lies: the machine's, or the mirror's, unpacked and not installed."""
    if Path("/usr/sbin/debootstrap").exists():
        return Path("/usr")
    tools = cache / "tools"
    tools.mkdir(parents=True, exist_ok=True)
    _run(["apt-get", "-qq", "download", "debootstrap"], cwd=tools)
    _run(["dpkg-deb", "--extract", str(next(tools.glob("debootstrap_*.deb"))), str(tools)])
    return tools / "usr"


def _run(command: list[str], *, env: dict[str, str] | None = None, cwd: Path | None = None) -> None:
    done = subprocess.run(command, env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout[-4000:]}")
