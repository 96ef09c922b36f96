"""The page about ASVS has every requirement of levels 1 and 2, and names nothing that is not there."""

import re
from collections import Counter
from typing import Final

from tests.test_docs import ROOT

PAGE = (ROOT / "docs" / "reference" / "asvs.md").read_text()
# How many requirements of level 1 or 2 each section of version 5.0.0 has; they come first, numbered through.
_COUNTS: Final = """
    1.1=2 1.2=9 1.3=11 1.4=3 1.5=2 2.1=3 2.2=3 2.3=4 2.4=1 3.2=2 3.3=4 3.4=6 3.5=5 3.7=2 4.1=3 4.2=1 4.3=2 4.4=4
    5.1=1 5.2=3 5.3=2 5.4=3 6.1=3 6.2=12 6.3=4 6.4=4 6.5=5 6.6=3 6.8=4 7.1=3 7.2=4 7.3=2 7.4=5 7.5=2 7.6=2
    8.1=2 8.2=3 8.3=1 8.4=1 9.1=3 9.2=4 10.1=2 10.2=2 10.3=4 10.4=11 10.5=5 10.6=2 10.7=3
    11.1=2 11.2=3 11.3=3 11.4=4 11.5=1 11.6=1 12.1=3 12.2=2 12.3=4 13.1=1 13.2=5 13.3=2 13.4=5
    14.1=2 14.2=4 14.3=3 15.1=3 15.2=3 15.3=7 16.1=1 16.2=5 16.3=4 16.4=3 16.5=3 17.1=1 17.2=4 17.3=2
"""
SECTIONS: Final = {section: int(count) for section, _, count in (pair.partition("=") for pair in _COUNTS.split())}
ROWS = re.findall(r"^\| ([\d.]+) \| ([12]) \| ([^|]+) \| ([^|]+) \| (.+) \|$", PAGE, re.MULTILINE)


def test_every_requirement_of_both_levels_has_one_row_and_a_state() -> None:
    numbers = [row[0] for row in ROWS]

    assert numbers == [f"{section}.{n}" for section, count in SECTIONS.items() for n in range(1, count + 1)]
    assert {row[3] for row in ROWS} == {"met", "not applicable", "open"}


def test_the_sums_are_those_of_the_rows() -> None:
    for title, levels in (("level 1", "1"), ("levels 1 and 2", "12")):
        count = Counter(row[3] for row in ROWS if row[1] in levels)
        sums = f"{count['met']} | {count['not applicable']} | {count['open']}"
        assert f"| {title} ({count.total()}) | {sums} |" in PAGE


def test_every_test_and_file_that_is_named_is_there() -> None:
    named = set(re.findall(r"`((?:[\w.-]+/)+[\w.-]+|[\w-]+\.(?:txt|json))(?:::(\w+))?`", PAGE))
    assert len(named) > 150

    missing = []
    for path, test in sorted(named):
        file = ROOT / path
        if not file.is_file() or (test and f"\ndef {test}(" not in file.read_text()):
            missing.append(f"{path}::{test}")
    assert missing == []
