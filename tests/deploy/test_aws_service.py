"""The tasks on AWS are the containers of docker-compose.yml: the same commands, names and secrets; and each of them
starts, as far as production's own checks can tell.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.urls import resolve

from prescriptions.infra import edges
from rxproject import settings
from rxproject.edge import EDGE_NAMES, render
from rxproject.settings import VARIABLES
from tests.deploy.cloudformation import FILES_TOLD as FILES
from tests.deploy.cloudformation import ROOT, Stacks
from tests.deploy.composefile import SERVICES, TEXT
from transforms.version import PIPELINE

DJANGO = ("web", "generate", "worker", "beat", "migrate", "grants", "shell")
SERVING = ("web", "generate", "worker", "beat")
# On AWS roles take the place of keys, and S3 is nobody's own server.
KEYS_OF_COMPOSE = {"RX_S3_ENDPOINT", "RX_S3_ACCESS_KEY", "RX_S3_SECRET_KEY", "RX_STORE_COMPACT_URL"}
# RDS has authorities of its own, which its address names; Valkey has the system's; and RX_CA_FILE is one for both.
KEYS_OF_COMPOSE |= {"RX_CA_FILE", "RX_METRICS_CERT"}  # the second: a task alone reaches its own port
MADE = ("RX_LINK_KEYS", "RX_AUDIT_KEYS", "RX_SECRET_KEY", "WORKER_SECRET_KEY", "POSTGRES_APP_PASSWORD")


def names(container: str, stacks: Stacks) -> set[str]:
    return set(stacks.environment(container)) - FILES


def given(service: str) -> set[str]:
    return {name for name, value in SERVICES[service]["environment"].items() if value is not None}


# --- Secrets ----------------------------------------------------------------------------------------------------------
def test_no_secret_is_a_parameter_or_a_plain_value(stacks: Stacks) -> None:
    for template in stacks.templates.values():
        assert not re.search(
            r"(?i)password|secret_?key(?!s?$)", " ".join(set(template["Parameters"]) - {"OldSecretKey"})
        )
    for name, container in stacks.containers().items():
        plain = {item["Name"] for item in container["Environment"]}
        assert not [one for one in plain if VARIABLES.get(one) and VARIABLES[one].kind.secret], name


def test_a_secret_is_told_to_those_whom_compose_tells_it(stacks: Stacks) -> None:
    told = {name: {item["ValueFrom"] for item in one["Secrets"]} for name, one in stacks.containers().items()}

    for key in MADE:
        ours = {name for name, places in told.items() if any(f":{key}:" in place for place in places)}
        theirs = {name for name, one in SERVICES.items() if f"${{{key}:" in str(one.get("environment", {}))}
        theirs = theirs | {"edge-a", "edge-b"} - {"nginx"} if "nginx" in theirs else theirs
        serving = {"shell", "postgres", "seaweedfs", "nginx"}
        if key == "POSTGRES_APP_PASSWORD":
            assert ours == {"grants"}  # the others have it in an address
        else:
            assert ours - serving == theirs - serving, key
    owner = {name for name, places in told.items() if any(":OWNS:" in place for place in places)}
    assert owner == {"migrate", "grants"}
    assert {name for name, places in told.items() if not any("addresses" in place for place in places)} == {
        "edge-a",
        "edge-b",
    }


def test_a_new_version_of_the_secret_replaces_every_task(stacks: Stacks) -> None:
    for name, one in stacks.containers().items():
        assert any(item["ValueFrom"].endswith("::0f1e2d3c-0000-4000-8000-000000000001") for item in one["Secrets"]), (
            name
        )


# --- Names and values -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", SERVING)
def test_a_role_is_told_the_names_that_compose_tells_it(name: str, stacks: Stacks) -> None:
    assert given(name) - KEYS_OF_COMPOSE <= names(name, stacks)
    handed_on = set(SERVICES[name]["environment"]) | {"RX_LOG_AGES_EVERY", "RX_METRICS_LISTEN"}
    assert names(name, stacks) <= handed_on


@pytest.mark.parametrize("name", DJANGO)
def test_every_name_is_known_and_every_value_one_that_it_may_have(name: str, stacks: Stacks) -> None:
    environment = stacks.environment(name)

    for one in environment.keys() - FILES - {"POSTGRES_APP_PASSWORD"}:
        VARIABLES[one].read(environment)


# As far as a server gets before it opens a port: one process each, forked from one that has loaded what all load.
STARTS = """
import json, os, sys
import boto3, celery, django, psycopg, redis, rest_framework
def start(environment):
    os.environ.clear()
    os.environ.update(environment, DJANGO_SETTINGS_MODULE="rxproject.settings")
    try:
        django.setup()
        from prescriptions.ops import checks
        checks.refuse_wrong_settings()
        from django.conf import settings
        return [settings.RX_ROLE, settings.BASE_URL, settings.DATABASES["default"]["OPTIONS"]["sslmode"]]
    except SystemExit as refusal:
        return [str(refusal)]
