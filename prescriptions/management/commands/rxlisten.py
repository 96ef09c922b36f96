"""`manage.py rxlisten`: events as they come, one JSON line each, for whoever builds a receiver; and sent on, signed."""

import json
import sys
import time
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from prescriptions.events import feed
from prescriptions.events.sending import addresses, signing
from prescriptions.events.sending.sender import Message, sender
from prescriptions.models import Event, EventType

_AT_ONCE: Final = 100
_LOOK_SECONDS: Final = 1.0


class Command(BaseCommand):
    help = "Prints events as they come, one JSON line each; and sends them on, signed as a webhook's are."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--client", help="of this client alone")
        parser.add_argument("--types", default="", help="of these types alone; comma-separated")
        parser.add_argument("--after", type=int, help="from behind this position on; what comes from now on by default")
        parser.add_argument("--forward-to", metavar="URL", help="POST each there, too; its secret is said at the start")
        parser.add_argument("--once", action="store_true", help="end when there are no more")

    def handle(self, *args: Any, **options: Any) -> None:
        types = [word for word in options["types"].split(",") if word]
        if unknown := sorted(set(types) - set(EventType.values)):
            raise CommandError(f"No such type: {', '.join(unknown)}. Known: {', '.join(EventType.values)}.")
        rows = Event.objects.filter(client=options["client"]) if options["client"] else Event.objects.all()
        after = feed.last_position() if options["after"] is None else options["after"]
        forward = self._forwarder(options["forward_to"])
        while True:
            found = feed.read(rows, after=after, limit=_AT_ONCE, types=types)
            for event in found:
                after = event.position or after
                body = json.dumps(feed.as_told(event), separators=(",", ":"))
                self.stdout.write(body)
                if forward is not None:
                    forward(event.uid, body)
            self.stdout.flush()
            if len(found) == _AT_ONCE:
                continue
            if options["once"]:
                return
            try:
                time.sleep(_LOOK_SECONDS)
            except KeyboardInterrupt:
                sys.exit(0)

    def _forwarder(self, url: str | None) -> Any:
        """Sends one event; what came of it goes to standard error."""
        if not url:
            return None
        try:
            address = addresses.check(url)
        except ValueError as wrong:
            raise CommandError(f"--forward-to: {wrong}") from None
        secret = signing.new_secret()
        self.stderr.write(f"signed with {secret}")

        def forward(uid: str, body: str) -> None:
            headers = signing.signed([secret], address, uid, body.encode(), datetime.now(UTC))
            answer = sender().send(Message(address, headers, body.encode())).result()
            self.stderr.write(f"{uid}: {answer.status or answer.error} in {answer.ms} ms")

        return forward
