"""`manage.py reconcile`: compare rows and objects, both ways, and make good what can be made again."""

from argparse import ArgumentParser
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from prescriptions.infra.storage import StorageUnavailable
from prescriptions.upkeep.reconcile import reconcile


class Command(BaseCommand):
    help = "Takes up expired claims, finds lost and damaged variants, reports originals without rows."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only report")
        parser.add_argument("--delete-originals", action="store_true", help="delete originals that have no row")
        parser.add_argument("--older-than", type=int, metavar="DAYS", help="needed with --delete-originals")

    def handle(self, *args: Any, dry_run: bool, delete_originals: bool, older_than: int | None, **options: Any) -> None:
        if delete_originals and (older_than is None or older_than < 1):
            raise CommandError("--delete-originals needs --older-than DAYS, at least 1: an upload may be in progress.")
        age = timedelta(days=older_than) if delete_originals and older_than else None
        try:
            report = reconcile(dry_run=dry_run, delete_originals_older_than=age)
        except StorageUnavailable as error:
            message = f"The storage does not answer ({error}). Nothing is half done; run it again later."
            raise CommandError(message) from None
        for name, value in asdict(report).items():
            label = name.replace("_", " ")
            if isinstance(value, list):
                self.stdout.write(f"{label:24} {len(value)}")
                for key in value:
                    self.stdout.write(f"  {key}")
            else:
                self.stdout.write(f"{label:24} {value}")
