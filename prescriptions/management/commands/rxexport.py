"""`manage.py rxexport --patient REF --client NAME FILE`: all prescriptions of a patient or an order as a ZIP."""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from prescriptions.audit.actors import SYSTEM
from prescriptions.infra.problems import Problem
from prescriptions.infra.storage import StorageUnavailable
from prescriptions.management.whose import add_arguments, whose
from prescriptions.models import Prescription
from prescriptions.upkeep import export, together


class Command(BaseCommand):
    help = "Writes a ZIP with the files, the data and the audit log of all prescriptions of one patient or one order."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_arguments(parser, required=True)
        parser.add_argument("file", type=Path, help="must not exist; only you can read it")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        wanted = whose(options)
        try:
            rxs = list(together.find(Prescription.objects.all(), wanted).values_list("pk", flat=True))
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except Problem as problem:
            raise CommandError(problem.detail) from None
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from None
        try:
            with os.fdopen(handle, "wb") as out:
                out.writelines(export.export(rxs, actor=SYSTEM, by=wanted.by))
        except StorageUnavailable as error:
            file.unlink()
            raise CommandError(f"The storage does not answer ({error}). Nothing was written.") from None
        self.stdout.write(f"{len(rxs)} prescriptions in {file}")
