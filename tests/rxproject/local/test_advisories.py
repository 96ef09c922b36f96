"""What is known against packages is told; what was not looked up is not taken for an answer."""

from typing import Any

import pytest

from rxproject.local.advisories import judge

GOOD = {"name": "good", "version": "1", "vulns": []}
BAD = {"name": "bad", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
UNKNOWN = {"name": "unknown", "skip_reason": "Dependency not found on the index"}


@pytest.mark.parametrize(
    ("packages", "status", "said"),
    [
        ([GOOD, GOOD], 0, ["Nothing is known against 2 packages."]),
        ([GOOD, BAD], 1, ["bad 2: CVE-1, mended in 3"]),
        (
            [UNKNOWN, UNKNOWN],
            0,
            ["NOT CHECKED: no index of advisories answers for 2 packages; none of them was looked at."],
        ),
        (
            [BAD, UNKNOWN],
            1,
            [
                "bad 2: CVE-1, mended in 3",
                "NOT CHECKED: no index of advisories answers for 2 packages; 1 of them were not looked at.",
            ],
        ),
    ],
)
def test_a_report(packages: list[dict[str, Any]], status: int, said: list[str]) -> None:
    assert judge({"dependencies": packages}) == (status, said)
