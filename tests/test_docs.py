"""The docs say what is true: every setting is listed, every link leads somewhere, every problem code is explained."""

import re
from pathlib import Path

import pytest

from rxproject.edge import EDGE_NAMES, EDGE_SECRETS
from transforms.errors import ALL

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_every_setting_is_described_and_nothing_else_is() -> None:
    text = (ROOT / "docs" / "reference" / "settings.md").read_text()
    described = set(re.findall(r"`(RX_[A-Z0-9_]+)`", text))

    read = set(re.findall(r"\"(RX_[A-Z0-9_]+)\"", (ROOT / "rxproject" / "settings.py").read_text()))
    used = read | set(EDGE_NAMES) | set(EDGE_SECRETS) | {"RX_PORT"}

    assert sorted(used - described) == []
    assert sorted(described - used) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text())

    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_problem_of_the_library_is_explained() -> None:
    text = (ROOT / "docs" / "reference" / "problems.md").read_text()

    assert [kind.code for kind in ALL if f"`{kind.code}`" not in text] == []
