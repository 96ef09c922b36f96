"""A Docker engine of our own: started in a scratch folder, asked through its socket, ended by its process id."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

HERE = Path(__file__).parent
_EMPTY = {
    "filter": "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n",
    "nat": "*nat\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\nCOMMIT\n",
}
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def _bridges() -> set[str]:
    return {path.parent.name for path in Path("/sys/class/net").glob("*/bridge")}


class Failed(Exception):
    """A command ended badly; the text has its last lines."""


class Engine:
    """`scratch` is a folder for this run; `data` keeps images from run to run."""

    def __init__(self, root: Path, scratch: Path, data: Path) -> None:
        self.root, self.scratch, self.data = root, scratch, data
        self.filters, self.forwarding = "", ""
        self.bridges = _bridges()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        self.filters, self.forwarding = self._filters("iptables-save"), _FORWARDING.read_text()
        command = ["unshare", "--mount", "--propagation", "private", "sh", str(HERE / "dockerd.sh")]
        with (self.scratch / "dockerd.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, str(self.root), str(self.scratch), str(self.data)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={"PATH": _PATH}, start_new_session=True,
            )  # fmt: skip
        end = time.monotonic() + 60
        while self.ask("docker", "version").returncode:
            if self.process.poll() is not None or time.monotonic() > end:
                raise Failed((self.scratch / "dockerd.log").read_text()[-3000:])
            time.sleep(0.2)

    def stop(self) -> None:
        """Ends it and its containers, and gives the machine its packet filters back."""
        if self.process is None:
            return
        # Otherwise it would wait as long as each of them may take to stop.
        if containers := self.ask("docker", "ps", "--quiet").stdout.split():
            self.ask("docker", "kill", *containers)
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(60)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process = None
        for bridge in _bridges() - self.bridges:
            subprocess.run(["ip", "link", "delete", bridge], capture_output=True, check=False)
        # A table that was not there is not in what was saved, so it is emptied.
        empty = "".join(text for table, text in _EMPTY.items() if f"*{table}\n" not in self.filters)
        self._filters("iptables-restore", before=self.filters + empty)
        _FORWARDING.write_text(self.forwarding)

    def _filters(self, program: str, *, before: str = "") -> str:
        command = ["chroot", str(self.root), program]
        done = subprocess.run(command, input=before, capture_output=True, text=True, check=True, env={"PATH": _PATH})
        return done.stdout

    def ask(self, *command: str, cwd: Path | None = None, env: dict[str, str] | None = None,
            stdin: IO[bytes] | None = None) -> subprocess.CompletedProcess[str]:  # fmt: skip
        """Runs a command where the engine runs. `cwd` lies in the scratch folder."""
        if self.process is None:
            raise Failed("the engine was not started")
        inside = f"/proc/{self.process.pid}/root"
        return subprocess.run(
            ["nsenter", f"--mount=/proc/{self.process.pid}/ns/mnt", f"--root={inside}",
             f"--wd={inside}{cwd or self.scratch}", *command],
            stdin=stdin or subprocess.DEVNULL, capture_output=True, text=True, check=False,
            env={"PATH": _PATH, "HOME": "/root", "DOCKER_HOST": f"unix://{self.scratch}/docker.sock",
                 "BUILDKIT_PROGRESS": "plain", **(env or {})},
        )  # fmt: skip

    def run(self, *command: str, cwd: Path | None = None, env: dict[str, str] | None = None,
            stdin: IO[bytes] | None = None) -> str:  # fmt: skip
        """The same; its output, or Failed."""
        done = self.ask(*command, cwd=cwd, env=env, stdin=stdin)
        if done.returncode:
            raise Failed(f"{' '.join(command)}: {done.returncode}\n{(done.stdout + done.stderr)[-6000:]}")
        return done.stdout


@contextlib.contextmanager
def running(engine: Engine) -> Iterator[Engine]:
    # A killed run would leave the engine behind.
    previous = signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()
        signal.signal(signal.SIGTERM, previous)
