"""The network on AWS: who reaches whom, which is what docker-compose.yml says with its networks, and no way out."""

import ipaddress
from itertools import pairwise
from typing import Any

from tests.deploy.cloudformation import Stacks

# Compose's networks, written as ways: from, to, port.
WAYS = {
    ("Balancer", "Edge", 8080),
    ("Edge", "Web", 8000),
    ("Edge", "Generate", 8000),
    ("Edge", "Files", 2049),
    ("Edge", "Endpoints", 443),
    *(
        (who, to, port)
        for who in ("Web", "Generate", "Beat")
        for to, port in (("Database", 5432), ("Cache", 6379), ("Endpoints", 443), ("Gateway", 443))
    ),
    ("Beat", "Files", 2049),
    ("Beat", "Shell", 443),
    # What opens files of strangers reaches the stores, and neither the gateway nor a shell.
    *(("Worker", to, port) for to, port in (("Database", 5432), ("Cache", 6379), ("Endpoints", 443))),
}  # fmt: skip
TASKS = {"Edge", "Web", "Generate", "Worker", "Beat"}


def group(reference: str) -> str:
    name = reference.removeprefix("network-").removesuffix("group")
    return name.capitalize()


def ways(rules: dict[str, Any], own: str, other: str) -> set[tuple[str, str, int]]:
    assert all(rule["IpProtocol"] == "tcp" and rule["FromPort"] == rule["ToPort"] for rule in rules.values())
    return {(group(rule[own]), group(rule[other]), rule["FromPort"]) for rule in rules.values() if other in rule}


def test_the_ways_are_these_from_both_ends(stacks: Stacks) -> None:
    out = stacks.resources("network", "AWS::EC2::SecurityGroupEgress")
    into = stacks.resources("network", "AWS::EC2::SecurityGroupIngress")

    assert ways(out, "GroupId", "DestinationSecurityGroupId") == WAYS
    assert {(there, here, port) for here, there, port in ways(into, "GroupId", "SourceSecurityGroupId")} == WAYS
    assert all("SourceSecurityGroupId" in rule for rule in into.values())


def test_beyond_them_tasks_reach_s3_alone(stacks: Stacks) -> None:
    out = stacks.resources("network", "AWS::EC2::SecurityGroupEgress")
    others = {name: rule for name, rule in out.items() if "DestinationSecurityGroupId" not in rule}

    assert {group(rule["GroupId"]) for rule in others.values()} == TASKS
    assert all(rule["DestinationPrefixListId"] == "pl-6da54004" and rule["FromPort"] == 443 for rule in others.values())
    for name, made in stacks.resources("network", "AWS::EC2::SecurityGroup").items():
        # The rule that AWS makes by itself, which lets everything out, is replaced by one that lets nothing out.
        (nothing,) = made["SecurityGroupEgress"]
        assert (nothing["CidrIp"], nothing["IpProtocol"]) == ("127.0.0.1/32", "-1")
        assert ("SecurityGroupIngress" in made) is (name == "BalancerGroup")


def test_a_collector_is_reached_by_what_serves_and_only_if_asked_for(stacks: Stacks) -> None:
    more = Stacks(given={"network": {"Collector": "yes"}})
    out = ways(more.resources("network", "AWS::EC2::SecurityGroupEgress"), "GroupId", "DestinationSecurityGroupId")
    into = ways(more.resources("network", "AWS::EC2::SecurityGroupIngress"), "GroupId", "SourceSecurityGroupId")

    new = {(who, "Collector", port) for who in ("Web", "Generate", "Worker", "Beat") for port in (4318, 3000)}
    assert out - WAYS == {(here, there, port) for there, here, port in into} - WAYS == new
    assert "CollectorGroup" not in stacks.resources("network", "AWS::EC2::SecurityGroup")


