"""Times that must nest: whoever waits must wait longer than what is waited for, or work that is still under way is
taken for lost and done twice. Pure: the numbers are handed in.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

# Of what is deployed beside this process: deploy/lambda/template.yaml, and API Gateway's own limit.
LAMBDA_SECONDS: Final = 20
API_SECONDS: Final = 29


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """All in seconds, but for the number of tries. `sandbox`: one call of it; `computing`: what one of its jobs may."""

    computing: float
    sandbox: float
    lease: float
    gateway_call: float
    task: float
    s3_read: float
    s3_tries: int

    @property
    def s3(self) -> float:
        """The longest that one call to S3 takes: every try, and before each but the first a pause that doubles from 1 s
        (botocore's standard mode).
        """
        return self.s3_tries * self.s3_read + (1 << self.s3_tries - 1) - 1


def faults(budgets: Budgets) -> list[str]:
    """A sentence for each pair that does not nest."""
    lease = ("a lease (RX_VARIANT_LEASE)", budgets.lease)
    s3 = ("a call to S3 (RX_S3_TRIES x RX_S3_READ_TIMEOUT and pauses)", budgets.s3)
    # Each step of a task begins with a lease that has three quarters left; see `variants/making.py`.
    step = ("three quarters of a lease (RX_VARIANT_LEASE)", budgets.lease * 3 / 4)
    whole = ("fetch, render and put", 2 * budgets.s3 + budgets.sandbox)
    chains = (
        (
            ("a renderer's computing", budgets.computing),
            ("the Lambda function", LAMBDA_SECONDS),
            ("a call to the gateway (RX_GATEWAY_TIMEOUT)", budgets.gateway_call),
            lease,
        ),
        (("a renderer", budgets.sandbox), step),
        (s3, step),
        (whole, ("a task", budgets.task)),
        (("API Gateway", API_SECONDS), lease),
    )
    found = (
        f"{inner} may take {least:g} s, but {outer} ends after {most:g} s."
        for chain in chains
        for (inner, least), (outer, most) in pairwise(chain)
        if least >= most
    )
    return list(dict.fromkeys(found))
