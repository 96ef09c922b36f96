"""`manage.py runstack`: the whole stack on this machine, until Ctrl-C."""

import json
import os
import signal
import time
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from rxproject.local.stack import Stack, StackError, Stopped

_PAGES = (
    ("Review queue and admin", "/admin/"),
    ("REST API", "/api/v1/docs"),
)
# The samples are an Indian pharmacy's.
_DEMO = {"RX_TIME_ZONE": "Asia/Kolkata"}


class Command(BaseCommand):
    help = "Start S3, Valkey, the site, the worker and nginx on loopback, and keep them running."
    requires_system_checks = ()  # they would ask servers that are not up yet
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--demo", action="store_true", help="load sample prescriptions and users")
        parser.add_argument("--no-edge", action="store_true", help="without nginx: gunicorn at the front door")
        parser.add_argument("--port", type=int, help=f"the front door (default: RX_PORT, {settings.RX_PORT})")

    def handle(self, *_args: Any, **options: Any) -> None:
        started = time.monotonic()
        stack = Stack(
            state_dir=Path(settings.STATE_DIR),
            port=settings.RX_PORT if options["port"] is None else options["port"],
            edge=not options["no_edge"],
            demo=options["demo"],
            overrides=_DEMO if options["demo"] and "RX_TIME_ZONE" not in os.environ else None,
            say=self._say,
        )
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda _number, _frame: stack.request_stop())
        try:
            self._say("Starting ...")
            with stack:
                demo = json.loads(stack.state.demo.read_text()) if options["demo"] else None
                self._say(_banner(stack, seconds=time.monotonic() - started, demo=demo))
                stack.run()
                self._say("Stopping ...")
        except Stopped:
            self._say("Stopped before everything was up.")
        except StackError as error:
            raise CommandError(str(error), returncode=error.exit_code) from error
        self._say("Stopped.")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _banner(stack: Stack, *, seconds: float, demo: Mapping[str, Any] | None) -> str:
    """Where to look, who may log in, how to stop. `demo` is the content of demo.json, or None without --demo."""
    rows = [(title, stack.base_url + path) for title, path in _PAGES]
    if demo:
        rows.insert(0, ("Upload as a customer", demo["order_link"]))
        rows += [
            (f"Log in as {role}", f"{user['username']} / {user['password']}") for role, user in demo["users"].items()
        ]
        rows += [("Tokens and samples", str(stack.state.demo))]
    rows += [("Logs", str(stack.log_path("*"))), ("Stop", f"Ctrl-C, or: kill {os.getpid()}")]
    width = max(len(title) for title, _ in rows)
    lines = [f"  {title:<{width}}  {value}" for title, value in rows]
    return "\n".join(["", f"Ready in {seconds:.1f} s: {stack.base_url}", *lines, ""])
