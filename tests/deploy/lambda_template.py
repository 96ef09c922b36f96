"""The template of the deployed side as CloudFormation reads it, and what its policies grant."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[2]
PATH = ROOT / "deploy/lambda/template.yaml"
# Who hands variants to Lambda: those who are told of the gateway in docker-compose.yml.
CALLERS = ("WebRole", "GenerateRole", "BeatRole")


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml_parse(PATH.read_text())
    return parsed


@pytest.fixture(scope="module")
def resources(template: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"]
    return found


@pytest.fixture(scope="module")
def translated() -> dict[str, Any]:
    """What SAM makes of it: the resources that CloudFormation gets."""
    source = yaml_parse(PATH.read_text())
    source["Resources"]["Renderer"]["Properties"]["CodeUri"] = "s3://bucket/key"

    class NoManagedPolicies:
        def load(self) -> dict[str, str]:
            return {}

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        made: dict[str, Any] = transform(source, {"PythonRuntime": "python3.11"}, NoManagedPolicies())
    resources: dict[str, Any] = made["Resources"]
    return resources


def of_type(resources: dict[str, Any], kind: str) -> dict[str, Any]:
    return {name: item["Properties"] for name, item in resources.items() if item["Type"] == kind}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def flat(value: Any) -> str:
    """An intrinsic function as the text that its short form has in the file."""
    if isinstance(value, dict):
        ((name, argument),) = value.items()
        return ".".join(argument) if name == "Fn::GetAtt" else str(argument)
    return str(value)


def statements(document: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(effect, action, resource) for each pair that a policy names."""
    for statement in document["Statement"]:
        for action in listed(statement["Action"]):
            for resource in listed(statement["Resource"]):
                yield statement["Effect"], action, flat(resource)


def granted(resources: dict[str, Any]) -> dict[str, set[tuple[str, str]]]:
    found: dict[str, set[tuple[str, str]]] = {}
    for name, role in of_type(resources, "AWS::IAM::Role").items():
        documents = [policy["PolicyDocument"] for policy in role.get("Policies", [])]
        found[name] = {(action, on) for document in documents for _, action, on in statements(document)}
    for name, policy in of_type(resources, "AWS::IAM::ManagedPolicy").items():
        found[name] = {(action, on) for _, action, on in statements(policy["PolicyDocument"])}
    return found
