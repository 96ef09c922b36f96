"""The page of benchmarks holds everything that is to be measured, in the words of the code that measures it."""

from pathlib import Path

import pytest

from bench import page, rows
from bench.registry import SECTIONS
from bench.rows import Row, against, attempt, kept, record


@pytest.fixture
def nothing_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "RESULTS", tmp_path)


def table_rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:2] == "| "]


def test_the_page_holds_every_row_that_is_wanted() -> None:
    text = page.PAGE.read_text()
    names = [row[0] for row in table_rows(text)]

    headings = [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
    assert headings == [section.title for section in SECTIONS]
    wanted = [name for section in SECTIONS for name in section.rows]
    assert len(wanted) > 10
    assert [name for name in wanted if not any(found.startswith(name.strip()) for found in names)] == []


@pytest.mark.usefixtures("nothing_kept")
def test_what_this_checkout_has_not_measured_stands_as_it_stood() -> None:
    assert page.page() == page.PAGE.read_text()

    record("journey", [against("12 MP to 550 jpg, ipx", 70.0, 50.0, "ipx", unit="ms", goal="<= 1.4")])

    before, after = page.PAGE.read_text().splitlines(), page.page().splitlines()
    assert "`python -m bench.hit`" in "".join(line for line in after if line in before)
    assert "12 MP to 550 jpg, ipx" in "".join(line for line in after if line not in before)


@pytest.mark.usefixtures("nothing_kept")
def test_what_nobody_has_measured_is_said_to_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "PAGE", tmp_path / "benchmarks.md")

    found = [row for row in table_rows(page.page()) if row[-1] == "not measured"]

    assert sorted(row[0] for row in found) == sorted(name.strip() for section in SECTIONS for name in section.rows)


@pytest.mark.usefixtures("nothing_kept")
def test_a_result_is_kept_and_takes_its_place_on_the_page() -> None:
    record("journey", [against("12 MP to 550 jpg, ipx", 70.0, 50.0, "ipx", unit="ms", goal="<= 1.4", p95=90.0)])

    measured, [row] = kept("journey")
    assert (row.ratio, row.verdict) == (1.4, "met")
    text = page.page()
    assert ["12 MP to 550 jpg, ipx", "70 ms", "90", "50 (ipx)", "1.40×", "≤ 1.4×", "met"] in table_rows(text)
    assert f"`python -m bench.journey`: {measured['day']}, commit {measured['commit']}, load" in text


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (Row(name="a", ours=0.9, unit="", goal=">= 0.8"), "met"),
        (Row(name="a", ours=0.7, unit="", goal=">= 0.8"), "not met"),
        (Row(name="a", ours=None, unit="", goal=">= 0.8", note="ConnectionError: refused"), "not measured"),
        (against("a", 100.0, 50.0, "ipx", unit="ms", goal="<= 1.4"), "not met"),
        (against("a", 1.0, None, "ipx", unit="ms", goal="<= 1.4"), "not measured"),  # the peer did not start
        (Row(name="a", ours=1.0, unit=""), ""),
    ],
)
def test_a_verdict_is_about_the_ratio_where_there_is_a_peer(row: Row, verdict: str) -> None:
    assert row.verdict == verdict


@pytest.mark.parametrize(("load", "busy"), [("0.5", False), ("99.0", True)])
def test_a_run_on_a_busy_machine_is_told_from_a_quiet_one(load: str, busy: bool) -> None:
    assert page.is_busy({"load": load}) is busy


def test_a_failure_is_a_result() -> None:
    found, note = attempt(lambda: 1 / 0)

    assert (found, note) == (None, "ZeroDivisionError: division by zero")


def test_what_is_shipped_is_what_the_stack_installs() -> None:
    assert "pillow" in page.shipped()
