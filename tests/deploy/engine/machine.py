"""What this machine knows of package mirrors, read when it is needed and written down nowhere in the product."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

CA_BUNDLE: Final = Path("/etc/ssl/certs/ca-certificates.crt")
KEYRING: Final = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_NEEDED: Final = ("unshare", "nsenter", "apt-get", "apt-config", "dpkg-deb", "npm", "ip")


def why_not() -> str | None:
    """The reason why no engine can run here, or None."""
    if os.uname().sysname != "Linux" or os.geteuid() != 0:
        return "an engine of its own needs Linux and root (mounts, bridges, packet filters)"
    if missing := [name for name in _NEEDED if shutil.which(name) is None]:
        return f"these programs are missing: {', '.join(missing)}"
    if not KEYRING.exists():
        return f"{KEYRING} is missing (package debian-archive-keyring): packages could not be checked"
    if Path("/sys/class/net/docker0").exists():
        return "another Docker engine uses the bridge docker0; two would undo each other's packet filters"
    tried = _said("unshare", "--mount", "--propagation", "private", "mount", "-t", "tmpfs", "tmpfs", "/mnt")
    return None if tried is not None else "this machine forbids mounts, even in a namespace of their own"


def debian_mirror() -> str:
    """The address that apt fetches Debian from; Debian's own where none is set (a machine that is not Debian)."""
    files = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    text = "\n".join(file.read_text() for file in files if file.is_file())
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    found = re.search(r"\b(https?://\S+/debian)/?(?:\s|$)", "\n".join(lines))
    return found[1] if found else "http://deb.debian.org/debian"


def apt_settings() -> str:
    """How apt gets there: proxies, certificates, and whether the mirror's dates count."""
    kept = re.findall(r"^Acquire::(?:https?|Check|Retries).*;$", _said("apt-config", "dump") or "", re.MULTILINE)
    return "".join(f"{line}\n" for line in kept)


def pip_settings(python: str) -> str:
    """A pip.conf: the index, and the others that are reached over the network."""
    lines = ["[global]", f"cert = {CA_BUNDLE}", "disable-pip-version-check = true"]
    for name, value in re.findall(
        r"^[^.=]+\.([\w-]+)='(.*)'$", _said(python, "-m", "pip", "config", "list") or "", re.M
    ):
        urls = [url for url in value.split() if url.startswith(("http://", "https://"))]
        if name in ("index-url", "extra-index-url", "proxy") and urls:
            lines.append(f"{name} = {' '.join(urls)}")
    return "\n".join(lines) + "\n"


def npm_settings() -> str:
    """An npmrc: the registry."""
    registry = (_said("npm", "config", "get", "registry") or "").strip()
    return f"cafile={CA_BUNDLE}\n" + (f"registry={registry}\n" if registry.startswith("http") else "")


def _said(*command: str) -> str | None:
    """What a command prints; None if it failed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None
