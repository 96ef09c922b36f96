"""`manage.py rxerasures replay|verify|list`: the ledger of erasures, against a database that may have been restored."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from prescriptions.infra.storage import StorageUnavailable
from prescriptions.upkeep import ledger, replaying


class Command(BaseCommand):
    help = "Erases again what a restored database has and the ledger of erasures says is gone; or only looks."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("replay", help="erase again; servers open by themselves once it is done")
        actions.add_parser("verify", help="exit with 1 where the ledger has what this database lacks")
        actions.add_parser("list", help="time and id of every erasure")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        try:
            getattr(self, f"_{action}")()
        except StorageUnavailable as error:
            message = f"The ledger or the storage cannot be reached ({error}). Run it again: it goes on where it was."
            raise CommandError(message) from None

    def _replay(self) -> None:
        self.stdout.write(f"{replaying.replay()} erased again")

    def _verify(self) -> None:
        found = ledger.compare()
        for rx in found.alive:
            self.stdout.write(rx)
        if found.forged:
            self.stderr.write(f"{found.forged} entries were not signed by our keys, and are left out")
        if found.alive:
            raise CommandError(f"{len(found.alive)} were erased and are there again: rxerasures replay")
        self.stdout.write("this database has nothing that was erased")

    def _list(self) -> None:
        for at, rx in ledger.entries():
            self.stdout.write(f"{at} {rx}")
