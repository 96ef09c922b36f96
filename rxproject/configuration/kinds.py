"""Kinds of values that only this service has: its backends, link keys, drug schedules. The general ones are in
environment.py.
"""

import re
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from prescriptions.infra import edges
from prescriptions.infra.keys import keyrings
from prescriptions.variants.backends import names
from rxproject.configuration.environment import Kind, text

# As in prescriptions.models.Schedule, which cannot be loaded before the settings are.
SCHEDULES: Final = ("otc", "H", "H1", "X")
_ZONES: Final = Path("/usr/share/zoneinfo")


def backend() -> Kind[str]:
    """Who makes variants; the class itself is looked for when the apps are loaded (see ops/checks.py)."""

    def parse(value: str) -> str:
        if value:
            names.path_of(value)
        return value

    return Kind(f"{', '.join(names.SHORT_NAMES)} or the dotted path of a class", parse)


def keyring() -> Kind[str]:
    def parse(value: str) -> str:
        if value and not keyrings.parse(value):
            raise ValueError(value)
        return value

    return Kind(keyrings.ALLOWED, parse, secret=True)


def keys() -> Kind[list[str]]:
    """Secret keys that were in use before."""

    def parse(value: str) -> list[str]:
        found = [part.strip() for part in value.split(",")] if value else []
        if not all(re.fullmatch(r"[\x21-\x7e]{8,200}", key) for key in found):
            raise ValueError(value)
        return found

    return Kind("keys of 8 to 200 visible characters, with commas between them", parse, secret=True)


def dsn() -> Kind[str]:
    """Where errors are reported, in Sentry's way of saying it."""
    pattern = r"https?://[0-9A-Za-z]+@[0-9A-Za-z.:-]+(?:/[0-9A-Za-z_-]+)+"
    return text("an address such as https://key@host/1", pattern, secret=True)


def edge_logs() -> Kind[dict[str, Path]]:
    """The access log of each edge, by the edge's name."""
    return Kind(edges.ALLOWED, edges.parse)


def validity() -> Kind[dict[str, int]]:
    """Days by drug schedule; `*` stands for those that are not named."""

    def parse(value: str) -> dict[str, int]:
        pairs = [re.fullmatch(r"\s*(\S+?)\s*:\s*([0-9]{1,4})\s*", entry) for entry in value.split(",")]
        days = {pair[1]: int(pair[2]) for pair in pairs if pair}
        if len(days) < len(pairs) or "*" not in days or set(days) - {"*", *SCHEDULES} or not all(days.values()):
            raise ValueError(value)
        return days

    allowed = f"schedule:days with commas between them: * for all that are not named, and any of {', '.join(SCHEDULES)}"
    return Kind(f"{allowed}, each with 1 to 9999 days", parse)


def retention() -> Kind[dict[str, tuple[int, int | None]]]:
    """Days to keep and days to the erasure, by how a prescription ended: `approved:730-never`. Of approved ones also by
    drug schedule. None: never by itself.
    """
    statuses = ("open", "rejected", "withdrawn", "approved")

    def parse(value: str) -> dict[str, tuple[int, int | None]]:
        pattern = r"\s*([a-z]+(?:/\w+)?)\s*:\s*([0-9]{1,5})\s*-\s*([0-9]{1,5}|never)\s*"
        found = [re.fullmatch(pattern, entry) for entry in value.split(",")]
        rules = {rule[1]: (int(rule[2]), None if rule[3] == "never" else int(rule[3])) for rule in found if rule}
        known = {*statuses, *(f"approved/{schedule}" for schedule in SCHEDULES)}
        if len(rules) < len(found) or set(rules) - known or set(statuses) - set(rules):
            raise ValueError(value)
        if any(erase is not None and erase < keep for keep, erase in rules.values()):
            raise ValueError(value)
        return rules

    allowed = f"status:days-days with commas between them, for each of {', '.join(statuses)} and any of "
    allowed += f"{', '.join(f'approved/{schedule}' for schedule in SCHEDULES)}: days to keep, then as many or more "
    return Kind(f"{allowed}until it is erased, or never, each from 0 to 99999", parse)


def prices() -> Kind[dict[str, Any]]:
    """What a saving is worth: `currency`, and the price of each thing that is saved, in it."""
    priced = ("cpu_hour", "put_thousand", "gb_month")

    def parse(value: str) -> dict[str, Any]:
        pattern = r"\s*([a-z_]+)\s*:\s*([A-Z]{3}|[0-9]{1,6}(?:\.[0-9]{1,9})?)\s*"
        found = [re.fullmatch(pattern, entry) for entry in value.split(",")]
        table = {pair[1]: pair[2] for pair in found if pair}
        if len(table) < len(found) or set(table) != {"currency", *priced} or not table["currency"].isalpha():
            raise ValueError(value)
        return {"currency": table["currency"], **{name: float(table[name]) for name in priced}}

    return Kind(f"name:price with commas between them: currency (three letters), {', '.join(priced)}", parse)


def time_zone() -> Kind[str]:
    """Of the IANA database; also where this machine has it, for Django looks there."""

    def parse(value: str) -> str:
        try:
            ZoneInfo(value)
        except (LookupError, OSError):
            raise ValueError(value) from None
        if _ZONES.is_dir() and not (_ZONES / value).is_file():
            raise ValueError(value)
        return value

    return Kind("a time zone of this machine, such as UTC or Europe/Berlin", parse)
