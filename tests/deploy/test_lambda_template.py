"""The deployed side, as far as text can prove it: buckets are closed, the function is bounded."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.lambda_template import CALLERS, PATH, flat, of_type
from tests.deploy.lambda_template import resources as resources
from tests.deploy.lambda_template import template as template
from tests.deploy.lambda_template import translated as translated
from transforms.keys import piece_key
from transforms.limits import LIMITS

BUCKETS = ("Originals", "Variants", "Anchors", "AccessLogs")


def test_nobody_can_delete_a_seal_of_the_audit_log(resources: dict[str, Any]) -> None:
    anchors = resources["Anchors"]

    assert anchors["DeletionPolicy"] == "Retain"
    assert anchors["Properties"]["ObjectLockEnabled"] is True
    retention = anchors["Properties"]["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert retention == {"Mode": "COMPLIANCE", "Years": {"Ref": "AnchorYears"}}


def test_there_are_no_other_buckets(resources: dict[str, Any]) -> None:
    assert set(of_type(resources, "AWS::S3::Bucket")) == set(BUCKETS)


@pytest.mark.parametrize("name", BUCKETS)
def test_a_bucket_is_private_owned_and_encrypted(resources: dict[str, Any], name: str) -> None:
    bucket = resources[name]["Properties"]

    block = bucket["PublicAccessBlockConfiguration"]
    assert block == dict.fromkeys(
        ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
    )
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert "AccessControl" not in bucket
    assert "WebsiteConfiguration" not in bucket
    assert "CorsConfiguration" not in bucket
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    expected = (
        {"SSEAlgorithm": "AES256"}
        if name == "AccessLogs"
        else {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Fn::GetAtt": ["Key", "Arn"]}}
    )
    assert rule["ServerSideEncryptionByDefault"] == expected


@pytest.mark.parametrize("name", BUCKETS)
def test_a_bucket_refuses_everybody_without_tls(resources: dict[str, Any], name: str) -> None:
    policy = resources[f"{name}Policy"]["Properties"]

    (deny,) = [found for found in policy["PolicyDocument"]["Statement"] if found.get("Sid") == "TlsOnly"]
    assert policy["Bucket"] == {"Ref": name}
    assert (deny["Effect"], deny["Principal"], deny["Action"]) == ("Deny", "*", "s3:*")
    assert [flat(on) for on in deny["Resource"]] == [f"{name}.Arn", f"${{{name}.Arn}}/*"]
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_bucket_policies_allow_nobody_but_the_log_delivery(resources: dict[str, Any]) -> None:
    allows = [
        (name, statement["Principal"], statement["Action"], statement["Condition"])
        for name, policy in of_type(resources, "AWS::S3::BucketPolicy").items()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]

    assert allows == [
        (
            "AccessLogsPolicy",
            {"Service": "logging.s3.amazonaws.com"},
            "s3:PutObject",
            {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
        )
    ]


@pytest.mark.parametrize("name", ["Originals", "Variants", "Anchors"])
def test_old_tls_and_old_signatures_are_refused(resources: dict[str, Any], name: str) -> None:
    document = resources[f"{name}Policy"]["Properties"]["PolicyDocument"]

    conditions = {found["Sid"]: found["Condition"] for found in document["Statement"] if found["Effect"] == "Deny"}
    assert conditions["ModernTlsOnly"] == {"NumericLessThan": {"s3:TlsVersion": "1.2"}}
    assert conditions["FreshSignaturesOnly"] == {"NumericGreaterThan": {"s3:signatureAge": "900000"}}


def test_originals_are_versioned_and_kept(resources: dict[str, Any]) -> None:
    originals = resources["Originals"]
    rule, of_pieces = originals["Properties"]["LifecycleConfiguration"]["Rules"]

    assert (originals["DeletionPolicy"], originals["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert originals["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": {"Ref": "NoncurrentDays"}}
    assert "ExpirationInDays" not in rule
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 2}
    assert (of_pieces["Prefix"], of_pieces["ExpirationInDays"]) == ("incoming/", 3)
    assert piece_key("0" * 32, 1, 1).startswith(of_pieces["Prefix"])


def test_variants_expire_and_leave_no_versions(template: dict[str, Any]) -> None:
    variants = template["Resources"]["Variants"]["Properties"]
    (rule,) = variants["LifecycleConfiguration"]["Rules"]

    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", {"Ref": "VariantDays"})
    assert template["Parameters"]["VariantDays"]["Default"] == 90
    assert "VersioningConfiguration" not in variants


@pytest.mark.parametrize("name", ["Originals", "Variants", "Anchors"])
def test_access_to_objects_is_logged(resources: dict[str, Any], name: str) -> None:
    assert resources[name]["Properties"]["LoggingConfiguration"] == {
        "DestinationBucketName": {"Ref": "AccessLogs"},
        "LogFilePrefix": f"{name.lower()}/",
    }


def test_the_key_is_used_through_roles_and_rotated(resources: dict[str, Any]) -> None:
    key = resources["Key"]["Properties"]

    assert key["EnableKeyRotation"] is True
    principals = [flat(next(iter(found["Principal"].values()))) for found in key["KeyPolicy"]["Statement"]]
    assert principals == [
        "arn:${AWS::Partition}:iam::${AWS::AccountId}:root",
        "logs.${AWS::Region}.amazonaws.com",
        "cloudwatch.amazonaws.com",
    ]
    assert all("Condition" in found for found in key["KeyPolicy"]["Statement"][1:])


# --- function and API ----------------------------------------------------------------------------------------------


def test_the_function_is_bounded(resources: dict[str, Any]) -> None:
    function = resources["Renderer"]["Properties"]

    assert function["Handler"] == "transforms.function.handler.handler"
    assert function["Architectures"] == ["arm64"]
    assert LIMITS.child_cpu_seconds < function["Timeout"] == 20 < 29
    assert function["MemorySize"] * 2**20 >= 2 * LIMITS.child_memory_bytes
    assert "Reserves" in function["ReservedConcurrentExecutions"]["Fn::If"]
    assert function["DeadLetterQueue"] == {"Type": "SQS", "TargetArn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}
    assert function["Role"] == {"Fn::GetAtt": ["RendererRole", "Arn"]}
    assert "FunctionUrlConfig" not in function
    assert set(function["Environment"]["Variables"]) == {"RX_ORIGINALS_BUCKET", "RX_VARIANTS_BUCKET"}


def test_a_young_account_can_deploy_it(template: dict[str, Any]) -> None:
    """Ten renders at a time are all it has, and Lambda lets nobody reserve any of them."""
    assert template["Parameters"]["ReservedConcurrency"]["Default"] == 0
    assert template["Parameters"]["Concurrency"]["Default"] < 10


def test_the_one_way_in_is_a_signed_post(translated: dict[str, Any]) -> None:
    body = translated["Api"]["Properties"]["Body"]

    (path, methods), *others = body["paths"].items()
    assert (path, list(methods), others) == ("/render", ["post"], [])
    assert methods["post"]["security"] == [{"AWS_IAM": []}]
    scheme = body["components"]["securitySchemes"]["AWS_IAM"]
    assert scheme["x-amazon-apigateway-authtype"] == "awsSigv4"
    assert methods["post"]["x-amazon-apigateway-integration"]["type"] == "aws_proxy"
    assert "credentials" not in methods["post"]["x-amazon-apigateway-integration"]
    permissions = of_type(translated, "AWS::Lambda::Permission")
    assert [found["Principal"] for found in permissions.values()] == ["apigateway.amazonaws.com"]
    assert all("SourceArn" in found for found in permissions.values())


def test_the_api_answers_those_alone_who_ask_for_renders(translated: dict[str, Any]) -> None:
    allow, deny, private = translated["Api"]["Properties"]["Body"]["x-amazon-apigateway-policy"]["Statement"]
    callers = [{"Fn::GetAtt": [role, "Arn"]} for role in CALLERS]

    assert (allow["Effect"], allow["Principal"]) == ("Allow", {"AWS": callers})
    assert allow["Resource"] == ["execute-api:/*/POST/render"]
    assert (deny["Effect"], deny["Principal"], deny["Resource"]) == ("Deny", "*", ["execute-api:/*"])
    assert deny["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": callers}}
    condition, outside, _ = private["Fn::If"]
    assert (condition, outside["Effect"]) == ("HasVpcEndpoint", "Deny")
    assert "aws:SourceVpce" in outside["Condition"]["StringNotEquals"]


def test_the_stage_is_throttled_and_logged_without_bodies(translated: dict[str, Any]) -> None:
    (stage,) = of_type(translated, "AWS::ApiGateway::Stage").values()
    (settings,) = stage["MethodSettings"]
    log_format = json.loads(stage["AccessLogSetting"]["Format"])

    assert settings["ThrottlingRateLimit"] == {"Ref": "RequestsPerSecond"}
    assert settings["ThrottlingBurstLimit"] == {"Ref": "Concurrency"}
    assert settings["DataTraceEnabled"] is False
    assert stage["AccessLogSetting"]["DestinationArn"] == {"Fn::GetAtt": ["ApiLogs", "Arn"]}
    assert {"requestId", "caller", "status"} <= log_format.keys()


def test_logs_and_dead_letters_are_encrypted_and_kept_a_year(template: dict[str, Any]) -> None:
    resources = template["Resources"]
    for group in of_type(resources, "AWS::Logs::LogGroup").values():
        assert group == {"RetentionInDays": {"Ref": "LogDays"}, "KmsKeyId": {"Fn::GetAtt": ["Key", "Arn"]}}
    assert min(template["Parameters"]["LogDays"]["AllowedValues"]) >= 365
    assert resources["DeadLetters"]["Properties"]["SqsManagedSseEnabled"] is True


def test_every_alarm_tells_somebody(resources: dict[str, Any]) -> None:
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")

    assert {(alarm["Namespace"], alarm["MetricName"]) for alarm in alarms.values()} == {
        ("AWS/Lambda", "Errors"),
        ("AWS/Lambda", "Throttles"),
        ("AWS/Lambda", "Duration"),
        ("AWS/ApiGateway", "5XXError"),
        ("AWS/ApiGateway", "4XXError"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
    }
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == [{"Ref": "Alarms"}]
        assert alarm["TreatMissingData"] == "notBreaching"
        assert alarm["AlarmDescription"]


def test_no_yaml_that_cloudformation_does_not_read() -> None:
    events = [type(event).__name__ for event in yaml.parse(PATH.read_text())]

    assert "AliasEvent" not in events


def test_cfn_lint_finds_nothing() -> None:
    linter = Path(sys.executable).with_name("cfn-lint")
    command = [linter, "--include-checks", "W", "I", "--non-zero-exit-code", "informational", PATH]

    run = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (run.returncode, run.stdout) == (0, "")