def test_a_way_out_is_webs_and_beats_and_only_if_asked_for(stacks: Stacks) -> None:
    out = Stacks(given={"network": {"WayOut": "yes"}})
    kind = "AWS::EC2::SecurityGroupEgress"

    more = out.resources("network", kind).keys() - stacks.resources("network", kind).keys()
    assert more == {"WebToProviders", "BeatToReceivers"}
    for asked, count in ((stacks, 0), (out, 1)):
        assert len(asked.resources("network", "AWS::EC2::NatGateway")) == count
        routes = [
            route["RouteTableId"]
            for route in asked.resources("network", "AWS::EC2::Route").values()
            if route["DestinationCidrBlock"] == "0.0.0.0/0"
        ]
        assert sorted(routes) == ["network-privateroutes"] * count + ["network-publicroutes"]


def test_subnets_are_apart_and_only_the_load_balancers_are_public(stacks: Stacks) -> None:
    subnets = stacks.resources("network", "AWS::EC2::Subnet")
    networks = {name: ipaddress.ip_network(subnet["CidrBlock"]) for name, subnet in subnets.items()}

    assert set(networks) == {f"{kind}{zone}" for kind in ("Public", "Private", "Data") for zone in "AB"}
    ordered = sorted(networks.values())
    assert not any(one.overlaps(other) for one, other in pairwise(ordered))
    assert not any(subnet["MapPublicIpOnLaunch"] for subnet in subnets.values())
    for kind in ("Public", "Private", "Data"):
        assert len({subnets[f"{kind}{zone}"]["AvailabilityZone"] for zone in "AB"}) == 2
    tables = {
        one["SubnetId"]: one["RouteTableId"]
        for one in stacks.resources("network", "AWS::EC2::SubnetRouteTableAssociation").values()
    }
    assert tables == {
        f"network-{kind}{zone}": f"network-{kind}routes" for kind in ("public", "private") for zone in "ab"
    }


def test_the_edge_trusts_the_load_balancers_network_and_asks_the_vpcs_own_dns(stacks: Stacks) -> None:
    subnets = stacks.resources("network", "AWS::EC2::Subnet")
    edge = {item["Name"]: item["Value"] for item in stacks.containers()["edge-a"]["Environment"]}
    trusted = ipaddress.ip_network(edge["RX_EDGE_TRUSTED_PROXY"])

    inside = {
        name for name, one in subnets.items() if ipaddress.ip_network(one["CidrBlock"]).subnet_of(trusted)  # type: ignore[arg-type]
    }  # fmt: skip
    assert inside == {"PublicA", "PublicB"}
    assert edge["RX_EDGE_RESOLVER"] == "10.40.0.2"
    other = Stacks(given={"network": {"VpcCidr": "10.7.0.0/16"}}).containers()["edge-b"]["Environment"]
    assert {"Name": "RX_EDGE_RESOLVER", "Value": "10.7.0.2"} in other


def test_endpoints_are_for_this_account_and_what_tasks_ask(stacks: Stacks) -> None:
    endpoints = stacks.resources("network", "AWS::EC2::VPCEndpoint")
    services = {one["ServiceName"].removeprefix("com.amazonaws.eu-west-1.") for one in endpoints.values()}

    assert services == {"s3", "ecr.api", "ecr.dkr", "logs", "secretsmanager", "execute-api", "ssmmessages"}
    for endpoint in endpoints.values():
        if endpoint["VpcEndpointType"] == "Interface":
            assert endpoint["PrivateDnsEnabled"] is True
            (statement,) = endpoint["PolicyDocument"]["Statement"]
            assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": "123456789012"}}
        else:
            own, layers = endpoint["PolicyDocument"]["Statement"]
            assert own["Condition"] == {"StringEquals": {"aws:ResourceAccount": "123456789012"}}
            assert layers["Action"] == "s3:GetObject"


def test_a_tag_is_one_image_for_good(stacks: Stacks) -> None:
    for repository in stacks.resources("network", "AWS::ECR::Repository").values():
        assert repository["ImageTagMutability"] == "IMMUTABLE"
        assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
