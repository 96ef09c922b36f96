"""Which tests stay together in one worker, and which begin first.

`--dist loadgroup` means this. What xdist has for it writes groups into node ids, which pytest 9 does not allow.
"""

import json
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# Tests that use one of these fixtures stay together, so that it is made once. The longest first.
GROUPS: Final = {
    "private_stack": "private stack",
    "lambda_site": "lambda",
    "postgresql": "postgresql",
    "real_s3": "s3",
    "store": "edge",
}
# Made once for a worker, and its tests take long: they need not stay together.
APART: Final = "browser"


def unit_of(item: pytest.Item) -> str:
    """What is handed out as one: a group, a test that takes long, or else a module with its fixtures."""
    fixtures: list[str] = getattr(item, "fixturenames", [])
    if mark := item.get_closest_marker("xdist_group"):
        return str(mark.args[0])
    if groups := [group for fixture, group in GROUPS.items() if fixture in fixtures]:
        return groups[0]
    if item.get_closest_marker("slow") or APART in fixtures:
        return item.nodeid
    return item.nodeid.partition("::")[0]


def arrange(items: list[pytest.Item]) -> None:
    """Groups, then what takes long, then the largest modules: or one worker would end long after the others."""
    units = [unit_of(item) for item in items]
    sizes, groups = Counter(units), list(GROUPS.values())

    def place(item: pytest.Item) -> tuple[int, int, bool]:
        unit, last = unit_of(item), item.get_closest_marker("last") is not None
        if unit in groups:
            return groups.index(unit), 0, last
        kind = len(groups) + (0 if "::" not in unit and "/" not in unit else 1 if "::" in unit else 2)
        return kind, -sizes[unit], last

    items.sort(key=place)


def write_down(items: list[pytest.Item], folder: Path) -> None:
    """In each worker, for the process that hands out tests: it does not collect them itself."""
    file = folder / f"units-{id(items)}"
    file.write_text(json.dumps({item.nodeid: unit_of(item) for item in items}))
    file.replace(folder / "units.json")


class Units(LoadScopeScheduling):
    """Hands out units in the order of `arrange`."""

    def __init__(self, config: pytest.Config, log: Producer, folder: Path) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False
        self._folder = folder

    @cached_property
    def _units(self) -> dict[str, str]:
        units: dict[str, str] = json.loads((self._folder / "units.json").read_text())
        return units

    def _split_scope(self, nodeid: str) -> str:
        return self._units[nodeid]


def scheduler(config: pytest.Config, log: Producer, folder: Path) -> Any:
    return Units(config, log, folder) if config.getoption("dist") == "loadgroup" else None
