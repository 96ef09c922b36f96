"""The four templates of a deployment on AWS, evaluated as CloudFormation would, as far as text can be: parameters,
conditions, imports of one stack from another, secrets. What only AWS knows is a made-up name.
"""

import ipaddress
import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from samtranslator.yaml_helper import yaml_parse

ROOT: Final = Path(__file__).parents[2]
AWS: Final = ROOT / "deploy" / "aws"
FILES: Final = {
    "network": AWS / "network.yaml",
    "renderer": ROOT / "deploy" / "lambda" / "template.yaml",
    "data": AWS / "data.yaml",
    "service": AWS / "service.yaml",
}
PSEUDO: Final = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
}
NOTHING: Final = object()  # AWS::NoValue
SECRET: Final = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rx-Ab12Cd"
VERSION: Final = "0f1e2d3c-0000-4000-8000-000000000001"
# What is a file in Compose is told in the environment, and written to memory before the server starts.
FILES_TOLD: Final = frozenset({"WEB_TLS", "WEB_CA"})
GIVEN: Final[dict[str, dict[str, str]]] = {
    "network": {"S3PrefixList": "pl-6da54004"},
    "renderer": {"PythonRuntime": "python3.11", "VpcEndpointId": "vpce-0123456789abcdef0"},
    "data": {
        "NetworkStack": "network", "RendererStack": "renderer", "SecretArn": SECRET, "SecretVersion": VERSION,
    },
    "service": {
        "NetworkStack": "network", "RendererStack": "renderer", "DataStack": "data", "SecretArn": SECRET,
        "SecretVersion": VERSION, "DomainName": "rx.pharmacy.org", "Tag": "1", "MigrateTag": "2",
        "CertificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/1",
    },
}  # fmt: skip


def make_secrets(folder: Path) -> tuple[dict[str, str], str, list[str]]:
    """What make-secrets.sh hands to AWS, what it prints, and the command line, which everybody can read."""
    aws = folder / "aws"
    aws.write_text(
        f'#!/bin/sh\necho "$@" >{folder}/told\nfor one; do case $one in file://*) cp "${{one#file://}}" '
        f"{folder}/secret;; esac; done\necho arn version\n"
    )
    aws.chmod(0o755)
    env = {"PATH": f"{folder}:{os.environ['PATH']}", "TMPDIR": str(folder)}
    made = subprocess.run(
        ["/bin/sh", AWS / "make-secrets.sh", "rx"], env=env, capture_output=True, text=True, check=True
    )
    return json.loads((folder / "secret").read_text()), made.stdout, (folder / "told").read_text().split()


@cache
def templates() -> dict[str, Any]:
    return {name: yaml_parse(path.read_text()) for name, path in FILES.items()}