children = []
for name, environment in json.load(sys.stdin).items():
    if not (child := os.fork()):
        os.write(1, json.dumps([name, start(environment)]).encode() + b"\\n")
        os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
"""


def test_production_starts_with_each_tasks_environment_and_not_without_a_secret(stacks: Stacks, tmp_path: Path) -> None:
    own = {"RX_STATE_DIR": str(tmp_path), "RX_METRICS_DIR": str(tmp_path), "RX_UPLOAD_DIR": str(tmp_path)}
    own["PATH"] = os.environ["PATH"]
    told = {name: stacks.environment(name) | own for name in (*SERVING, "grants", "shell")}
    told["incomplete"] = told["web"] | {"RX_AUDIT_KEYS": ""}

    done = subprocess.run(
        [sys.executable, "-c", STARTS],
        cwd=ROOT,
        env={"PATH": own["PATH"]},
        input=json.dumps(told),
        capture_output=True,
        text=True,
        timeout=280,
    )

    found = dict(json.loads(line) for line in done.stdout.splitlines())
    assert found.keys() == told.keys(), done.stderr
    assert found.pop("incomplete")[0].startswith("RX_AUDIT_KEYS is not set.")
    for name, answer in found.items():
        role = {"grants": "web", "shell": "beat"}.get(name, name)
        assert answer == [role, "https://rx.pharmacy.org", "verify-full"], name


def test_what_only_some_have_is_told_to_those_who_need_it(stacks: Stacks) -> None:
    """Single sign-on, an old key, errors reported to a relay."""
    more = {"OidcUrl": "https://login.org", "OidcClientId": "rx", "OidcGroups": "a:pharmacist"}
    more |= {"OldSecretKey": "yes", "Reports": "yes"}
    secrets = {"RX_OIDC_CLIENT_SECRET": "x", "RX_SECRET_KEY_FALLBACKS": "y", "RX_SENTRY_DSN": "http://a@relay/1"}
    told = Stacks(secret=stacks.secret | secrets, given={"service": more})

    for name in DJANGO:
        added = names(name, told) - names(name, stacks)
        signs_in = set() if name in ("worker", "beat") else {"RX_OIDC_CLIENT_SECRET", "RX_SECRET_KEY_FALLBACKS"}
        assert added == signs_in | ({"RX_SENTRY_DSN"} if name in SERVING else set()), name


@pytest.mark.parametrize("name", ["edge-a", "edge-b"])
def test_the_edge_is_told_what_its_template_asks_for(name: str, stacks: Stacks) -> None:
    environment = stacks.environment(name)

    assert set(environment) - FILES == {*EDGE_NAMES, "RX_LINK_KEYS", "RX_EDGE_CREDENTIALS_FILE"}
    render((ROOT / "deploy/nginx/nginx.conf.template").read_text(), environment)
    assert environment["RX_PIPELINE"] == PIPELINE
    assert environment["RX_VARIANTS_BUCKET"] == stacks.environment("web")["RX_VARIANTS_BUCKET"]
    assert environment["RX_EDGE_CREDENTIALS_FILE"].startswith(f"{environment['RX_EDGE_RUN_DIR']}/")
    ports = {"RX_EDGE_WEB": "web", "RX_EDGE_GENERATE": "generate"}
    registered = {
        f"{one['Name']}.rx.internal" for one in stacks.resources("service", "AWS::ServiceDiscovery::Service").values()
    }
    for setting, service in ports.items():
        host, _, port = environment[setting].rpartition(":")
        assert host in registered
        assert f"--bind=0.0.0.0:{port}" in stacks.containers()[service]["Command"]


# --- Commands and confinement -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", [*SERVING, "migrate", "grants"])
def test_the_commands_are_those_of_compose(name: str, stacks: Stacks) -> None:
    ours = stacks.containers()[name]

    assert ours["Command"] == SERVICES[name]["command"]
    assert ours["User"] == "10001:10001"


def test_the_edge_starts_as_in_compose(stacks: Stacks) -> None:
    for name in ("edge-a", "edge-b"):
        edge = stacks.containers()[name]
        shell, option, script, _ = edge["EntryPoint"]
        starts = f'exec {" ".join(SERVICES["nginx"]["entrypoint"][:-1])} "$@"'
        assert (shell, option, script.endswith(starts)) == ("/bin/sh", "-c", True)
        assert edge["Command"] == SERVICES["nginx"]["entrypoint"][-1:]
        assert edge["User"] == SERVICES["nginx"]["user"]


def test_ports_are_open_where_they_are_asked_for(stacks: Stacks) -> None:
    listening = {
        name: [one["ContainerPort"] for one in container.get("PortMappings", [])]
        for name, container in stacks.containers().items()
    }

    assert {name: ports for name, ports in listening.items() if ports} == {
        "edge-a": [8080], "edge-b": [8080], "web": [8000], "generate": [8000],
    }  # fmt: skip
    for zone in "AB":
        (balanced,) = stacks.resources("service", "AWS::ECS::Service")[f"Edge{zone}Service"]["LoadBalancers"]
        assert (balanced["ContainerName"], balanced["ContainerPort"]) == (f"edge-{zone.lower()}", 8080)


def megabytes(mounts: list[dict[str, Any]]) -> int:
    return sum(mount["Size"] for mount in mounts)


def test_nothing_is_written_to_a_disk_and_nobody_is_root(stacks: Stacks) -> None:
    for task in stacks.resources("service", "AWS::ECS::TaskDefinition").values():
        for one in task["ContainerDefinitions"]:
            linux = one["LinuxParameters"]
            assert one["ReadonlyRootFilesystem"] is (one["Name"] != "shell")
            assert linux["Capabilities"] == {"Drop": ["ALL"]}
            assert not one["User"].startswith("0")
            assert megabytes(linux["Tmpfs"]) < int(task["Memory"]) * 3 / 4
            assert one["LogConfiguration"]["Options"]["mode"] == "non-blocking"
    edge = {
        mount["ContainerPath"]: mount["Size"] for mount in stacks.containers()["edge-a"]["LinuxParameters"]["Tmpfs"]
    }
    assert edge.pop("/tls/trust") == 1
    assert edge == {"/run/rx": 1, "/var/cache/rx": 384, "/var/cache/rx/body": 1400}
    for path, size in edge.items():
        assert f"- {path}:uid=101,gid=101,mode=0700,size={size}m" in TEXT


def test_a_stop_waits_as_long_as_in_compose(stacks: Stacks) -> None:
    for name, service in (*((one, one) for one in SERVING), ("edge-a", "nginx")):
        theirs = int(SERVICES[service]["stop_grace_period"].removesuffix("s"))
        assert theirs <= stacks.containers()[name]["StopTimeout"] <= 120


def paths(stacks: Stacks) -> Iterator[tuple[str, str]]:
    for name, one in stacks.containers().items():
        for path in re.findall(r"https?://127\.0\.0\.1:\d+(/[\w-]+)", str(one.get("HealthCheck", ""))):
            yield name, path


def test_whoever_is_replaced_for_its_health_is_asked_of_nothing_but_itself(stacks: Stacks) -> None:
    asked = dict(paths(stacks))
    (targets,) = stacks.resources("service", "AWS::ElasticLoadBalancingV2::TargetGroup").values()

    assert asked.pop("edge-a") == asked.pop("edge-b") == targets["HealthCheckPath"] == "/edge-healthz"
    assert asked.keys() == {"web", "generate"}
    for path in asked.values():
        assert resolve(path).url_name in ("livez", "healthz")  # never readyz, which tells of the others
    for name in ("worker", "beat"):  # which touch it while they take work: rxproject/watch.py
        assert "'*.alive' -mmin -1" in stacks.containers()[name]["HealthCheck"]["Command"][1]
    assert "credentials.json -mmin" in stacks.containers()["edge-a"]["HealthCheck"]["Command"][1]


# --- Who looked by a link ---------------------------------------------------------------------------------------------
def test_each_edge_has_a_log_of_its_own_that_beat_reads(stacks: Stacks) -> None:
    logs = edges.parse(stacks.environment("beat")["RX_ACCESS_LOGS"])
    folders = stacks.resources("data", "AWS::EFS::AccessPoint")
    tasks = stacks.resources("service", "AWS::ECS::TaskDefinition")

    for zone in "ab":
        folder = folders[f"Edge{zone.upper()}Folder"]
        user = SERVICES["nginx"]["user"].partition(":")[0]
        assert folder["PosixUser"] == {"Uid": user, "Gid": "10001"}
        assert folder["RootDirectory"]["CreationInfo"] == {"OwnerUid": user, "OwnerGid": "10001", "Permissions": "0750"}
        assert str(logs[f"edge-{zone}"]) == f"/var/log/rx{folder['RootDirectory']['Path']}/access.log"
        (volume,) = tasks[f"Edge{zone.upper()}Task"]["Volumes"]
        access = volume["EFSVolumeConfiguration"]
        assert access["AuthorizationConfig"] == {"AccessPointId": f"data-edge{zone}folder", "IAM": "ENABLED"}
        assert access["TransitEncryption"] == "ENABLED"
    (mount,) = stacks.containers()["beat"]["MountPoints"]
    assert mount["ReadOnly"] is True
    services = stacks.resources("service", "AWS::ECS::Service")
    for name in ("EdgeAService", "EdgeBService", "BeatService"):
        # The old one ends before the new one begins: one writer to a log, one beat.
        deployment = services[name]["DeploymentConfiguration"]
        assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (0, 100)
        assert services[name]["DesiredCount"] == 1
    assert stacks.templates["service"]["Resources"]["EdgeBService"]["DependsOn"] == "EdgeAService"


def test_no_log_of_aws_holds_an_address_with_a_token(stacks: Stacks) -> None:
    (balancer,) = stacks.resources("service", "AWS::ElasticLoadBalancingV2::LoadBalancer").values()
    attributes = {one["Key"]: one["Value"] for one in balancer["LoadBalancerAttributes"]}
    (firewall,) = stacks.resources("service", "AWS::WAFv2::WebACL").values()

    assert attributes["access_logs.s3.enabled"] == "false"
    assert not [
        kind for kind in str(stacks.templates["service"]).split("'") if kind == "AWS::WAFv2::LoggingConfiguration"
    ]
    for one in (firewall, *firewall["Rules"]):
        assert one["VisibilityConfig"]["SampledRequestsEnabled"] is False
    # The edge waits for 60 s and keeps idle connections for 65 s.
    assert 60 < int(attributes["idle_timeout.timeout_seconds"]) < 65
    assert attributes["deletion_protection.enabled"] == "true"


def test_everybody_comes_over_tls_through_the_firewall(stacks: Stacks) -> None:
    listeners = stacks.resources("service", "AWS::ElasticLoadBalancingV2::Listener").values()

    (plain,) = (one for one in listeners if one["Port"] == 80)
    (tls,) = (one for one in listeners if one["Port"] == 443)
    assert plain["DefaultActions"][0]["RedirectConfig"]["Protocol"] == "HTTPS"
    assert tls["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-2021-06"
    (association,) = stacks.resources("service", "AWS::WAFv2::WebACLAssociation").values()
    assert association == {"ResourceArn": "service-balancer", "WebACLArn": "service-Firewall.Arn"}


# --- Numbers that depend on each other --------------------------------------------------------------------------------
def option(command: list[str], name: str) -> int:
    (value,) = (part.partition("=")[2] for part in command if part.startswith(f"{name}="))
    return int(value)


def most(stacks: Stacks, role: str) -> int:
    return int(stacks.templates["service"]["Parameters"][f"{role.capitalize()}TasksMost"]["Default"])


def test_the_database_takes_every_connection_while_all_tasks_are_replaced(stacks: Stacks) -> None:
    commands = {name: one["Command"] for name, one in stacks.containers().items() if name in SERVING}
    wanted = sum(
        2 * most(stacks, name) * option(commands[name], "--workers") * settings.RX_DATABASE_POOL
        for name in ("web", "generate")
    )
    wanted += 2 * most(stacks, "worker") * (option(commands["worker"], "--concurrency") + 1)
    wanted += option(commands["beat"], "--concurrency") + 10

    parameters = stacks.resources("data")["DatabaseParameters"]["Parameters"]
    assert wanted <= int(parameters["max_connections"])
    assert stacks.resources("data")["DatabaseConnections"]["Threshold"] < int(parameters["max_connections"])


def test_a_young_account_can_run_what_is_asked_of_lambda_at_one_time(stacks: Stacks) -> None:
    parameters = stacks.templates["service"]["Parameters"]
    processes = 1 + sum(
        int(parameters[f"{name.capitalize()}Tasks"]["Default"])
        * option(stacks.containers()[name]["Command"], "--workers")
        for name in ("web", "generate")
    )

    assert processes * int(parameters["LambdaConcurrency"]["Default"]) <= 10


def test_workers_follow_the_oldest_variant_and_alarms_what_log_lines_have(stacks: Stacks) -> None:
    filters = stacks.resources("service", "AWS::Logs::MetricFilter")
    measured = {one["MetricTransformations"][0]["MetricName"]: one for one in filters.values()}
    alarms = stacks.resources("service", "AWS::CloudWatch::Alarm")

    told = (ROOT / "prescriptions/upkeep/ages.py").read_text()
    assert 'log.info("ages"' in told
    assert '"oldest_variant"' in told
    assert measured["OldestVariant"]["MetricTransformations"][0]["MetricValue"] == "$.oldest_variant"
    assert measured["SweepAge"]["MetricTransformations"][0]["MetricValue"] == "$.duties.sweep"
    assert 'return "original missing"' in (ROOT / "prescriptions/variants/making.py").read_text()
    assert '$.outcome = "original missing"' in measured["OriginalMissing"]["FilterPattern"]
    for name, alarm in alarms.items():
        scales = {"VariantsWait": ["service-moreworkers"], "NobodyWaits": ["service-fewerworkers"]}
        assert alarm["AlarmActions"] == scales.get(name, ["renderer-alarms"]), name
        if alarm["Namespace"] == "service":
            assert alarm["MetricName"] in measured
    silent = alarms["BeatSilent"]
    assert (silent["TreatMissingData"], silent["Statistic"]) == ("breaching", "SampleCount")
    assert float(stacks.environment("beat")["RX_LOG_AGES_EVERY"]) * 2 <= 60


def test_until_the_first_migration_nothing_runs() -> None:
    before = Stacks(given={"service": {"Running": "false"}})

    assert {one["DesiredCount"] for one in before.resources("service", "AWS::ECS::Service").values()} == {0}
    assert not before.resources("service", "AWS::ApplicationAutoScaling::ScalableTarget")
    assert not before.resources("service", "AWS::CloudWatch::Alarm")


def test_no_task_has_an_address_of_its_own(stacks: Stacks) -> None:
    for name, service in stacks.resources("service", "AWS::ECS::Service").items():
        network = service["NetworkConfiguration"]["AwsvpcConfiguration"]
        assert network["AssignPublicIp"] == "DISABLED", name
        assert all(subnet.startswith("network-private") for subnet in network["Subnets"])
        assert service["DeploymentConfiguration"]["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
        (group,) = network["SecurityGroups"]
        task = stacks.resources("service", "AWS::ECS::TaskDefinition")[name.replace("Service", "Task")]
        role = re.sub(r"[AB]?Service$", "", name)
        assert (group, task["TaskRoleArn"]) == (f"network-{role.lower()}group", f"renderer-{role}Role.Arn")
