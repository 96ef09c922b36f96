"""What a container of docker-compose.yml may not do, who can reach whom, and that no secret is in a file."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.composefile import COMPOSE, ROOT, SERVICES, TEXT, variables

ENV_EXAMPLE = ROOT / "deploy" / "compose" / ".env.example"
MAKE_ENV = ROOT / "deploy" / "compose" / "make-env.sh"
SECRETS = {
    "RX_SECRET_KEY", "WORKER_SECRET_KEY", "RX_LINK_KEYS", "RX_AUDIT_KEYS",
    "POSTGRES_PASSWORD", "POSTGRES_APP_PASSWORD", "VALKEY_PASSWORD",
    "S3_BOOTSTRAP_SECRET", "S3_WEB_SECRET", "S3_RENDERER_SECRET", "S3_EDGE_SECRET",
}  # fmt: skip
ONCE = {"certificates", "migrate", "grants", "buckets"}
each_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


@each_service
def test_a_container_has_no_root_no_capability_and_nothing_to_write_to(service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    user = service.get("user") or re.findall(r"^USER (.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)[-1]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    for mount in service.get("volumes", []):
        source, _, mode = mount.partition(":")
        # Files of the checkout are read only; what is written is a volume with a name.
        assert mount.endswith(":ro") if source.startswith(".") else source in COMPOSE["volumes"], mode


@each_service
def test_a_container_has_bounds(service: dict[str, Any]) -> None:
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["pids_limit"] > 0
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}
    assert all("size=" in mount for mount in service.get("tmpfs", []))


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_comes_back_or_is_done(name: str) -> None:
    service = SERVICES[name]

    assert service["restart"] == ("no" if name in ONCE else "unless-stopped")
    assert ("healthcheck" in service) is (name not in ONCE)
    for needed, how in service.get("depends_on", {}).items():
        expected = "service_completed_successfully" if needed in ONCE else "service_healthy"
        assert how == {"condition": expected}, needed


def test_only_nginx_can_be_reached_from_outside_and_at_first_from_this_machine_alone() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert published == {"nginx": ["${PUBLISH_ADDRESS:-127.0.0.1}:${RX_PORT:-8000}:8080"]}
    assert not any("expose" in service for service in SERVICES.values())
    assert {name: service["network_mode"] for name, service in SERVICES.items() if "network_mode" in service} == {
        "certificates": "none"
    }


def test_each_network_has_only_those_who_talk_in_it() -> None:
    members = {
        network: {name for name, service in SERVICES.items() if network in service.get("networks", [])}
        for network in COMPOSE["networks"]
    }

    assert members == {
        "front": {"nginx"},
        "app": {"nginx", "web", "generate"},
        "storage": {"s3", "nginx", "web", "generate", "beat", "buckets"},
        "objects": {"s3", "seaweedfs"},
        "data": {"postgres", "web", "generate", "beat", "migrate", "grants"},
        "queue": {"valkey", "web", "generate", "beat"},
        "metrics": {"beat"},
        "render": {"worker", "postgres", "valkey", "s3"},
    }
    way_out = {name for name, options in COMPOSE["networks"].items() if not (options or {}).get("internal")}
    assert way_out == {"front"}


def test_no_secret_has_a_default_and_none_is_written_down() -> None:
    found = variables(TEXT)

    assert {name for name, _, _ in found} >= SECRETS
    assert {name: rest for name, kind, rest in found if kind == "-"} == {
        "PUBLISH_ADDRESS": "127.0.0.1",
        "RX_PORT": "8000",
        "RX_EDGE_TRUSTED_PROXY": "unix:",
        "FRONT_SUBNET": "10.83.47.0/24",
        "IMAGE_TAG": "0.1.0",
    }
    assert all(kind for _, kind, _ in found), "every other value must be required with :?"
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if value is not None and re.search(r"SECRET|PASSWORD|LINK_KEYS", key):  # None: handed on as it is
                assert re.fullmatch(r"\$\{[A-Z0-9_]+:\?\}", value), f"{name}: {key}"


def test_the_example_has_no_secret_and_the_script_makes_every_one_of_them(tmp_path: Path) -> None:
    def values(text: str) -> dict[str, str]:
        return dict(line.split("=", 1) for line in text.splitlines() if re.match(r"[A-Z]", line))

    example = values(ENV_EXAMPLE.read_text())
    targets = [tmp_path / name for name in ("one", "two")]
    for target in targets:
        done = subprocess.run(["/bin/sh", MAKE_ENV, target], capture_output=True, text=True, umask=0)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert target.stat().st_mode & 0o777 == 0o600
    runs = [values(target.read_text()) for target in targets]

    assert {name for name, value in example.items() if not value} == SECRETS
    for made in runs:
        assert made.keys() == example.keys()
        for name in SECRETS:
            assert re.fullmatch(r"[0-9a-f]{64}", made[name].removeprefix("k1:").removeprefix("a1:")), name
        assert made["RX_LINK_KEYS"].startswith("k1:")
        assert len({made[name] for name in SECRETS}) == len(SECRETS)
        assert {name: made[name] for name in example if example[name]} == {k: v for k, v in example.items() if v}
    assert all(runs[0][name] != runs[1][name] for name in SECRETS)


def test_secrets_that_are_there_are_never_written_over(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("POSTGRES_PASSWORD=the only copy\n")

    done = subprocess.run(["/bin/sh", MAKE_ENV, tmp_path / ".env"], capture_output=True, text=True)

    assert done.returncode == 1
    assert "is there already" in done.stderr
    assert (tmp_path / ".env").read_text() == "POSTGRES_PASSWORD=the only copy\n"


def test_the_image_is_made_of_what_is_there_and_nothing_else_is_sent_to_the_builder() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    sources: set[str] = set()
    for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE):
        sources.update(word for word in line.split()[:-1] if not word.startswith("--"))

    # The viewer's package files are optional.
    for source in sources - {"package*.json"}:
        assert (ROOT / source).exists(), source
    assert allowed == sources - {"package*.json"} | {"package.json", "package-lock.json"}
    assert "*" in (ROOT / ".dockerignore").read_text().splitlines()
    final = dockerfile.rsplit("\nFROM ", 1)[1]
    assert not re.search(r"\b(?:gcc|build-essential|-dev|pip)\b", final)
    assert "--require-hashes" in dockerfile
    assert all(
        re.search(r":\d+\.\d+(?:\.\d+-|$)", image) for image in re.findall(r"^FROM (\S+:\S+)", dockerfile, re.MULTILINE)
    )
