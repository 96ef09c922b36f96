"""`manage.py rxlooks`: who looked by a link, read off edges' access logs, once. Where beat cannot read them itself.

Run it beside the edge, from a timer. Each line counts once, however often and wherever it is run.
"""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from prescriptions.audit import edge_logs
from prescriptions.infra import edges
from prescriptions.models import EdgeLog


class Command(BaseCommand):
    help = "Counts looks by link from the access logs of edges, for the audit log."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("log", nargs="*", help="name=/path/of/access.log; without any those of RX_ACCESS_LOGS")

    def handle(self, *args: Any, log: list[str], **options: Any) -> None:
        try:
            named = edges.parse(",".join(log)) if log else settings.RX_ACCESS_LOGS
        except ValueError:
            raise CommandError(f"Logs must be {edges.ALLOWED}.") from None
        if not named:
            raise CommandError("Name a log, or set RX_ACCESS_LOGS.")
        while edge_logs.read_all(named):
            pass
        for row in EdgeLog.objects.filter(ended=False).order_by("edge", "pk"):
            self.stdout.write(f"{row.edge}: {row.lines} lines up to {row.until}, {row.malformed} of them malformed")
