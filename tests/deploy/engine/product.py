"""The product as somebody deploys it: a checkout, an .env, `docker compose`; and its clients."""

import json
import os
import shutil
import socket
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from rxproject.local import samples
from tests.deploy.composefile import ROOT
from tests.deploy.engine.daemon import Engine, Failed

_PERSON = {"DJANGO_SUPERUSER_PASSWORD": "nobody would guess 7 of these", "DJANGO_SUPERUSER_USERNAME": "lead",
           "DJANGO_SUPERUSER_EMAIL": "lead@example.org"}  # fmt: skip


def checkout(target: Path, *, umask: int = 0o022) -> Path:
    """What git has of this working tree, with the modes that a checkout under `umask` would have."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            capture_output=True, text=True, check=True).stdout  # fmt: skip
    before = os.umask(umask)
    try:
        for name in filter(None, listed.split("\0")):
            source, place = ROOT / name, target / name
            if source.is_file():
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, place)
                place.chmod((0o777 if os.access(source, os.X_OK) else 0o666) & ~umask)
    finally:
        os.umask(before)
    return target


class Product:
    """One project of Compose in a checkout. `override` lines replace those of .env."""

    def __init__(self, engine: Engine, folder: Path, **override: str) -> None:
        self.engine, self.folder = engine, folder
        self.http = httpx.Client(timeout=60)
        made = subprocess.run(
            ["sh", "deploy/compose/make-env.sh"], cwd=folder, capture_output=True, text=True, check=True
        )
        if made.stdout:
            raise Failed("make-env.sh shows secrets")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        self.base = f"http://127.0.0.1:{port}"
        self.set(RX_PORT=port, RX_BASE_URL=self.base, **override)

    # --- Its settings and containers ---------------------------------------------------------------------------------
    def settings(self) -> dict[str, str]:
        lines = (self.folder / ".env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))

    def set(self, **values: str) -> None:
        text = "".join(f"{name}={value}\n" for name, value in {**self.settings(), **values}.items())
        (self.folder / ".env").write_text(text)

    def compose(self, *words: str, env: dict[str, str] | None = None) -> str:
        return self.engine.run("docker", "compose", *words, cwd=self.folder, env=env)

    def inside(self, service: str, *command: str) -> str:
        return self.compose("exec", "-T", service, *command)

    def up(self, *words: str) -> str:
        try:
            return self.compose("up", "--detach", "--wait", *words)
        except Failed as failed:
            logs = self.engine.ask("docker", "compose", "logs", "--no-color", "--tail=30", cwd=self.folder)
            raise Failed(f"{failed}\n{logs.stdout[-8000:]}") from None

    def containers(self) -> dict[str, dict[str, Any]]:
        """{container's name: what Compose says of it}, also of those that have ended."""
        lines = self.compose("ps", "--all", "--format", "json").splitlines()
        return {one["Name"]: one for one in map(json.loads, lines)}

    # --- Its clients -------------------------------------------------------------------------------------------------
    def person(self) -> None:
        env = [word for name, value in _PERSON.items() for word in ("--env", f"{name}={value}")]
        self.compose("exec", "-T", *env, "web", "python", "manage.py", "createsuperuser", "--noinput")

    def token(self) -> str:
        create = ("python", "manage.py", "rxtoken", "create", "--name=shop", "--user=lead")
        return self.inside("web", *create, "--scopes=rx:read,rx:write,rx:review").strip().splitlines()[-1]

    def call(self, method: str, path: str, token: str, **more: Any) -> httpx.Response:
        return self.http.request(
            method, f"{self.base}/api/v1/{path}", headers={"Authorization": f"Bearer {token}"}, **more
        )

    def upload(self, token: str, seed: int = 1) -> dict[str, Any]:
        """A photograph of half a megapixel, as `files` of POST /prescriptions."""
        photo = samples.phone_photo(seed, megapixels=0.5)
        answer = self.call("POST", "prescriptions", token, files=[("files", ("photo.jpg", photo))])
        if answer.status_code != 201:
            raise Failed(f"an upload was answered by {answer.status_code}: {answer.text}")
        body: dict[str, Any] = answer.json()
        return body

    def ready(self) -> bool:
        try:
            return self.http.get(f"{self.base}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def look(self, url: str) -> list[httpx.Response]:
        """Every answer on the way to a picture."""
        answers = [self.http.get(url)]
        while answers[-1].is_redirect and len(answers) < 6:
            answers.append(self.http.get(str(answers[-1].next_request.url)))  # type: ignore[union-attr]
        return answers


def approval(version: int) -> dict[str, Any]:
    return {"outcome": "approved", "version": version, "prescribed_on": datetime.now(UTC).date().isoformat(),
            "prescriber": "Dr A. Rao", "registration_number": "KMC 12345", "pages_seen": [1],
            "checklist": dict.fromkeys(("prescriber", "signature", "patient", "date", "medicines"), True)}  # fmt: skip
