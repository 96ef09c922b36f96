"""`manage.py restore-check`: after a restore, what was lost: made good, or named. Exits with 1 until acknowledged."""

from argparse import ArgumentParser
from typing import Any

import redis
from django.core.management.base import BaseCommand, CommandError

from prescriptions.infra.storage import StorageUnavailable
from prescriptions.upkeep.restoring import checking


class Command(BaseCommand):
    help = (
        "Rebuilds uploads that a restored database lacks, erases again what was erased since, and names the decisions "
        "that were lost. Exits with 1 until somebody acknowledges them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--stopped", action="store_true", help="web, generate and beat are stopped: no upload is on its way"
        )
        parser.add_argument("--acknowledge", metavar="NAME", help="who knows now what was lost; the audit log keeps it")

    def handle(self, *args: Any, stopped: bool, acknowledge: str | None, **options: Any) -> None:
        if acknowledge is not None and not 1 <= len(acknowledge.strip()) <= 100:
            raise CommandError("--acknowledge needs the name of a person, 100 characters at most.")
        try:
            report = checking.check(stopped=stopped)
            self._print(report)
            if acknowledge and not (report.incomplete or report.unreadable or report.on_their_way):
                self.stdout.write(f"acknowledged: {checking.acknowledge(acknowledge.strip())}")
                return
        except StorageUnavailable as error:
            message = f"The storage cannot be reached ({error}). Run it again: it goes on where it was."
            raise CommandError(message) from None
        except redis.RedisError as error:
            raise CommandError(f"Redis cannot be reached ({type(error).__name__}). Run it again.") from None
        if report.incomplete or report.unreadable or report.on_their_way:
            raise CommandError("Not everything could be rebuilt: docs/how-to/back-up-and-restore.md says what to do.")
        if report.waiting:
            raise CommandError("Tell those who have to know, then: manage.py restore-check --acknowledge NAME")

    def _print(self, report: checking.Report) -> None:
        self._list("uploads rebuilt", report.rebuilt)
        self._list("uploads whose originals are missing or damaged", report.incomplete)
        self._list("uploads whose receipt no key opens", report.unreadable)
        self._list("uploads that may be on their way", report.on_their_way)
        self.stdout.write(f"erased again: {report.erased}")
        decisions = report.decisions
        others = [act for act in report.acts if act not in decisions]
        self._list("decisions lost", [f"{rx} {verb} {at}" for rx, _seq, verb, at in decisions])
        self._list("other steps lost", [f"{rx} {verb} {at}" for rx, _seq, verb, at in others])
        self._list(
            "chains that were longer", [f"{rx} had {had}, has {has}" for rx, (had, has) in sorted(report.cut.items())]
        )
        for count, what in (
            (report.witnessed, "chains of which only Redis knows: nothing says what was done"),
            (report.unnamed, "anchors of an older release, which do not say what was done"),
            (report.forged, "anchors that our keys did not sign; they are left out"),
        ):
            if count:
                self.stdout.write(f"{what}: {count}")

    def _list(self, what: str, entries: list[str]) -> None:
        self.stdout.write(f"{what}: {len(entries)}")
        for entry in entries:
            self.stdout.write(f"  {entry}")
