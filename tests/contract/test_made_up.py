"""Requests that schemathesis makes up from the OpenAPI document, at rows that are there: no crash, and no answer that
the document does not know. `make fuzz-api` makes up more than five thousand (RX_API_EXAMPLES).
"""

import os
from pathlib import Path

import pytest

from tests.conftest import Site
from tests.contract.fuzzing import fuzz
from tests.contract.seeds import plant

pytestmark = pytest.mark.contract
EXAMPLES = int(os.environ.get("RX_API_EXAMPLES", "4"))
MANY = EXAMPLES > 4
PHASES = "examples,coverage,fuzzing,stateful" if MANY else "examples,fuzzing"
# What needs a question, a claim and its version, an approval or a proof first; the tests beside the views have those.
SHALLOW = {"answer_create", "decision_create", "erasure_drop", "erasure_proof", "orders_reuse"}


@pytest.mark.timeout(3600)
def test_no_made_up_request_is_a_crash_or_a_surprise(site: Site, tmp_path: Path) -> None:
    outcome = fuzz(site.stack.base_url, plant(site), tmp_path, examples=EXAMPLES, phases=PHASES)
    print(outcome.summary)  # noqa: T201 - with `-s`, for whoever counts

    assert outcome.code == 0, outcome.output
    assert not {status for status in outcome.statuses if status >= 500} - {501, 503}
    assert len(outcome.operations) > 40
    assert outcome.operations - outcome.deep <= SHALLOW or not MANY
