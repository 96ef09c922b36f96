"""`manage.py erase RX …`: erase prescriptions and prove it."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from prescriptions.infra.problems import Problem
from prescriptions.infra.storage import StorageUnavailable
from prescriptions.models import Prescription
from prescriptions.upkeep import erasure


class Command(BaseCommand):
    help = "Erases prescriptions: every variant, original and version. What must be kept is refused, with the reason."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("rx", nargs="+")
        parser.add_argument("--wait", action="store_true", help="return once the storage is proved empty (about 45 s)")

    def handle(self, *args: Any, rx: list[str], wait: bool, **options: Any) -> None:
        for identifier in rx:
            prescription = Prescription.objects.filter(pk=identifier).first()
            if prescription is None:
                message = f"There is no prescription {identifier!r}."
                raise CommandError(message)
            try:
                erasure.erase(prescription)
            except Problem as problem:
                raise CommandError(problem.detail) from None
            except StorageUnavailable:
                message = "The storage does not answer. The tombstone is set; the sweep deletes the objects."
                raise CommandError(message) from None
            self.stdout.write(f"{identifier} erased")
        for identifier in rx if wait else ():
            while not Prescription.objects.filter(pk=identifier, purged_at__isnull=False).exists():
                erasure.sweep()
                time.sleep(1)
            self.stdout.write(f"{identifier} proved empty")