@dataclass
class Stacks:
    """All four stacks. `secret`: what make-secrets.sh made; `given`: parameters by stack, on top of GIVEN."""

    secret: dict[str, str] = field(default_factory=dict)
    given: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.templates = templates()

    def resources(self, stack: str, kind: str = "") -> dict[str, Any]:
        """Properties of the stack's resources of one kind, evaluated; those whose condition fails are left out."""
        found = self.templates[stack]["Resources"].items()
        return {
            name: self.value(stack, item.get("Properties", {}))
            for name, item in found
            if kind in ("", item["Type"]) and self.holds(stack, item.get("Condition", ""))
        }

    def holds(self, stack: str, condition: str) -> bool:
        return not condition or bool(self.value(stack, self.templates[stack]["Conditions"][condition]))

    def value(self, stack: str, node: Any) -> Any:
        if isinstance(node, list):
            return [value for item in node if (value := self.value(stack, item)) is not NOTHING]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((name, argument),) = node.items()
            if name in ("Ref", "Condition") or name.startswith("Fn::"):
                return self._function(stack, name.removeprefix("Fn::"), argument)
        values = {name: self.value(stack, item) for name, item in node.items()}
        return {name: value for name, value in values.items() if value is not NOTHING}

    def _function(self, stack: str, name: str, argument: Any) -> Any:
        match name:
            case "Ref":
                return self._ref(stack, argument)
            case "Condition":
                return self.holds(stack, argument)
            case "GetAtt":
                return f"{stack}-" + ".".join(argument if isinstance(argument, list) else [argument])
            case "GetAZs":
                return ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
            case "If":
                return self.value(stack, argument[1 if self.holds(stack, argument[0]) else 2])
            case "Sub":
                return self._sub(stack, argument)
            case "ImportValue":
                return self._export(str(self.value(stack, argument)))
        values = self.value(stack, argument)
        match name:
            case "Equals":
                return str(values[0]) == str(values[1])
            case "Not":
                return not values[0]
            case "Join":
                return values[0].join(str(value) for value in values[1])
            case "Select":
                return values[1][int(values[0])]
            case "Split":
                return values[1].split(values[0])
            case "Cidr":
                whole, count, bits = values
                subnets = ipaddress.ip_network(whole).subnets(new_prefix=32 - int(bits))
                return [str(next(subnets)) for _ in range(int(count))]
        raise NotImplementedError(name)

    def _ref(self, stack: str, name: str) -> Any:
        if name == "AWS::NoValue":
            return NOTHING
        if name == "AWS::StackName":
            return stack
        if name in PSEUDO:
            return PSEUDO[name]
        given = GIVEN[stack] | self.given.get(stack, {})
        if name in given:
            return given[name]
        parameter = self.templates[stack].get("Parameters", {}).get(name)
        if parameter is not None:
            return str(parameter["Default"])
        assert name in self.templates[stack]["Resources"], name
        return f"{stack}-{name}".lower()

    def _sub(self, stack: str, argument: Any) -> str:
        text, more = argument if isinstance(argument, list) else (argument, {})

        def fill(match: re.Match[str]) -> str:
            name = match[1]
            if name in more:
                return str(self.value(stack, more[name]))
            resource, dot, _ = name.partition(".")
            return f"{stack}-{name}".lower() if dot and resource else str(self._ref(stack, name))

        return self._resolved(re.sub(r"\$\{([\w:.]+)\}", fill, text))

    def _resolved(self, text: str) -> str:
        """Dynamic references to the secret, which CloudFormation replaces."""
        pattern = r"\{\{resolve:secretsmanager:" + re.escape(SECRET) + r":SecretString:(\w+)::" + VERSION + r"\}\}"
        found = re.sub(pattern, lambda match: self.secret[match[1]], text)
        assert "{{" not in found, text
        return found

    def _export(self, name: str) -> Any:
        stack = name.partition("-")[0]
        for output in self.templates[stack]["Outputs"].values():
            if self.value(stack, output.get("Export", {}).get("Name", "")) == name:
                return self.value(stack, output["Value"])
        raise KeyError(name)

    # --- Tasks --------------------------------------------------------------------------------------------------------

    def containers(self) -> dict[str, Any]:
        """Every container of every task, by its name."""
        tasks = self.resources("service", "AWS::ECS::TaskDefinition").values()
        return {one["Name"]: one for task in tasks for one in task["ContainerDefinitions"]}

    def environment(self, container: str) -> dict[str, str]:
        """What a container is told, as ECS does it: secrets are keys of JSON, by their place in an ARN."""
        one = self.containers()[container]
        told = {item["Name"]: str(item["Value"]) for item in one["Environment"]}
        return told | {item["Name"]: self.opened(item["ValueFrom"]) for item in one["Secrets"]}

    def opened(self, place: str) -> str:
        arn, key, stage, version = place.rsplit(":", 3)
        assert stage == ""
        if arn == SECRET:
            assert version == VERSION
            return self.secret[key]
        addresses = self.resources("data")["Addresses"]
        assert arn == "data-addresses"
        found: dict[str, str] = json.loads(addresses["SecretString"])
        return found[key]
