"""The docs say what is true: every link leads somewhere, every problem code is explained."""

import re
from pathlib import Path

import pytest

from prescriptions.models import ReviewStatus
from prescriptions.review.rules import CUSTOMERS, RULES, STAFF
from tests import commands_page
from transforms.errors import ALL

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_every_file_that_the_map_names_is_there() -> None:
    text = (ROOT / "docs" / "explanation" / "map.md").read_text()
    named = set(re.findall(r"`((?:[\w.-]+/)+[\w.-]*)`", text))

    assert len(named) > 40
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_the_page_of_commands_is_what_the_commands_say() -> None:
    """And every option says what it is for."""
    page = commands_page.page()

    assert re.findall(r"^\| `[^`]+` \|\s*\|$", page, re.MULTILINE) == []
    assert commands_page.PAGE.read_text() == page, "python -m tests.commands_page > docs/reference/commands.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text())

    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_problem_of_the_library_is_explained() -> None:
    text = (ROOT / "docs" / "reference" / "problems.md").read_text()

    assert [kind.code for kind in ALL if f"`{kind.code}`" not in text] == []


def test_every_problem_that_is_raised_by_name_is_explained() -> None:
    text = (ROOT / "docs" / "reference" / "problems.md").read_text()
    code = "".join(path.read_text() for path in sorted((ROOT / "prescriptions").rglob("*.py")))
    named = set(re.findall(r'\bProblem\(\s*\d{3},\s*"([\w-]+)"', code))
    named |= set(re.findall(r'\brefused\("([\w-]+)"', code))
    named |= set(re.findall(r"/docs/problems#([\w-]+)", (ROOT / "deploy/nginx/nginx.conf.template").read_text()))

    assert len(named) > 20
    assert sorted(name for name in named if f"`{name}`" not in text) == []


def test_every_picture_that_is_shown_is_there_and_every_picture_that_is_there_is_shown() -> None:
    shown = {
        (page.parent / target).resolve()
        for page in PAGES
        for target in re.findall(r"!\[[^\]]+\]\((?!https?:)([^)\s]+)\)", page.read_text())
    }
    there = {file.resolve() for file in (ROOT / "docs" / "images").rglob("*") if file.is_file()}

    assert sorted(shown ^ there) == []


def test_pictures_have_words_and_stay_small() -> None:
    screens = list((ROOT / "docs" / "images" / "screens").iterdir())

    assert [page.name for page in PAGES if "![](" in page.read_text()] == []
    assert [file.name for file in screens if file.stat().st_size >= 120_000] == []
    assert sum(file.stat().st_size for file in screens) < 1_200_000


def test_the_table_of_a_review_is_the_one_that_is_enforced() -> None:
    text = (ROOT / "docs" / "explanation" / "review.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \| (.+) \|$", text, re.MULTILINE)

    def names(statuses: frozenset[ReviewStatus]) -> str:
        return ", ".join(f"`{status}`" for status in ReviewStatus if status in statuses)

    people = {STAFF: "staff", CUSTOMERS: "customer"}
    assert rows == [
        (
            action.value,
            names(rule.sources),
            names(rule.targets),
            people.get(rule.kinds, "system")
            + (f": `{rule.permission}`" if rule.permission else "")
            + (", holder" if rule.holder else ""),
        )
        for action, rule in RULES.items()
    ]
