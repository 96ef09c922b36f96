"""Times nest: who waits, waits longer than what is waited for."""

import re
from dataclasses import replace

import pytest

from prescriptions.ops import budgets
from prescriptions.ops.budgets import Budgets
from tests.conftest import PROJECT
from transforms.limits import LIMITS

SHIPPED = Budgets(computing=10, sandbox=25, lease=40, gateway_call=25, task=90, s3_read=4, s3_tries=4)


def test_the_shipped_times_nest() -> None:
    assert budgets.faults(SHIPPED) == []
    assert (LIMITS.child_cpu_seconds, LIMITS.call_seconds) == (SHIPPED.computing, SHIPPED.sandbox)
    # Twice as much, so that half of a processor is enough for whatever may be computed.
    assert LIMITS.child_wall_seconds == 2 * LIMITS.child_cpu_seconds


def test_a_call_to_s3_takes_all_its_tries_and_the_pauses_between_them() -> None:
    assert SHIPPED.s3 == 4 * 4 + 1 + 2 + 4
    assert replace(SHIPPED, s3_tries=1).s3 == 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"sandbox": 30, "task": 120},
            ["a renderer may take 30 s, but three quarters of a lease (RX_VARIANT_LEASE) ends after 30 s."],
        ),
        (
            {"computing": 20},
            ["a renderer's computing may take 20 s, but the Lambda function ends after 20 s."],
        ),
        (
            {"gateway_call": 12},
            ["the Lambda function may take 20 s, but a call to the gateway (RX_GATEWAY_TIMEOUT) ends after 12 s."],
        ),
        (
            {"lease": 3},
            [
                "a call to the gateway (RX_GATEWAY_TIMEOUT) may take 25 s, but a lease",
                "a renderer may take 25 s, but three quarters of a lease",
                "a call to S3 (RX_S3_TRIES x RX_S3_READ_TIMEOUT and pauses) may take 23 s, but three quarters of a",
                "API Gateway may take 29 s, but a lease (RX_VARIANT_LEASE) ends after 3 s.",
            ],
        ),
        ({"task": 71}, ["fetch, render and put may take 71 s, but a task ends after 71 s."]),
        (
            {"s3_read": 6},
            ["a call to S3 (RX_S3_TRIES x RX_S3_READ_TIMEOUT and pauses) may take 31 s, but three quarters of a lease"],
        ),
    ],
)
def test_what_does_not_nest_is_told(changes: dict[str, float], said: list[str]) -> None:
    found = budgets.faults(replace(SHIPPED, **changes))

    assert len(found) == len(said)
    assert all(fault.startswith(words) for fault, words in zip(found, said, strict=True))


def test_the_function_ends_when_its_template_says() -> None:
    template = (PROJECT / "deploy" / "lambda" / "template.yaml").read_text()

    assert re.findall(r"^\s+Timeout: (\d+)$", template, re.MULTILINE) == [str(budgets.LAMBDA_SECONDS)]
