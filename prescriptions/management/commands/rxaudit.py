"""`manage.py rxaudit verify|anchor`: prove that the audit log is whole, or seal its heads."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from prescriptions import audit
from prescriptions.models import AuditAnchor, AuditEvent


class Command(BaseCommand):
    help = "Verifies the hash chains of the audit log against each other and their anchors, or makes a new anchor."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        verifying = actions.add_parser("verify")
        verifying.add_argument("--rx", help="one prescription only")
        verifying.add_argument("--anchor", help="a digest that was kept elsewhere and must still be there")
        actions.add_parser("anchor")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        getattr(self, f"_{action}")(**options)

    def _verify(self, *, rx: str | None, anchor: str | None, **_: Any) -> None:
        faults = audit.verify(rx)
        for fault in faults:
            self.stderr.write(f"{fault.rx or 'anchor'} {fault.seq}: {fault.what}")
        if anchor and not AuditAnchor.objects.filter(digest=anchor).exists():
            faults.append(audit.Fault("", 0, "missing"))
            self.stderr.write(f"anchor {anchor}: there is no such anchor")
        if faults:
            message = f"{len(faults)} faults: the audit log was tampered with, or the database was restored in part."
            raise CommandError(message)
        events = AuditEvent.objects.count() if rx is None else AuditEvent.objects.filter(rx=rx).count()
        self.stdout.write(f"whole: {events} events")

    def _anchor(self, **_: Any) -> None:
        made = audit.anchor()
        self.stdout.write("nothing new to anchor" if made is None else f"{made.digest} over {made.chains} chains")
