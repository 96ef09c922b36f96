"""`manage.py rxaudit verify|anchor|verify-export`: prove that the audit log, or an export, is whole; seal its heads."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from prescriptions import audit
from prescriptions.audit import exports
from prescriptions.infra.storage import StorageUnavailable
from prescriptions.models import AuditAnchor
from prescriptions.upkeep.restoring import checking


class Command(BaseCommand):
    help = "Verifies the chains of the audit log, their anchors and the copies in the bucket; or makes an anchor."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        verifying = actions.add_parser("verify", help="does every chain hold, by its events and its anchors?")
        verifying.add_argument("--rx", help="one prescription only")
        verifying.add_argument("--anchor", help="a digest that was kept elsewhere and must still be there")
        verifying.add_argument("--offline", action="store_true", help="do not ask the bucket of anchors")
        actions.add_parser("anchor", help="seal the heads of all chains now")
        exported = actions.add_parser("verify-export", help="is it as it was signed?")
        exported.add_argument("file", type=Path, help="what the auditor's desk exported")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        getattr(self, f"_{action.replace('-', '_')}")(**options)

    def _verify(self, *, rx: str | None, anchor: str | None, offline: bool, **_: Any) -> None:
        try:
            report = audit.verify(rx, bucket=not offline)
        except StorageUnavailable as error:
            raise CommandError(f"The bucket of anchors cannot be read ({error}); --offline leaves it out.") from error
        faults = report.faults
        for fault in faults:
            self.stderr.write(f"{fault.rx or 'anchor'} {fault.seq}: {fault.what}")
        if anchor and not AuditAnchor.objects.filter(digest=anchor).exists():
            faults.append(audit.Fault("", 0, "missing"))
            self.stderr.write(f"anchor {anchor}: there is no such anchor")
        for restore in report.restored:
            who = f"acknowledged by {restore.by}" if restore.by else "not acknowledged: restore-check"
            lacks = f"anchors {restore.after + 1} to {restore.upto}" if restore.upto > restore.after else "no anchors"
            counts = ", ".join(f"{name} {count}" for name, count in sorted(restore.told["counts"].items()))
            self.stdout.write(f"restored before {restore.at:%Y-%m-%d %H:%M}: lacks {lacks} ({counts}); {who}")
        if faults:
            message = f"{len(faults)} faults: the audit log was tampered with, or the database was restored."
            raise CommandError(f"{message} After a restore: manage.py restore-check.")
        self.stdout.write(f"whole: {report.events} events")
        for witness in report.unasked:
            self.stdout.write(f"not asked: {witness}. What was recorded since the last anchor may be missing.")

    def _verify_export(self, *, file: Path, **_: Any) -> None:
        try:
            with file.open("rb") as source:
                verdict = exports.verify(source)
        except (OSError, exports.NoExport) as error:
            raise CommandError(f"{file}: {error}") from error
        if not verdict.genuine:
            raise CommandError(f"{file}: changed since it was exported.")
        if not verdict.key:
            raise CommandError(f"{file}: not signed, for there were no RX_AUDIT_KEYS. Anybody can have made it.")
        self.stdout.write(f"genuine: {verdict.count} events, signed with {verdict.key}")

    def _anchor(self, **_: Any) -> None:
        try:
            due = checking.is_due()
        except StorageUnavailable:
            due = False  # it cannot be published either, which is told below
        if due:
            raise CommandError("The bucket has anchors that this database lacks. First: manage.py restore-check.")
        made = audit.anchor(everything=True)
        self.stdout.write("nothing new to anchor" if made is None else f"{made.digest} over {made.chains} chains")
        try:
            audit.publish()
        except StorageUnavailable as error:
            raise CommandError(f"The bucket of anchors cannot be written ({error}).") from error
