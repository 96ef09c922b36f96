"""`manage.py stats`: the figures of the start page, for people or (--json) for programs."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand
from rest_framework.renderers import JSONRenderer

from prescriptions.figures.telling import MOST_DAYS, PARTS, stats


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_DAYS:
        message = f"A whole number from 1 to {MOST_DAYS}."
        raise ArgumentTypeError(message)
    return int(text)


class Command(BaseCommand):
    help = "Tells the figures of the start page: the queue, renders, what making variants on demand has saved."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=_days, default=7, help="so many days, today included (default: 7)")
        parser.add_argument("--json", action="store_true", help="all of it, as GET /api/v1/stats answers it")

    def handle(self, *args: Any, days: int, json: bool, **options: Any) -> None:
        told = stats(days)
        if json:
            self.stdout.write(JSONRenderer().render(told).decode())
            return
        for part in PARTS:
            self.stdout.write(part)
            rows = list(_rows(told[part]))
            width = max(len(name) for name, _value in rows)
            for name, value in rows:
                self.stdout.write(f"  {name:<{width}}  {value}")


def _rows(told: dict[str, Any], under: str = "") -> Iterator[tuple[str, str]]:
    """Hours, days and weeks are for charts."""
    for name, value in told.items():
        if name in ("hours", "weeks", "by_day"):
            continue
        if isinstance(value, dict):
            yield from _rows(value, f"{under}{name} ")
        elif isinstance(value, list):
            words = [f"{one['code']} {one['count']}" if isinstance(one, dict) else one for one in value]
            yield f"{under}{name}", ", ".join(words) or "-"
        else:
            yield f"{under}{name}", "-" if value is None else f"{value:,}" if isinstance(value, int | float) else value
