"""`manage.py erase RX … | --patient REF | --order REF`: erase prescriptions and prove it."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from prescriptions.audit.actors import SYSTEM
from prescriptions.infra.problems import Problem
from prescriptions.infra.storage import StorageUnavailable
from prescriptions.management.whose import add_arguments, whose
from prescriptions.models import Prescription
from prescriptions.upkeep import erasure, four_eyes, together


class Command(BaseCommand):
    help = "Erases prescriptions: every variant, original and version. What must be kept is refused, with the reason."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("rx", nargs="*", help="ids, of 32 digits")
        add_arguments(parser, required=False)
        parser.add_argument("--wait", action="store_true", help="return once the storage is proved empty (about 45 s)")

    def handle(self, *args: Any, rx: list[str], wait: bool, **options: Any) -> None:
        wanted = whose(options)
        if bool(rx) == bool(wanted.reference):
            raise CommandError("Name prescriptions, or a patient, or an order.")
        try:
            if wanted.reference:
                rx = list(together.find(Prescription.objects.all(), wanted).values_list("pk", flat=True))
            erased = [identifier for identifier in rx if self._erase(identifier)]
        except Problem as problem:
            raise CommandError(problem.detail) from None
        except StorageUnavailable:
            message = "The storage does not answer. The tombstone is set; the sweep deletes the objects."
            raise CommandError(message) from None
        for identifier in erased if wait else ():
            while not Prescription.objects.filter(pk=identifier, purged_at__isnull=False).exists():
                erasure.sweep()
                time.sleep(1)
            self.stdout.write(f"{identifier} proved empty")

    def _erase(self, identifier: str) -> bool:
        prescription = Prescription.objects.filter(pk=identifier).first()
        if prescription is None:
            raise CommandError(f"There is no prescription {identifier!r}.")
        if four_eyes.erase(prescription, actor=SYSTEM) is not None:
            self.stdout.write(f"{identifier} waits: a person with the permission has to agree, in the admin")
            return False
        self.stdout.write(f"{identifier} erased")
        return True
