"""`manage.py rxretention [--dry-run]`: tonight's work now: what the policy says is due is erased, or only told."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from prescriptions.upkeep import nightly


class Command(BaseCommand):
    help = "Erases prescriptions whose retention is over, by RX_RETENTION; with --dry-run it only tells which."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="erase nothing, whatever RX_RETENTION_JOB says")
        parser.add_argument("--limit", type=int, help="at most so many; RX_RETENTION_LIMIT by default")
        parser.add_argument("--ids", action="store_true", help="list them, too")

    def handle(self, *args: Any, dry_run: bool, limit: int | None, ids: bool, **options: Any) -> None:
        if limit is not None and limit < 1:
            raise CommandError("--limit must be 1 or more.")
        run = nightly.run(dry=True if dry_run else None, limit=limit)
        if run is None:
            raise CommandError("RX_RETENTION_JOB is off. With --dry-run you see what would be due.")
        for rule, count in sorted(run.due.items()):
            self.stdout.write(f"due: {rule:16} {count}")
        for name in ("erased", "held", "failed"):
            self.stdout.write(f"{name:21} {getattr(run, name)}")
        if run.more:
            self.stdout.write("more are due: run it again")
        if ids:
            for rx in run.ids:
                self.stdout.write(rx)
        if run.dry:
            self.stdout.write("a dry run: nothing was erased")
        if run.trouble:
            raise CommandError(run.trouble)
