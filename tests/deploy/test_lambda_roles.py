"""The deployed side, as far as text can prove it: every grant is on the list."""

from typing import Any

from tests.deploy.lambda_template import CALLERS, flat, granted, of_type
from tests.deploy.lambda_template import resources as resources
from tests.deploy.lambda_template import template as template

# Role: what it may do, on what. Nothing that is not here may be in the template.
GRANTS = {
    "RenderPolicy": {
        ("s3:GetObject", "${Originals.Arn}/*"),
        ("s3:GetObject", "${Variants.Arn}/*"),
        ("s3:PutObject", "${Variants.Arn}/*"),
        ("s3:ListBucket", "Originals.Arn"),
        ("s3:ListBucket", "Variants.Arn"),
        ("kms:Decrypt", "Key.Arn"),
        ("kms:GenerateDataKey", "Key.Arn"),
    },
    "RendererRole": {
        ("logs:CreateLogStream", "RendererLogs.Arn"),
        ("logs:PutLogEvents", "RendererLogs.Arn"),
        ("sqs:SendMessage", "DeadLetters.Arn"),
    },
    "EdgeRole": {
        ("s3:GetObject", "${Variants.Arn}/*"),
        ("s3:ListBucket", "Variants.Arn"),
        ("kms:Decrypt", "Key.Arn"),
    },
    "WorkerRole": {("s3:DeleteObject", "${Variants.Arn}/*")},
    **{name: set[tuple[str, str]]() for name in ("WebRole", "GenerateRole", "BeatRole")},
    "CallPolicy": {
        (
            "execute-api:Invoke",
            "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/${StageName}/POST/render",
        ),
    },
    "WebPolicy": {
        *((f"s3:{action}", "${Originals.Arn}/*") for action in ("GetObject", "PutObject", "DeleteObjectVersion")),
        ("s3:AbortMultipartUpload", "${Originals.Arn}/*"),
        ("s3:ListBucketMultipartUploads", "Originals.Arn"),
        *((f"s3:{action}", "${Variants.Arn}/*") for action in ("GetObject", "DeleteObject", "DeleteObjectVersion")),
        ("s3:PutObject", "${Variants.Arn}/*/document/*"),
        *(
            (f"s3:{action}", f"{bucket}.Arn")
            for bucket in ("Originals", "Variants", "Anchors")
            for action in ("ListBucket", "ListBucketVersions")
        ),
        ("s3:GetObjectVersion", "${Anchors.Arn}/anchors/*"),
        ("s3:PutObject", "${Anchors.Arn}/erasures/*"),
        ("kms:Decrypt", "Key.Arn"),
        ("kms:GenerateDataKey", "Key.Arn"),
    },
    "GeneratePolicy": {
        ("s3:GetObject", "${Variants.Arn}/*"),
        ("s3:DeleteObject", "${Variants.Arn}/*"),
        ("s3:PutObject", "${Variants.Arn}/*/document/*"),
        ("kms:GenerateDataKey", "Key.Arn"),
        ("s3:ListBucket", "Originals.Arn"),
        ("s3:ListBucket", "Variants.Arn"),
        ("s3:GetObjectVersion", "${Anchors.Arn}/anchors/*"),
        ("s3:ListBucketVersions", "Anchors.Arn"),
        ("kms:Decrypt", "Key.Arn"),
    },
    "BeatPolicy": {
        *((f"s3:{action}", "${Originals.Arn}/*") for action in ("GetObject", "DeleteObjectVersion")),
        ("s3:AbortMultipartUpload", "${Originals.Arn}/*"),
        ("s3:ListBucketMultipartUploads", "Originals.Arn"),
        *((f"s3:{action}", "${Variants.Arn}/*") for action in ("GetObject", "DeleteObject", "DeleteObjectVersion")),
        *(
            (f"s3:{action}", f"{bucket}.Arn")
            for bucket in ("Originals", "Variants", "Anchors")
            for action in ("ListBucket", "ListBucketVersions")
        ),
        ("s3:GetObject", "${Anchors.Arn}/anchors/*"),
        ("s3:GetObjectVersion", "${Anchors.Arn}/anchors/*"),
        ("s3:PutObject", "${Anchors.Arn}/anchors/*"),
        ("s3:PutObject", "${Anchors.Arn}/erasures/*"),
        ("kms:Decrypt", "Key.Arn"),
        ("kms:GenerateDataKey", "Key.Arn"),
    },
    "ApiGatewayLogRole": set(),
}


def test_every_grant_is_on_the_list(resources: dict[str, Any]) -> None:
    assert granted(resources) == GRANTS
    assert not of_type(resources, "AWS::IAM::Policy")


def test_no_grant_has_a_wildcard_where_it_matters(resources: dict[str, Any]) -> None:
    for grants in granted(resources).values():
        for action, on in grants:
            assert "*" not in action
            assert on != "*"


def test_policies_are_attached_to_the_roles_they_are_for(resources: dict[str, Any]) -> None:
    roles = of_type(resources, "AWS::IAM::Role")

    attached = {name: [flat(arn) for arn in role.get("ManagedPolicyArns", [])] for name, role in roles.items()}
    assert attached.pop("ApiGatewayLogRole") == [
        "arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
    ]
    assert attached == {
        "RendererRole": ["RenderPolicy"],
        "WorkerRole": ["RenderPolicy"],
        "EdgeRole": [],
        "WebRole": [],
        "GenerateRole": [],
        "BeatRole": [],
    }
    of_policies = {
        name: [flat(role) for role in policy.get("Roles", [])]
        for name, policy in of_type(resources, "AWS::IAM::ManagedPolicy").items()
    }
    assert of_policies == {
        "RenderPolicy": [],
        "CallPolicy": list(CALLERS),
        "WebPolicy": ["WebRole"],
        "GeneratePolicy": ["GenerateRole"],
        "BeatPolicy": ["BeatRole"],
    }


def test_the_edge_can_tell_a_missing_variant_from_a_forbidden_one(resources: dict[str, Any]) -> None:
    edge = granted(resources)["EdgeRole"]

    assert {("s3:GetObject", "${Variants.Arn}/*"), ("s3:ListBucket", "Variants.Arn")} <= edge
    assert not [on for _, on in edge if "Originals" in on]


def test_each_role_is_assumed_by_its_service_alone(resources: dict[str, Any]) -> None:
    assumed = {}
    for name, role in of_type(resources, "AWS::IAM::Role").items():
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Action"]) == ("Allow", "sts:AssumeRole")
        assumed[name] = flat(statement["Principal"]["Service"])

    assert assumed == {
        "RendererRole": "lambda.amazonaws.com",
        "EdgeRole": "ComputeService",
        "WebRole": "ComputeService",
        "GenerateRole": "ComputeService",
        "BeatRole": "ComputeService",
        "WorkerRole": "ComputeService",
        "ApiGatewayLogRole": "apigateway.amazonaws.com",
    }
