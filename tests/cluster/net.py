"""A network of hosts on one machine: a namespace each, a bridge between them, and ways to break it.

The runner lives in a namespace of its own, too, so nothing of this is ever in the machine's network, and all of it is
gone with the runner.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rxproject.local.stack.ports import PROJECT
from tests.waiting import until

RUNNER: Final = "10.83.48.1"
DATABASE, VALKEY, S3 = "10.83.48.11", "10.83.48.12", "10.83.48.13"
HOSTS: Final = {
    "data": (DATABASE, VALKEY, S3),
    "edge1": ("10.83.48.21",),
    "edge2": ("10.83.48.22",),
    "worker1": ("10.83.48.31",),
    "worker2": ("10.83.48.32",),
}
_BRIDGE: Final = "rxhosts"
_NOBODY: Final = "02:00:00:00:00:99"
_NEEDED: Final = ("unshare", "nsenter", "setpriv", "ip")
_APART: Final = "RX_CLUSTER_APART"


def why_not() -> str | None:
    """The reason why there can be no such network here, or None."""
    if os.uname().sysname != "Linux" or os.geteuid() != 0:
        return "network namespaces with servers in them need Linux and root"
    if missing := [name for name in _NEEDED if shutil.which(name) is None]:
        return f"these programs are missing: {', '.join(missing)} (Debian: util-linux, iproute2)"
    tried = ("ip link add rxtry type bridge && ip link add rxone type veth peer name rxtwo && ip link set rxone up",)
    done = subprocess.run(["unshare", "--net", "sh", "-c", *tried], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"this machine allows no namespaces or bridges: {done.stderr.strip()}"


def apart(module: str) -> None:
    """Run this program again, in a network namespace of its own; return if that has been done."""
    if os.environ.pop(_APART, ""):
        return
    unshare = shutil.which("unshare")
    assert unshare
    again = [unshare, "--net", "--", sys.executable, "-m", module, *sys.argv[1:]]
    os.execve(unshare, again, {**os.environ, _APART: "1"})  # noqa: S606 - this program itself


def _do(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


class Net:
    """The hosts' namespaces. Each is kept by a process that ends with this one."""

    def __init__(self) -> None:
        self._keepers: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "Net":
        _do("ip", "link", "set", "lo", "up")
        _do("ip", "link", "add", _BRIDGE, "type", "bridge")
        _do("ip", "address", "add", f"{RUNNER}/24", "dev", _BRIDGE)
        _do("ip", "link", "set", _BRIDGE, "up")
        for name, addresses in HOSTS.items():
            self._add(name, addresses)
        return self

    def __exit__(self, *_: object) -> None:
        for keeper in self._keepers.values():
            keeper.kill()
            keeper.wait()

    def _add(self, name: str, addresses: tuple[str, ...]) -> None:
        keep = ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"]
        keeper = self._keepers[name] = subprocess.Popen(keep)
        own = Path("/proc/self/ns/net").readlink()
        until(lambda: Path(f"/proc/{keeper.pid}/ns/net").readlink() != own, f"a namespace for {name}")
        peer = ("peer", "name", "eth0", "netns", str(keeper.pid))
        _do("ip", "link", "add", name, "type", "veth", *peer)
        _do("ip", "link", "set", name, "master", _BRIDGE, "up")
        self.inside(name, "ip", "link", "set", "lo", "up")
        for address in addresses:
            self.inside(name, "ip", "address", "add", f"{address}/24", "dev", "eth0")
        self.inside(name, "ip", "link", "set", "eth0", "up")
        # Ports of our servers are above these.
        self.inside(name, "sh", "-c", "echo 23000 39000 >/proc/sys/net/ipv4/ip_local_port_range")

    def enter(self, host: str) -> tuple[str, ...]:
        """What a command begins with that runs on this host."""
        nsenter = shutil.which("nsenter")
        assert nsenter
        return (nsenter, f"--net=/proc/{self._keepers[host].pid}/ns/net", "--")

    def inside(self, host: str, *command: str) -> None:
        _do(*self.enter(host), *command)

    # --- Ways to break it --------------------------------------------------------------------------------------------
    def cut(self, host: str) -> None:
        """The host hears nobody and nobody hears it. No connection is closed: packets vanish."""
        _do("ip", "link", "set", host, "nomaster")

    def join(self, host: str) -> None:
        _do("ip", "link", "set", host, "master", _BRIDGE)

    def cut_off(self, host: str, *addresses: str) -> None:
        """What this host sends to these addresses vanishes; all else goes on."""
        for address in addresses:
            wrong = ("lladdr", _NOBODY, "nud", "permanent", "dev", "eth0")
            self.inside(host, "ip", "neighbour", "replace", address, *wrong)

    def mend(self, host: str, *addresses: str) -> None:
        for address in addresses:
            self.inside(host, "ip", "neighbour", "delete", address, "dev", "eth0")

    @contextmanager
    def slow(self, host: str, *, delay_ms: int, loss: float, log: Path) -> Iterator[None]:
        """Everything to and from this host comes so much later, and this share of packets never."""
        near, far = f"{host}-n", f"{host}-f"
        _do("ip", "link", "add", near, "type", "veth", "peer", "name", far)
        self.cut(host)
        _do("ip", "link", "set", far, "master", _BRIDGE, "up")
        _do("ip", "link", "set", near, "up")
        relay = [sys.executable, "-m", "tests.cluster.wire", host, near, str(delay_ms), str(loss)]
        with log.open("ab") as output:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *relay], cwd=PROJECT, stdout=output, stderr=output
            )
        try:
            yield
        finally:
            process.kill()
            process.wait()
            _do("ip", "link", "delete", near)
            self.join(host)
