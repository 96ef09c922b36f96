"""`manage.py doctor`: is everything there, and if not, what to do."""

import json
import shutil
import textwrap
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from prescriptions.ops.doctor import Finding, State, examine

_MARKS: Final = {State.GOOD: "ok", State.WARN: "!", State.BAD: "BAD", State.UNKNOWN: "?"}
_LEFT: Final = 30  # columns of mark and name


class Command(BaseCommand):
    help = (
        "Looks at everything the service needs, and says what to do about what is wrong. Exits with 1 if anything is."
    )
    requires_system_checks = ()  # they are among what it tells

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object a line, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        found = []
        area = ""
        for finding in examine():
            found.append(finding)
            if options["json"]:
                self.stdout.write(json.dumps(asdict(finding)))
                continue
            if finding.area != area:
                area = finding.area
                self.stdout.write(self.style.MIGRATE_HEADING(area))
            self._write(finding)
        bad = sum(finding.state is State.BAD for finding in found)
        late = sum(finding.state is State.WARN for finding in found)
        if bad:
            raise CommandError(f"{bad} bad, {late} to look at, {len(found)} in all.")
        if not options["json"]:
            self.stdout.write(f"Nothing is bad; {late} to look at, {len(found)} in all.")

    def _write(self, finding: Finding) -> None:
        paint: dict[State, Callable[[str], str]] = {State.BAD: self.style.ERROR, State.WARN: self.style.WARNING}
        head = f"  {_MARKS[finding.state]:<4}{finding.name:<{_LEFT - 6}}"
        room = max(40, min(120, shutil.get_terminal_size().columns)) - _LEFT
        lines = textwrap.wrap(finding.seen, room) or [""]
        lines += textwrap.wrap(f"-> {finding.do}", room, subsequent_indent="   ") if finding.do else []
        self.stdout.write(paint.get(finding.state, str)(head) + lines[0])
        for line in lines[1:]:
            self.stdout.write(" " * _LEFT + line)
